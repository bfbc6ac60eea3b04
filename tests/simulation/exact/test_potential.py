"""The Mueller-Brown surface as published, and dynamics that sample its Boltzmann distribution."""

from __future__ import annotations

import math

import numpy as np
import pytest

from levinthal.errors import DataError, SimulationError, UsageError
from levinthal.kernels.potential import langevin
from levinthal.simulation.exact.potential import MINIMA, MuellerBrown, grid_cells

X_EDGES, Y_EDGES = np.linspace(-2.2, 1.6, 20), np.linspace(-0.9, 2.6, 18)


def test_minima_and_saddles_as_published():
    surface = MuellerBrown()
    np.testing.assert_allclose(surface.energy(np.array(MINIMA)), [-146.70, -108.17, -80.77], atol=0.01)
    saddles = np.array([(-0.822, 0.624), (0.212, 0.293)])
    np.testing.assert_allclose(surface.energy(saddles), [-40.66, -72.25], atol=0.01)


def test_the_force_is_the_gradient():
    # With no noise, no friction and from rest, one step of 2h moves by h^2 F / 2 in the two half drifts.
    surface, h = MuellerBrown(), 1e-4
    for point in [(-0.7, 1.1), (0.3, 0.2), (-0.1, 0.6)]:
        gradient = [
            float(surface.energy(np.array(point) + d) - surface.energy(np.array(point) - d)) / 2e-5
            for d in (np.array([1e-5, 0]), np.array([0, 1e-5]))
        ]
        frames = np.empty((1, 2))
        from levinthal.simulation.exact.potential import _TERMS

        langevin(_TERMS, np.zeros((1, 2)), np.array([*point, 0.0, 0.0]), h, 1.0, 1.0, 0.0, 1, 1, frames)
        np.testing.assert_allclose((frames[0] - point) * 2 / h**2, -np.array(gradient), rtol=1e-3, atol=1e-3)


@pytest.mark.parametrize("friction", [math.inf, 5.0])
def test_sampling_agrees_with_quadrature(friction):
    surface = MuellerBrown(kt=40.0, friction=friction)
    expected = surface.cell_probabilities(X_EDGES, Y_EDGES)
    assert expected.sum() == pytest.approx(1.0)
    shares = []
    for seed in range(8):
        state = surface.start(MINIMA[seed % 3], seed)
        state, _ = surface.advance(state, 5_000, seed + 100, frame_interval=5_000)
        _, frames = surface.advance(state, 200_000, seed, frame_interval=5)
        cell = grid_cells(frames.position, X_EDGES, Y_EDGES)
        shares.append(np.bincount(cell[cell >= 0], minlength=len(expected)) / len(cell))
    mean, error = np.mean(shares, axis=0), np.std(shares, axis=0, ddof=1) / np.sqrt(8)
    assert 0.5 * np.abs(mean - expected).sum() < 0.03
    basins = grid_cells(np.array(MINIMA), X_EDGES, Y_EDGES)
    assert (np.abs(mean - expected)[basins] < 5 * error[basins] + 1e-3).all()


def test_a_free_velocity_has_the_temperature():
    surface = MuellerBrown(kt=15.0, mass=2.0)
    speeds = np.array([surface.start((0.0, 0.0), seed).velocity for seed in range(4_000)])
    assert 2.0 * (speeds**2).mean() == pytest.approx(15.0, rel=0.05)


def test_the_interface_of_a_simulation(monkeypatch):
    surface = MuellerBrown()
    start = surface.start(MINIMA[0], 1)
    state, first = surface.advance(start, 10, 2, frame_interval=4)
    state, second = surface.advance(state, 7, 3, frame_interval=4)
    np.testing.assert_array_equal(np.concatenate([first.step, second.step]), [4, 8, 12, 16])
    assert (state.step, state.lineage, start.step) == (17, (1, 2, 3), 0)
    _, again = surface.advance(start, 10, 2)
    np.testing.assert_array_equal(again.position[[3, 7]], first.position)
    monkeypatch.setattr("levinthal.simulation.exact.potential._STEPS_A_BLOCK", 3)
    whole, in_blocks = surface.advance(start, 10, 2)
    np.testing.assert_allclose(in_blocks.position, again.position, rtol=1e-12)
    assert len(in_blocks) == whole.step == 10


def test_cells_of_a_grid():
    points = np.array([[0.5, 0.5], [1.5, 0.5], [0.5, 2.5], [-1.0, 0.0]])
    np.testing.assert_array_equal(grid_cells(points, np.array([0.0, 1, 2]), np.array([0.0, 1, 2, 3])), [0, 3, 2, -1])
    with pytest.raises(DataError, match="ascending"):
        grid_cells(points, np.array([1.0, 0.0]), np.array([0.0, 1.0]))


def test_quadrature_does_not_depend_on_the_cells():
    surface = MuellerBrown(kt=10.0)
    coarse = surface.cell_probabilities(X_EDGES, Y_EDGES).reshape(19, 17)
    fine_x = np.sort(np.concatenate([X_EDGES, (X_EDGES[1:] + X_EDGES[:-1]) / 2]))
    fine = surface.cell_probabilities(fine_x, Y_EDGES).reshape(19, 2, 17).sum(axis=1)
    np.testing.assert_allclose(fine, coarse, atol=1e-5)


def test_mistakes_and_explosions_are_one_line():
    with pytest.raises(UsageError, match="positive"):
        MuellerBrown(kt=0.0)
    with pytest.raises(UsageError, match="friction"):
        MuellerBrown(friction=0.0)
    surface = MuellerBrown(time_step=1.0)
    with pytest.raises(SimulationError, match="time step below 1"):
        surface.advance(surface.start(MINIMA[0], 0), 1_000, 0)
    with pytest.raises(UsageError):
        surface.advance(surface.start(MINIMA[0], 0), 0, 0)
