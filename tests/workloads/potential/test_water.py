"""A molecule in explicit water: what is the potential's, what the classical field's, and a run by command line."""

from __future__ import annotations

import numpy as np
import openmm
import pytest
from openmm import unit

from levinthal.errors import UsageError
from levinthal.harness.contract.settings import make_settings
from levinthal.harness.results.labels import find_figure
from levinthal.harness.results.store import load_result
from levinthal.workloads.potential.dynamics.langevin import Motion
from levinthal.workloads.potential.dynamics.solvated import POTENTIAL_GROUP, interaction_parameters, solvated
from levinthal.workloads.potential.molecule import read_molecule
from levinthal.workloads.potential.settings import PotentialSettings
from levinthal.workloads.potential.teachers.contract import make_teacher

MOTION = Motion(1.0, 300.0, 5.0)


class Still:
    """No energy and no force: what is left is the water's doing."""

    def energy_forces(self, positions_nm):
        return 0.0, np.zeros(positions_nm.shape)


@pytest.fixture(scope="module")
def box():
    molecule = read_molecule("CC(=O)N", 2, 0)
    return solvated(make_teacher("mmff", molecule), molecule, MOTION, 1, padding_nm=0.7)


def energy(context, group):
    found = context.getState(energy=True, groups={group}).getPotentialEnergy()
    return found.value_in_unit(unit.kilojoule_per_mole)


def test_within_the_molecule_there_is_the_potential_alone(box):
    teacher = make_teacher("mmff", box.molecule)
    for _ in range(3):
        box.context.getIntegrator().step(20)
        own, forces = teacher.energy_forces(box.positions_nm())
        assert energy(box.context, POTENTIAL_GROUP) == pytest.approx(own, abs=1e-6)
        found = box.context.getState(forces=True, groups={POTENTIAL_GROUP}).getForces(asNumpy=True)
        found = found.value_in_unit(unit.kilojoule_per_mole / unit.nanometer)
        np.testing.assert_allclose(found[box.first :], forces, atol=1e-2 * np.abs(forces).max())
        assert not found[: box.first].any()


def test_between_molecule_and_water_there_are_the_terms_that_are_said(box):
    """Lennard-Jones by a sum in numpy over the nearest images, charges switched off, nothing beyond the cutoff."""
    system = openmm.XmlSerializer.deserialize(openmm.XmlSerializer.serialize(without_python(box.context.getSystem())))
    nonbonded = next(each for each in system.getForces() if isinstance(each, openmm.NonbondedForce))
    nonbonded.setUseDispersionCorrection(False)
    for k in range(system.getNumParticles()):
        _, sigma, epsilon = nonbonded.getParticleParameters(k)
        nonbonded.setParticleParameters(k, 0.0, sigma, epsilon)
    for k in range(nonbonded.getNumExceptions()):
        i, j, _, sigma, epsilon = nonbonded.getExceptionParameters(k)
        nonbonded.setExceptionParameters(k, i, j, 0.0, sigma, epsilon)
    context = openmm.Context(system, openmm.VerletIntegrator(0.001), openmm.Platform.getPlatformByName("Reference"))
    state = box.context.getState(positions=True)
    context.setPositions(state.getPositions())
    whole = energy(context, 0)
    for k in range(box.first, system.getNumParticles()):
        nonbonded.setParticleParameters(k, 0.0, 0.3, 0.0)
    nonbonded.updateParametersInContext(context)
    x = state.getPositions(asNumpy=True).value_in_unit(unit.nanometer)
    edge = state.getPeriodicBoxVectors()[0][0].value_in_unit(unit.nanometer)
    cutoff = nonbonded.getCutoffDistance().value_in_unit(unit.nanometer)
    apart = x[box.first :][:, None] - x[: box.first : 3][None]  # of TIP3P the oxygen alone has such a term
    apart -= edge * np.round(apart / edge)
    r = np.linalg.norm(apart, axis=-1)
    _, sigma, epsilon = interaction_parameters(box.molecule).T
    sigma, epsilon = (sigma[:, None] + 0.31507524) / 2, np.sqrt(epsilon[:, None] * 0.635968)
    pairs = 4 * epsilon * ((sigma / r) ** 12 - (sigma / r) ** 6)
    assert whole - energy(context, 0) == pytest.approx(pairs[r < cutoff].sum(), rel=1e-4)


def without_python(system):
    for k in reversed(range(system.getNumForces())):
        if isinstance(system.getForce(k), openmm.PythonForce):
            system.removeForce(k)
    return system


def test_a_molecule_without_forces_of_its_own_is_not_held_together(box):
    loose = solvated(Still(), box.molecule, MOTION, 1, padding_nm=0.7)
    assert loose.n_waters == box.n_waters > 50
    loose.context.getIntegrator().step(400)
    bonds = box.molecule.bond_lengths_nm(loose.positions_nm())
    shortest, longest = box.molecule.bond_limits_nm()
    assert not ((bonds > shortest) & (bonds < longest)).all()


def test_charges_are_those_of_the_molecule():
    for text, charge in (("CC(=O)N", 0), ("CC(=O)[O-]", -1)):
        found = interaction_parameters(read_molecule(text, 1, 0))
        assert found[:, 0].sum() == pytest.approx(charge, abs=1e-6)
        assert (found[:, 1] > 0.2).all()
        assert (found[:, 2] > 0).all()


def test_steps_that_do_not_fit_frames_are_refused():
    with pytest.raises(UsageError, match="water_steps=75 must be a multiple of frame_interval=50"):
        make_settings(PotentialSettings, "smoke", {"water_steps": "75"})


def test_a_run_goes_through_water(levinthal, tmp_path):
    done = levinthal(
        "run", "potential", "--size", "smoke", "--set", "teacher=mmff", "--set", "molecule=CC(=O)N",
        "--engine", "local:1", "--set", "water_steps=200", "--set", "water_padding_nm=0.7", "--out", "r",
    )  # fmt: skip
    assert done.returncode in (0, 1), done.stderr
    (repeat,) = load_result(tmp_path / "r").repeats
    assert repeat.error is None
    gates = {gate.name: gate for gate in repeat.gates}
    assert gates["runs in water that failed"].value is not None
    assert gates["deviation of the kinetic temperature in water"].value is not None
    rate = find_figure(repeat.metrics, "simulation rate in water", {"potential": "student"})
    assert (rate.value or rate.withheld) > 0
    assert "molecules of TIP3P around" in " ".join(repeat.notes)
