"""Built peptides: composition, stereochemistry, energy, and the same bits each time."""

from __future__ import annotations

import io

import mdtraj
import numpy as np
import openmm
import pytest
from openmm import app, unit
from rdkit import Chem

from carried import shared_files
from levinthal.errors import UsageError
from levinthal.proteins.similarity.fractions import radius_of_gyration
from levinthal.proteins.similarity.secondary_structure import helical_fraction
from levinthal.simulation.systems.peptide import capped_peptide, fs_peptide


def as_trajectory(system, positions, tmp_path):
    path = tmp_path / "topology.pdb"
    path.write_text(system.topology_pdb)
    loaded = mdtraj.load(str(path))
    return mdtraj.Trajectory(np.asarray(positions, np.float32)[None], loaded.top)


def test_composition(fs):
    system, starts = fs
    assert (system.n_atoms, system.n_residues) == (264, 21)
    assert system.sequence == "AAAAAAAARAAAARAAAARAA"
    assert set(starts) == {"helix", "extended"}
    topology = app.PDBFile(io.StringIO(system.topology_pdb)).topology
    names = [residue.name for residue in topology.residues()]
    assert names == ["ACE", *["ARG" if code == "R" else "ALA" for code in system.sequence], "NME"]
    atoms = list(topology.atoms())
    assert [atoms[k].name for k in system.ca_indices] == ["CA"] * 21
    assert [atoms[k].residue.name for k in system.ca_indices] == names[1:-1]


def test_same_molecule_as_rdkit_makes_of_the_formula(fs):
    side = {"A": "C", "R": "CCCNC(N)=[NH2+]"}
    written = "CC(=O)" + "".join(f"N[C@@H]({side[code]})C(=O)" for code in fs[0].sequence) + "NC"
    expected = Chem.AddHs(Chem.MolFromSmiles(written))
    topology = app.PDBFile(io.StringIO(fs[0].topology_pdb)).topology
    symbols = [atom.element.symbol for atom in topology.atoms()]
    assert sorted(symbols) == sorted(atom.GetSymbol() for atom in expected.GetAtoms())
    bonds = sorted("-".join(sorted((symbols[a.index], symbols[b.index]))) for a, b in topology.bonds())
    ends = ((bond.GetBeginAtom().GetSymbol(), bond.GetEndAtom().GetSymbol()) for bond in expected.GetBonds())
    assert bonds == sorted("-".join(sorted(pair)) for pair in ends)
    for path in shared_files("md/fs-peptide.pdb"):  # and as its authors published it
        published = mdtraj.load(str(path)).top
        ours = sorted(f"{a.residue.name} {a.element.symbol}" for a in topology.atoms())
        assert ours == sorted(f"{a.residue.name} {a.element.symbol}" for a in published.atoms)


@pytest.mark.parametrize("start", ["helix", "extended"])
def test_stereochemistry(fs, start, tmp_path):
    system, starts = fs
    frame = as_trajectory(system, starts[start], tmp_path)
    _, omega = mdtraj.compute_omega(frame)
    assert (np.abs(np.degrees(omega)) > 150).all(), "a peptide bond is not trans"
    top, xyz = frame.top, frame.xyz[0]
    for residue in top.residues:
        if residue.name in ("ALA", "ARG"):
            atom = {a.name: xyz[a.index] for a in residue.atoms}
            n, c, cb = (atom[name] - atom["CA"] for name in ("N", "C", "CB"))
            # The CORN rule: seen from H, CO, R and N follow clockwise in an L amino acid.
            assert np.dot(np.cross(n, c), cb) > 0, f"{residue} is not L"
    distances = np.linalg.norm(xyz[:, None] - xyz[None], axis=-1)
    bonded = {tuple(sorted((a.index, b.index))) for a, b in top.bonds}
    close = [tuple(pair) for pair in np.argwhere(np.triu(distances < 0.13, 1))]
    assert {(int(i), int(j)) for i, j in close} <= bonded, "two atoms that are not bonded clash"
    lengths = np.array([distances[i, j] for i, j in bonded])
    assert len(bonded) == 263
    assert lengths.min() > 0.09
    assert lengths.max() < 0.16


def test_starts_are_what_they_are_called(fs):
    system, starts = fs
    carbons = np.stack([starts["helix"], starts["extended"]])[:, list(system.ca_indices)]
    assert helical_fraction(carbons).tolist() == [1.0, 0.0]
    end_to_end = np.linalg.norm(carbons[:, -1] - carbons[:, 0], axis=-1)
    assert end_to_end[0] == pytest.approx(20 * 0.15, rel=0.06)  # the rise of an alpha helix is 0.15 nm a residue
    assert end_to_end[1] > 6.0
    assert (radius_of_gyration(carbons) < [1.0, 2.2]).all()


def test_building_again_gives_the_same_bits(fs):
    import random

    random.seed(99)
    before = random.getstate()
    system, starts = fs_peptide(("extended",))
    assert random.getstate() == before, "the caller's random numbers were used up"
    assert system.sha256 == fs[0].sha256
    np.testing.assert_array_equal(starts["extended"], fs[1]["extended"])


def test_force_field_and_constraints(fs):
    system = openmm.XmlSerializer.deserialize(fs[0].system_xml)
    forces = {type(force).__name__: force for force in system.getForces()}
    assert "GBSAOBCForce" in forces
    assert "CustomGBForce" not in forces
    assert forces["NonbondedForce"].getNonbondedMethod() == openmm.NonbondedForce.CutoffNonPeriodic
    assert forces["NonbondedForce"].getCutoffDistance().value_in_unit(unit.nanometer) == 1.0
    topology = app.PDBFile(io.StringIO(fs[0].topology_pdb)).topology
    hydrogens = [a.index for a in topology.atoms() if a.element is app.element.hydrogen]
    assert system.getNumConstraints() == len(hydrogens)
    assert {system.getParticleMass(k).value_in_unit(unit.amu) for k in hydrogens} == {3.0}
    mass = sum(system.getParticleMass(k).value_in_unit(unit.amu) for k in range(264))
    assert mass == pytest.approx(sum(a.element.mass.value_in_unit(unit.amu) for a in topology.atoms()), abs=0.01)


def test_digest_follows_the_dynamics_only():
    one, _ = capped_peptide("a", "A", ("helix",))
    same, _ = capped_peptide("b", "A", ("extended",))
    hotter, _ = capped_peptide("a", "A", ("helix",), temperature_k=310)
    assert one.sha256 == same.sha256
    assert one.sha256 != hotter.sha256
    assert one == capped_peptide("a", "A", ("helix",))[0]


@pytest.mark.parametrize("code", "ACDEFGHIKLMNPQRSTVWY")
def test_every_amino_acid_can_be_built(code):
    system, starts = capped_peptide("tripeptide", f"A{code}A", ("extended",))
    assert system.sequence == f"A{code}A"
    assert np.isfinite(starts["extended"]).all()


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: fs_peptide(("coil",)), "coil"),
        (lambda: fs_peptide(()), "helix, extended"),
        (lambda: capped_peptide("x", "AZA"), "'Z'"),
        (lambda: capped_peptide("x", ""), "none of"),
        (lambda: capped_peptide("x", "A", ("helix",), timestep_fs=0), "timestep_fs"),
        (lambda: capped_peptide("x", "A", ("helix",), temperature_k=float("nan")), "temperature_k"),
    ],
)
def test_mistakes_are_named(call, words):
    with pytest.raises(UsageError, match=words):
        call()
