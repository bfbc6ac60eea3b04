"""Teachers: what tblite says itself, and forces that are the gradient of the energy."""

from __future__ import annotations

import numpy as np
import openmm
import pytest

from levinthal.errors import DataError, UsageError
from levinthal.workloads.potential.molecule import Molecule, read_molecule
from levinthal.workloads.potential.teachers.contract import make_teacher
from potential_examples import gradient

tblite = pytest.importorskip("tblite.interface", reason="the extra `potential` is not installed")


@pytest.fixture(scope="module")
def methanol() -> Molecule:
    return read_molecule("CO", 2, 0)


def test_gfn2_is_what_tblite_says(methanol):
    positions = methanol.conformers_nm[1]
    energy, forces = make_teacher("xtb", methanol).energy_forces(positions)
    own = tblite.Calculator("GFN2-xTB", methanol.numbers, positions / 0.0529177210903)
    own.set("verbosity", 0)
    found = own.singlepoint()
    assert energy / 2625.4996394799 == pytest.approx(found.get("energy"), abs=1e-9)
    np.testing.assert_allclose(-forces * 0.0529177210903 / 2625.4996394799, found.get("gradient"), atol=1e-9)


@pytest.mark.parametrize("teacher", ["xtb", "xtb:gfn1", "mmff"])
def test_forces_are_the_gradient_of_the_energy(methanol, teacher):
    positions = methanol.conformers_nm[0] + np.random.default_rng(1).normal(0, 0.003, (6, 3))
    made = make_teacher(teacher, methanol)
    if teacher != "mmff":  # by default energies are converged to 1e-6 hartree, too little for differences
        made._calculator.set("accuracy", 1e-4)
    made.energy_forces(methanol.conformers_nm[1])  # what was asked before changes nothing
    _, forces = made.energy_forces(positions)
    np.testing.assert_allclose(-gradient(made, positions), forces, rtol=1e-5, atol=1e-5 * np.abs(forces).max())


def test_a_force_field_of_openmm(methanol, tmp_path):
    system = openmm.System()
    for mass in methanol.masses_amu:
        system.addParticle(mass)
    force = openmm.HarmonicBondForce()
    for first, second in methanol.bonds:
        force.addBond(int(first), int(second), 0.12, 2e5)
    system.addForce(force)
    path = tmp_path / "system.xml"
    path.write_text(openmm.XmlSerializer.serialize(system))
    energy, forces = make_teacher(f"openmm:{path}", methanol).energy_forces(methanol.conformers_nm[0])
    lengths = methanol.bond_lengths_nm(methanol.conformers_nm[0])
    assert energy == pytest.approx((1e5 * (lengths - 0.12) ** 2).sum())
    assert np.abs(forces.sum(axis=0)).max() < 1e-6
    system.addParticle(1.0)
    path.write_text(openmm.XmlSerializer.serialize(system))
    with pytest.raises(DataError, match="7 particles"):
        make_teacher(f"openmm:{path}", methanol)


@pytest.mark.parametrize(
    ("teacher", "message"),
    [
        ("xtb:gfn3", "choose xtb"),
        ("mmff:2", "takes no argument"),
        ("openmm", "openmm:SYSTEM.xml"),
        ("ase:EMT", "ase:MODULE:CLASS"),
        ("xbt", "did you mean xtb"),
    ],
)
def test_a_teacher_that_is_not_there(methanol, teacher, message):
    with pytest.raises(UsageError, match=message):
        make_teacher(teacher, methanol)


@pytest.mark.parametrize(
    ("source", "message"),
    [("C.C", "one molecule"), ("nonsense", "cannot be read"), ("[CH2]C", "unpaired"), ("C" * 60, "more than 100")],
)
def test_molecules_that_are_refused(source, message):
    with pytest.raises(DataError, match=message):
        read_molecule(source, 1, 0)


def test_like_atoms_are_of_one_kind():
    molecule = read_molecule("", 1, 0)
    assert molecule.n_atoms == 22
    hydrogens = molecule.kinds[molecule.numbers == 1]
    assert sorted(np.unique(hydrogens, return_counts=True)[1].tolist()) == [1, 1, 1, 3, 3, 3]
    assert [molecule.symbols[k] for k in molecule.torsions[0]] == ["C", "N", "C", "C"]
    assert [molecule.symbols[k] for k in molecule.torsions[1]] == ["N", "C", "C", "N"]
    assert molecule.masses_amu.sum() == pytest.approx(144.17, abs=0.05)
