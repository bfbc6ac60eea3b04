"""A user's structure: what is taken, what is changed, what is refused by name."""

from __future__ import annotations

import mdtraj
import numpy as np
import pytest

from carried import protein, villin_piece
from levinthal.errors import DataError
from levinthal.proteins.similarity.fractions import rmsd
from levinthal.simulation.systems.pdb_structure import from_pdb


def pdb_lines(residues, *, alternate=" "):
    """Write residues {(name, chain, number): {atom: (x, y, z) in Angstrom}} as PDB."""
    lines, serial = [], 0
    for (name, chain, number), atoms in residues.items():
        for atom, (x, y, z) in atoms.items():
            serial += 1
            label = f" {atom:<3}" if len(atom) < 4 else atom
            kind = "HETATM" if name in ("HOH", "BEN", "MSE") else "ATOM  "
            lines.append(
                f"{kind}{serial:>5} {label}{alternate}{name:>3} {chain}{number:>4}    {x:8.3f}{y:8.3f}{z:8.3f}"
                f"  1.00  0.00          {atom[0]:>2}\n"
            )
    return "".join(lines) + "END\n"


@pytest.fixture
def residues(dialanine, tmp_path):
    """Return ACE-ALA-ALA-NME without hydrogens, as plain text would have it."""
    system, positions = dialanine
    path = tmp_path / "built.pdb"
    path.write_text(system.topology_pdb)
    found = {}
    for atom in mdtraj.load(str(path)).top.atoms:
        if atom.element.symbol != "H":
            key = (atom.residue.name, "A", atom.residue.resSeq + 10)
            found.setdefault(key, {})[atom.name] = tuple(10 * positions[atom.index])
    return found


def write(tmp_path, residues, **options):
    path = tmp_path / "mine.pdb"
    path.write_text(pdb_lines(residues, **options))
    return path


def test_a_structure_is_taken_as_it_is(residues, dialanine, tmp_path):
    system, starts = from_pdb(write(tmp_path, residues))
    assert system.name == "mine"
    assert system.sequence == "AA"
    assert system.sha256 == dialanine[0].sha256
    assert rmsd(starts["structure"][None], dialanine[1])[0] < 0.03


def test_water_and_ligands_are_removed_and_told(residues, tmp_path):
    residues[("HOH", "A", 201)] = {"O": (30, 30, 30)}
    residues[("HOH", "A", 202)] = {"O": (30, 35, 30)}
    residues[("BEN", "A", 203)] = {"C1": (40, 30, 30), "N1": (41, 30, 30)}
    system, _ = from_pdb(write(tmp_path, residues))
    assert "removed 2 x HOH" in system.notes
    assert system.warnings == ("removed 1 x BEN: only the protein is simulated",)
    assert system.n_atoms == 32


def test_missing_terminal_oxygen_is_added_in_place(residues, tmp_path):
    del residues[("ACE", "A", 10)], residues[("NME", "A", 13)]
    system, starts = from_pdb(write(tmp_path, residues))
    assert "OXT added to ALA A 12" in system.notes
    path = tmp_path / "topology.pdb"
    path.write_text(system.topology_pdb)
    atoms = {a.name: a.index for a in mdtraj.load(str(path)).top.residue(1).atoms}
    c, o, oxt, ca = (starts["structure"][atoms[name]] for name in ("C", "O", "OXT", "CA"))
    assert np.linalg.norm(oxt - c) == pytest.approx(0.125, abs=0.005)
    assert np.linalg.norm(oxt - o) == pytest.approx(0.22, abs=0.015)
    assert np.linalg.norm(oxt - ca) == pytest.approx(0.238, abs=0.015)


def test_names_of_other_programs_are_understood(residues, tmp_path):
    residues[("NME", "A", 13)]["CH3"] = residues[("NME", "A", 13)].pop("C")
    assert from_pdb(write(tmp_path, residues))[0].n_atoms == 32


@pytest.mark.parametrize("name", ["villin", "villin-n68h"])
def test_real_structures(name):
    path = protein(name)
    system, starts = from_pdb(path)
    loaded = mdtraj.load(str(path))
    loaded = loaded.atom_slice(loaded.top.select("protein"))
    assert (system.n_residues, system.n_atoms) == (loaded.n_residues, loaded.n_atoms)  # these have every hydrogen
    carbons = loaded.xyz[0, loaded.top.select("name CA")]
    assert rmsd(starts["structure"][None, list(system.ca_indices)], carbons)[0] < 0.05


def test_first_of_several_models(tmp_path):
    alone, starts = from_pdb(villin_piece(tmp_path, n_models=1))
    system, first = from_pdb(villin_piece(tmp_path, n_models=3))
    assert system.sequence == alone.sequence == "LSDEDFKAVFG"
    assert "model 1 of 3 taken" in system.notes
    assert first["structure"].tobytes() == starts["structure"].tobytes()


def test_a_letter_before_the_chain_is_not_another_chain(residues, tmp_path):
    path = write(tmp_path, residues)
    text = path.read_text()
    path.write_text(text.replace("ALA A  12", "ALATA  12"))
    assert path.read_text() != text
    assert from_pdb(path)[0].sequence == "AA"


def moved(residues, along):
    return {key: {atom: (x + along, y, z) for atom, (x, y, z) in atoms.items()} for key, atoms in residues.items()}


@pytest.mark.parametrize("between", ["TER\n", ""])
def test_two_copies_under_one_chain_name_are_both_simulated(residues, tmp_path, between):
    path = write(tmp_path, residues)
    path.write_text(path.read_text().replace("END\n", between) + pdb_lines(moved(residues, 8.0)))
    system, starts = from_pdb(path)
    assert (system.sequence, system.n_atoms) == ("AAAA", 64)
    assert system.topology_pdb.count("TER") == 2
    first, second = np.split(starts["structure"], 2)
    assert rmsd(first[None], second)[0] < 0.15  # hydrogens start anywhere
    assert (second - first).mean(axis=0)[0] == pytest.approx(0.8, abs=0.05)


def test_selenium_is_made_sulphur_and_said(residues, tmp_path):
    atoms = {**residues.pop(("ALA", "A", 12))}
    cap = residues.pop(("NME", "A", 13))
    beta, alpha = np.array(atoms["CB"]), np.array(atoms["CA"])
    out = (beta - alpha) / np.linalg.norm(beta - alpha)
    side = np.cross(out, [0.3, 0.5, 0.8])
    side /= np.linalg.norm(side)
    steps = {"CG": out + side, "SE": 2 * out + side, "CE": 2 * out + 2 * side}
    residues[("MSE", "A", 12)] = atoms | {name: tuple(beta + 1.2 * step) for name, step in steps.items()}
    residues[("NME", "A", 13)] = cap
    system, _ = from_pdb(write(tmp_path, residues))
    assert system.sequence == "AM"
    assert system.warnings == ("selenomethionine MSE A 12 made methionine",)


def test_an_amidated_end_is_not_made_an_acid(residues, tmp_path):
    residues[("NH2", "A", 13)] = {"N": residues.pop(("NME", "A", 13))["N"]}
    with pytest.raises(DataError, match="NH2 A 13 caps the chain, and the force field does not have it"):
        from_pdb(write(tmp_path, residues))


def test_two_copies_in_one_place_are_refused(residues, tmp_path):
    path = write(tmp_path, residues)
    path.write_text(path.read_text().replace("END\n", "TER\n") + pdb_lines(residues))
    with pytest.raises(DataError, match="ACE A 10 stands there twice, in one place: remove one copy"):
        from_pdb(path)


def test_a_gap_in_a_real_structure():
    with pytest.raises(DataError, match=r"ALA A 240 is 0\.48 nm away from GLY A 237: the chain is broken"):
        from_pdb(protein("thymidine-phosphorylase"))


def broken_alternate(residues):
    return {"alternate": "B"}


def broken_missing(residues):
    del residues[("ALA", "A", 11)]["CB"], residues[("ALA", "A", 11)]["O"]


def broken_unknown(residues):
    residues[("SEP", "A", 12)] = residues.pop(("ALA", "A", 12))
    residues[("NME", "A", 13)] = residues.pop(("NME", "A", 13))


def broken_extra(residues):
    residues[("ALA", "A", 11)]["CG"] = (1, 2, 3)


def broken_gap(residues):
    for key in (("ALA", "A", 12), ("NME", "A", 13)):
        residues[key] = {atom: (x + 4, y, z) for atom, (x, y, z) in residues[key].items()}


@pytest.mark.parametrize(
    ("breaking", "words"),
    [
        (broken_alternate, r"ALA A 11 has alternate locations: keep one|ACE A 10 has alternate locations: keep one"),
        (broken_missing, "ALA A 11 lacks the atoms O, CB"),
        (broken_unknown, "SEP A 12 is not a standard amino acid: replace it by SER"),
        (broken_extra, "ALA A 11 has the atom CG"),
        (broken_gap, "ALA A 12 is .* nm away from ALA A 11: the chain is broken"),
    ],
)
def test_what_cannot_be_simulated_is_refused_by_name(residues, tmp_path, breaking, words):
    options = breaking(residues) or {}
    path = write(tmp_path, residues, **options)
    with pytest.raises(DataError, match=words) as caught:
        from_pdb(path)
    assert str(path) in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ("", "holds no|Empty file"),
        ("hello\n", "holds no"),
        ("ATOM      1  N   ALA A   1      xx.xxx  1.000  1.000  1.00  0.00           N\n", "not a sound PDB"),
        ("ATOM      1  N   ALA A   1\n", "not a sound PDB"),
        ("HETATM    1  O   HOH A   1       1.000   1.000   1.000  1.00  0.00           O\n", "holds no protein"),
        (
            "ATOM      1  N   ALA A   1         nan   1.000   1.000  1.00  0.00           N\n",
            "position of atom N|not a sound",
        ),
    ],
)
@pytest.mark.parametrize("suffix", [".pdb", ".cif"])
def test_files_that_are_none(tmp_path, content, words, suffix):
    path = tmp_path / f"structure{suffix}"
    path.write_text(content)
    with pytest.raises(DataError, match=words if suffix == ".pdb" else "structure.cif"):
        from_pdb(path)


def test_no_file(tmp_path):
    with pytest.raises(DataError, match="No such file"):
        from_pdb(tmp_path / "nowhere.pdb")
    with pytest.raises(DataError, match="readable"):
        from_pdb(tmp_path)
