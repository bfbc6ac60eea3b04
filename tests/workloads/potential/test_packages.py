"""Students whose architecture is another package's: energies, forces and learning, where the package is installed."""

from __future__ import annotations

import sys

import numpy as np
import pytest

from levinthal.errors import MissingExtraError, UsageError
from levinthal.workloads.potential.learning.labels import label
from levinthal.workloads.potential.learning.training import TrainingTask, make_student, train
from levinthal.workloads.potential.molecule import read_molecule
from levinthal.workloads.potential.students.contract import TorchPotential

PACKAGES = {"ani": "torchani", "mace": "mace"}


@pytest.fixture(scope="module")
def labels():
    molecule = read_molecule("CC(=O)N", 4, 0)
    positions = molecule.conformers_nm[np.arange(24) % 4]
    positions = positions + np.random.default_rng(0).normal(0, 0.004, positions.shape)
    return molecule, label("mmff", molecule, positions)


@pytest.mark.parametrize("name", PACKAGES)
def test_without_its_package_it_is_said_how_to_install_it(labels, monkeypatch, name):
    monkeypatch.setitem(sys.modules, PACKAGES[name], None)
    monkeypatch.setitem(sys.modules, f"{PACKAGES[name]}.arch", None)
    with pytest.raises(MissingExtraError, match=r"pip install 'levinthal\[students\]'"):
        make_student(name, *labels, None, 0)


@pytest.mark.parametrize("name", PACKAGES)
def test_forces_are_slopes_and_turn_with_the_molecule(labels, name):
    pytest.importorskip(PACKAGES[name])
    molecule, found = labels
    student = make_student(name, molecule, found, None, 1)
    wide, narrow = TorchPotential(student, "fp64"), TorchPotential(student, "fp32")
    x = found.positions_nm[0]
    _, forces = wide.energy_forces(x)
    step = 1e-5
    for atom, axis in ((0, 0), (3, 1), (molecule.n_atoms - 1, 2)):
        up, down = x.copy(), x.copy()
        up[atom, axis] += step
        down[atom, axis] -= step
        slope = (wide.energy_forces(up)[0] - wide.energy_forces(down)[0]) / (2 * step)
        assert forces[atom, axis] == pytest.approx(-slope, abs=1e-5 * np.abs(forces).max())
    turn = np.linalg.qr(np.random.default_rng(1).normal(size=(3, 3)))[0]
    energy, forces = narrow.energy_forces(x)
    turned, turned_forces = narrow.energy_forces(x @ turn)
    assert turned == pytest.approx(energy, abs=1e-4)
    np.testing.assert_allclose(turned_forces, forces @ turn, atol=1e-3)
    two, _ = narrow.batch(found.positions_nm[:2])
    assert two[0] == pytest.approx(energy, abs=1e-4)


@pytest.mark.parametrize("name", PACKAGES)
def test_it_learns_the_same_each_time(labels, name):
    pytest.importorskip(PACKAGES[name])
    molecule, found = labels
    task = TrainingTask(name, molecule, found, found, None, 40, 8, 5e-3, 3, "cpu")
    first, again = train(task), train(task)
    np.testing.assert_array_equal(first.losses, again.losses)
    assert first.losses[-5:].mean() < 0.8 * first.losses[:5].mean()


def test_an_element_without_a_network_is_refused():
    pytest.importorskip("torchani")
    molecule = read_molecule("CBr", 2, 0)
    with pytest.raises(UsageError, match="no network for Br"):
        make_student("ani", molecule, label("mmff", molecule, molecule.conformers_nm), None, 0)
