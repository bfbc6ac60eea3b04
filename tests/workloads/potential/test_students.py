"""The student `moments`: compiled loops against torch, forces against energies, and what must not change the energy."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from scipy.spatial.transform import Rotation

from levinthal.workloads.potential.dynamics.compiled import CompiledPotential, potential_of
from levinthal.workloads.potential.students.contract import TorchPotential
from potential_examples import gradient


@pytest.fixture(params=["compiled", "torch"])
def potential(request, student):
    return CompiledPotential(student) if request.param == "compiled" else TorchPotential(student)


def test_compiled_loops_compute_what_torch_does(student, mmff_labels, dipeptide):
    wide = CompiledPotential(student, "fp64")
    energies, forces = TorchPotential(student, "fp64").batch(mmff_labels.positions_nm[::40])
    far = dipeptide.conformers_nm[0] * 1.7  # beyond what was seen, where springs hold
    beyond = TorchPotential(student, "fp64").energy_forces(far)
    for x, energy, force in zip(
        [*mmff_labels.positions_nm[::40], far], [*energies, beyond[0]], [*forces, beyond[1]], strict=True
    ):
        found_energy, found_forces = wide.energy_forces(x)
        assert found_energy == pytest.approx(energy, rel=1e-11, abs=1e-9)
        np.testing.assert_allclose(found_forces, force, rtol=0, atol=1e-10 * np.abs(force).max())
        narrow_energy, narrow_forces = CompiledPotential(student).energy_forces(x)
        assert narrow_energy == pytest.approx(energy, rel=1e-5)
        np.testing.assert_allclose(narrow_forces, force, rtol=0, atol=1e-5 * np.abs(force).max())


def test_forces_are_the_gradient_of_the_energy(student, dipeptide):
    wide = CompiledPotential(student, "fp64")
    positions = dipeptide.conformers_nm[2]
    _, forces = wide.energy_forces(positions)
    np.testing.assert_allclose(-gradient(wide, positions), forces, rtol=0, atol=1e-5 * np.abs(forces).max())


def test_rotation_turns_the_forces_and_leaves_the_energy(potential, dipeptide):
    positions = dipeptide.conformers_nm[0] - dipeptide.conformers_nm[0].mean(axis=0)
    turn = Rotation.random(random_state=4).as_matrix()
    energy, forces = potential.energy_forces(positions)
    turned_energy, turned_forces = potential.energy_forces(positions @ turn.T)
    assert turned_energy == pytest.approx(energy, rel=1e-5)
    np.testing.assert_allclose(turned_forces, forces @ turn.T, rtol=0, atol=1e-5 * np.abs(forces).max())


def test_translation_changes_nothing_at_all(potential, dipeptide):
    # on a grid of 2^-12 nm, where sums of coordinates are exact in single precision
    positions = np.round(dipeptide.conformers_nm[0] * 4096) / 4096
    energy, forces = potential.energy_forces(positions)
    moved_energy, moved_forces = potential.energy_forces(positions + np.array([2.0, -1.0, 0.5]))
    assert moved_energy == energy
    np.testing.assert_array_equal(moved_forces, forces)


def test_like_atoms_may_change_places(potential, dipeptide):
    positions = dipeptide.conformers_nm[1]
    energy, forces = potential.energy_forces(positions)
    for kind in np.unique(dipeptide.kinds):
        like = np.flatnonzero(dipeptide.kinds == kind)
        order = np.arange(dipeptide.n_atoms)
        order[like] = np.roll(like, 1)
        other_energy, other_forces = potential.energy_forces(positions[order])
        assert other_energy == pytest.approx(energy, rel=1e-5)
        np.testing.assert_allclose(other_forces, forces[order], rtol=0, atol=1e-5 * np.abs(forces).max())
    unlike = np.arange(dipeptide.n_atoms)
    unlike[[0, 2]] = [2, 0]  # a carbon and an oxygen
    assert abs(potential.energy_forces(positions[unlike])[0] - energy) > 1.0


def test_half_precision_is_near(student, dipeptide):
    energy, forces = TorchPotential(student).energy_forces(dipeptide.conformers_nm[0])
    half_energy, half_forces = TorchPotential(student, "bf16").energy_forces(dipeptide.conformers_nm[0])
    assert half_energy == pytest.approx(energy, rel=0.05)
    assert np.abs(half_forces - forces).max() < 0.1 * np.abs(forces).max()
    assert next(student.parameters()).dtype == torch.float32  # the student itself is as it was


def test_without_compiled_loops_torch_computes(student, monkeypatch):
    assert isinstance(potential_of(student), CompiledPotential)
    monkeypatch.setenv("LEVINTHAL_IMPLEMENTATION", "torch")
    assert isinstance(potential_of(student), TorchPotential)
