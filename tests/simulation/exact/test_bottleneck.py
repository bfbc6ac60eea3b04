"""Two rooms and a corridor: reversible, all states as likely, and as hard to cross as its text says."""

from __future__ import annotations

import numpy as np

from levinthal.simulation.analysis.exact_chain import mean_first_passage_steps, stationary_distribution
from levinthal.simulation.exact.bottleneck import bottleneck
from levinthal.simulation.exact.grid_walk import grid_walk


def test_all_states_are_as_likely_and_the_door_is_hard_to_find():
    rooms = bottleneck()
    np.testing.assert_allclose(stationary_distribution(rooms.chain.transition_matrix), rooms.stationary, rtol=1e-8)
    mean = mean_first_passage_steps(rooms.chain.transition_matrix, rooms.far_room)
    np.testing.assert_allclose(mean[rooms.start], 27_900, rtol=0.01)
    assert not mean[rooms.far_room].any()
    in_corridor = rooms.chain.embedding[:, 0] == 27
    assert in_corridor.sum() == 1  # one state wide


def test_a_walk_on_a_grid_has_the_populations_of_its_energy():
    energy = np.random.default_rng(0).normal(size=(6, 5))
    energy[2, 1:] = np.inf  # a wall with a gap
    matrix = grid_walk(energy).toarray()
    likely = np.exp(-energy[np.isfinite(energy)])
    likely /= likely.sum()
    flow = likely[:, None] * matrix
    np.testing.assert_allclose(flow, flow.T, atol=1e-15)
    np.testing.assert_allclose(matrix.sum(axis=1), 1.0)
    assert matrix.shape == (26, 26)
