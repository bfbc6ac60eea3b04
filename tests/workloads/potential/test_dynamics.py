"""Dynamics: compiled loops against Python, OpenMM's PythonForce against torch, temperatures, and bonds that break."""

from __future__ import annotations

import numpy as np
import pytest
from openmm import unit

from levinthal.workloads.potential.dynamics.compiled import CompiledPotential
from levinthal.workloads.potential.dynamics.langevin import Motion, simulate, start_state, torsions_rad
from levinthal.workloads.potential.dynamics.openmm_force import openmm_context
from levinthal.workloads.potential.evaluation.drift import drift_of, recommended, smaller, total_energies
from levinthal.workloads.potential.students.contract import TorchPotential

WARM = Motion(0.5, 300.0, 5.0)


class Springs:
    """Every atom on a spring of its own."""

    def __init__(self, centre, stiffness):
        self.centre, self.stiffness = centre, stiffness

    def energy_forces(self, positions):
        away = positions - self.centre
        return 0.5 * self.stiffness * (away**2).sum(), -self.stiffness * away


@pytest.mark.slow
def test_compiled_and_plain_dynamics_are_the_same(student, dipeptide):
    state = start_state(dipeptide, dipeptide.conformers_nm[0], 300.0, 1)
    compiled = simulate(CompiledPotential(student, "fp64"), dipeptide, WARM, state, 40, 2, 10)
    plain = simulate(TorchPotential(student, "fp64"), dipeptide, WARM, state, 40, 2, 10)
    assert compiled.whole
    assert plain.whole
    np.testing.assert_allclose(compiled.frames, plain.frames, rtol=0, atol=1e-8)
    np.testing.assert_allclose(compiled.energies, plain.energies, rtol=1e-8)
    np.testing.assert_allclose(compiled.end, plain.end, rtol=0, atol=1e-8)
    np.testing.assert_allclose(compiled.frames[-1], compiled.end)


@pytest.mark.parametrize("kind", [CompiledPotential, TorchPotential])
def test_the_energy_in_openmm_is_that_of_torch(kind, student, dipeptide):
    potential = kind(student, "fp64")
    context = openmm_context(potential, dipeptide, WARM, 3)
    context.getIntegrator().step(3)
    state = context.getState(positions=True, energy=True, forces=True)
    positions = state.getPositions(asNumpy=True).value_in_unit(unit.nanometer)
    energy, forces = TorchPotential(student, "fp64").energy_forces(np.array(positions))
    assert state.getPotentialEnergy().value_in_unit(unit.kilojoule_per_mole) == pytest.approx(energy, rel=1e-9)
    found = state.getForces(asNumpy=True).value_in_unit(unit.kilojoule_per_mole / unit.nanometer)
    np.testing.assert_allclose(found, forces, rtol=0, atol=1e-6 * np.abs(forces).max())


def test_langevin_dynamics_has_its_temperature(dipeptide):
    motion = Motion(2.0, 300.0, 50.0)
    springs = Springs(dipeptide.conformers_nm[0], 50_000.0)
    state = start_state(dipeptide, dipeptide.conformers_nm[0], 300.0, 5)
    course = simulate(springs, dipeptide, motion, state, 6000, 6, 10)
    assert course.whole
    kinetic, potential = course.energies[100:, 1].mean(), course.energies[100:, 0].mean()
    for mean in (kinetic, potential):
        assert mean == pytest.approx(0.5 * 66 * motion.kt, rel=0.06)


def test_a_broken_bond_ends_a_run(dipeptide):
    class Torn(Springs):
        def energy_forces(self, positions):
            force = np.zeros(positions.shape)
            force[0, 0], force[1, 0] = 3e3, -3e3
            return 0.0, force

    state = start_state(dipeptide, dipeptide.conformers_nm[0], 300.0, 7)
    course = simulate(Torn(dipeptide.conformers_nm[0], 0.0), dipeptide, WARM, state, 1000, 8, 10)
    assert not course.whole
    assert 10 < course.n_steps < 1000
    assert len(course.frames) == course.n_steps // 10


@pytest.mark.slow
def test_energy_is_kept_and_a_wrong_force_is_found_out(student, dipeptide):
    states = np.array([start_state(dipeptide, dipeptide.conformers_nm[k], 50.0, k) for k in range(3)])
    motion = Motion(0.25, 300.0)
    energies = total_energies(student, dipeptide, motion, states, 400, "fp64", "cpu")
    assert np.isfinite(energies).all()
    assert energies.std(axis=1).max() < 0.3 * motion.kt


@pytest.mark.slow
def test_precisions_side_by_side_are_the_compiled_ones(student, dipeptide, monkeypatch):
    states = np.array([start_state(dipeptide, dipeptide.conformers_nm[k], 50.0, k) for k in range(2)])
    compiled = total_energies(student, dipeptide, WARM, states, 100, "fp64", "cpu")
    monkeypatch.setenv("LEVINTHAL_IMPLEMENTATION", "torch")
    np.testing.assert_allclose(
        total_energies(student, dipeptide, WARM, states, 100, "fp64", "cpu"), compiled, rtol=1e-8, atol=1e-6
    )


def test_the_interval_of_the_drift_holds_it_as_often_as_it_says():
    rng = np.random.default_rng(0)
    held = 0
    for _ in range(400):
        energies = np.cumsum(rng.normal(0, 0.1, (8, 50)), axis=1)  # no drift: a walk
        held += drift_of(energies, 0.01, 2.5, 22).covers(0.0)
    assert 0.92 < held / 400 < 0.98


def test_which_drift_is_smaller_and_what_is_recommended():
    def runs(drift, noise, n=8):
        rng, time = np.random.default_rng(1), np.linspace(0.02, 1, 50)
        return drift_of((drift * 60 * 2.5) * time + noise * rng.normal(size=(n, 50)), 1.0, 2.5, 22)

    assert runs(3.0, 0.1).value == pytest.approx(3.0, abs=0.02)
    exact, narrow, half = runs(0.01, 0.01), runs(0.3, 0.01), runs(50.0, 1.0)
    assert (smaller(exact, narrow), smaller(narrow, half), smaller(half, narrow)) == ("yes", "yes", "no")
    assert smaller(runs(0.0, 5.0), runs(0.0, 5.0)) == "cannot tell"
    assert recommended({"fp64": exact, "fp32": narrow, "bf16": half}).startswith("Use fp64")
    assert recommended({"fp64": exact, "fp32": exact, "bf16": half}).startswith("Use fp32")
    broken = drift_of(np.full((4, 50), np.nan), 1.0, 2.5, 22)
    assert not np.isfinite(broken.value)
    assert recommended({"fp64": exact, "bf16": broken}).startswith("Use fp64")


def test_torsions_are_those_of_mdtraj(dipeptide):
    mdtraj = pytest.importorskip("mdtraj")
    topology = mdtraj.Topology()
    residue = topology.add_residue("X", topology.add_chain())
    for symbol in dipeptide.symbols:
        topology.add_atom(symbol, mdtraj.element.get_by_symbol(symbol), residue)
    trajectory = mdtraj.Trajectory(dipeptide.conformers_nm, topology)
    expected = mdtraj.compute_dihedrals(trajectory, dipeptide.torsions, periodic=False)
    np.testing.assert_allclose(torsions_rad(dipeptide.conformers_nm, dipeptide.torsions), expected, atol=1e-5)
