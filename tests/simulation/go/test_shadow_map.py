"""The shadow map finds SMOG's contacts, and shades as the paper says."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.optimize import brentq
from scipy.spatial.transform import Rotation

from carried import protein, villin_models
from levinthal.errors import DataError
from levinthal.simulation.go.go_model import go_model
from levinthal.simulation.go.heavy_atoms import read_heavy_atoms
from levinthal.simulation.go.ideal_fold import three_helix_residues
from levinthal.simulation.go.shadow_map import shadow_map
from levinthal.simulation.systems.molecular_system import Residue


def one_atom_residues(*positions_nm, chains=None):
    """Return residues of one atom each, every one a chain of its own unless chains are given."""
    names = chains or [chr(ord("A") + k) for k in range(len(positions_nm))]
    return [
        Residue("GLY", chain, str(k), {"CA": tuple(map(float, position))})
        for k, (position, chain) in enumerate(zip(positions_nm, names, strict=True))
    ]


def pairs(residues, **options):
    return {tuple(pair) for pair in shadow_map(residues, **options).tolist()}


def test_contacts_are_those_of_smog(shared_data):
    for structure, contacts in (("ci2_2ci2_adj", "ci2_2ci2_shadow_CA"), ("ci2_1YPA_I", "ci2_1YPA_I_CA")):
        residues, _, _ = read_heavy_atoms(shared_data / "md" / f"{structure}.pdb")
        rows = np.loadtxt(shared_data / "md" / f"{contacts}.contacts", dtype=int)
        assert pairs(residues) == {(min(i, j) - 1, max(i, j) - 1) for i, j in rows[:, [1, 3]].tolist()}


def test_without_shadow_it_is_the_plain_cutoff_map():
    residues, _, _ = read_heavy_atoms(protein("villin"))
    atoms = [np.array(list(residue.atoms.values())) for residue in residues]
    expected = {
        (i, j)
        for i in range(len(atoms))
        for j in range(i + 4, len(atoms))
        if np.linalg.norm(atoms[i][:, None] - atoms[j][None], axis=-1).min() <= 0.6
    }
    assert len(expected) > 80
    assert pairs(residues, radius_nm=0) == expected


def test_an_atom_between_two_hides_them_from_each_other():
    ends = [(0, 0, 0), (0.5, 0, 0)]
    assert pairs(one_atom_residues(*ends)) == {(0, 1)}
    assert pairs(one_atom_residues(*ends, (0.25, 0, 0))) == {(0, 2), (1, 2)}
    # Seen from an end, the disc of the other end leaves the shadow where the angle between them is that of both radii.
    edge = brentq(lambda y: np.arctan(y / 0.25) - np.arctan(0.1 / np.hypot(0.25, y)) - np.arctan(0.1 / 0.5), 0.01, 0.5)
    assert (0, 1) not in pairs(one_atom_residues(*ends, (0.25, edge * 0.9, 0)))
    assert (0, 1) in pairs(one_atom_residues(*ends, (0.25, edge * 1.1, 0)))
    assert pairs(one_atom_residues((0, 0, 0), (0.61, 0, 0))) == set()


def test_near_neighbours_count_only_between_chains():
    positions = [(0.3 * k, 0, 0.2 * (k % 2)) for k in range(3)]
    assert pairs(one_atom_residues(*positions, chains="AAA"), radius_nm=0) == set()
    assert (0, 1) in pairs(one_atom_residues(*positions, chains="ABB"), radius_nm=0)


@given(st.integers(0, 2**32 - 1))
def test_the_map_does_not_depend_on_the_frame(seed):
    rng = np.random.default_rng(seed)
    rotation, shift = Rotation.random(random_state=seed).as_matrix(), rng.normal(0, 5, 3)
    positions = rng.uniform(0, 1, (12, 3))
    moved = positions @ rotation.T + shift
    assert pairs(one_atom_residues(*positions)) == pairs(one_atom_residues(*moved))


def test_two_atoms_in_one_place_are_named():
    with pytest.raises(DataError, match="GLY A 0 and one of GLY B 1 lie in one place"):
        shadow_map(one_atom_residues((0, 0, 0), (0, 0, 0)))


def written(tmp_path, lines):
    path = tmp_path / "made.pdb"
    path.write_text("\n".join([*lines, "END"]) + "\n")
    return path


def pdb_lines(residues):
    lines, serial = [], 0
    for residue in residues:
        for name, position in residue.atoms.items():
            serial += 1
            x, y, z = (10 * value for value in position)
            lines.append(
                f"ATOM  {serial:5d}  {name:<3} {residue.name:>3} {residue.chain}{int(residue.number):4d}    "
                f"{x:8.3f}{y:8.3f}{z:8.3f}  1.00  0.00           {name[0]}"
            )
    return lines


def test_a_written_structure_reads_back(tmp_path):
    residues = three_helix_residues()
    read, notes, warnings = read_heavy_atoms(written(tmp_path, pdb_lines(residues)))
    assert notes == warnings == ()
    assert [(r.name, r.chain, r.number) for r in read] == [(r.name, r.chain, r.number) for r in residues]
    for before, after in zip(residues, read, strict=True):
        assert before.atoms.keys() == after.atoms.keys()
        np.testing.assert_allclose(list(after.atoms.values()), list(before.atoms.values()), atol=1e-4)
    water = "HETATM 9999  O   HOH W 900       0.000   0.000   0.000  1.00  0.00           O"
    _, notes, _ = read_heavy_atoms(written(tmp_path, [*pdb_lines(residues), water]))
    assert notes == ("removed 1 x HOH",)


@pytest.mark.parametrize(
    ("kept", "words"),
    [
        (lambda line: not (line[12:16].strip() == "CA" and line[22:26] == "   5"), r"GLU A 5 has no CA atom"),
        (
            lambda line: line[22:26] != "   5" or line[12:16].strip() in ("N", "CA", "C", "O"),
            r"GLU A 5 has no heavy side-chain atom",
        ),
        (
            lambda line: line[22:26] != "   5",
            r"residue LEU A 6 is 0\.\d\d nm .* away from LEU A 4: the chain is broken",
        ),
        (lambda line: False, r"holds no"),
    ],
)
def test_what_cannot_be_used_is_named(tmp_path, kept, words):
    lines = [line for line in pdb_lines(three_helix_residues()) if kept(line)]
    with pytest.raises(DataError, match=words) as caught:
        read_heavy_atoms(written(tmp_path, lines))
    assert "\n" not in str(caught.value)


def test_an_unknown_amino_acid_and_a_missing_file_are_named(tmp_path):
    lines = [line.replace("GLU A   5", "XQZ A   5") for line in pdb_lines(three_helix_residues())]
    with pytest.raises(DataError, match="XQZ A 5 is not a known amino acid"):
        read_heavy_atoms(written(tmp_path, lines))
    with pytest.raises(DataError, match=r"absent\.pdb"):
        read_heavy_atoms(tmp_path / "absent.pdb")


def test_copies_under_one_chain_name_have_contacts_within_and_between(tmp_path):
    one = three_helix_residues()
    beads = np.array([residue.atoms["CA"] for residue in one])
    shift = np.ptp(beads[:, 0]) + 0.3
    other = [
        replace(residue, atoms={atom: (x + shift, y, z) for atom, (x, y, z) in residue.atoms.items()}, copy=1)
        for residue in one
    ]
    alone = pairs(one)
    n = len(one)
    expected = alone | {(i + n, j + n) for i, j in alone}
    read, _, _ = read_heavy_atoms(written(tmp_path, [*pdb_lines(one), "TER", *pdb_lines(other)]))
    assert [residue.copy for residue in read] == [0] * n + [1] * n
    found = pairs(read)
    within = {(i, j) for i, j in found if (i < n) == (j < n)}
    assert within <= expected
    assert len(within) >= len(expected) - 3  # a few are shaded by the other copy
    assert any(i < n <= j for i, j in found)
    assert go_model(read).system.topology_pdb.count("TER") == 2


def test_a_modified_residue_goes_by_its_parent_and_is_said(tmp_path):
    for record in ("ATOM  ", "HETATM"):
        lines = [
            f"{record}{line[6:]}".replace("GLU A   5", "CGU A   5") if "GLU A   5" in line else line
            for line in pdb_lines(three_helix_residues())
        ]
        read, _, warnings = read_heavy_atoms(written(tmp_path, lines))
        assert read[4].name == "GLU"
        assert warnings == ("CGU A 5 taken for GLU",)


def test_the_first_model_is_taken(tmp_path):
    residues, notes, _ = read_heavy_atoms(villin_models(tmp_path))
    assert len(residues) == 36
    assert residues == read_heavy_atoms(protein("villin"))[0]
    assert notes == ("model 1 of 12 taken",)
