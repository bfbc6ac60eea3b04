"""What was seen and what was not, by hand and on independent draws."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from levinthal.errors import DataError
from levinthal.simulation.analysis.coverage import (
    chao1,
    covered_stationary_mass,
    good_turing_unseen_mass,
    occupied_volume,
    state_counts,
    states_visited,
    states_visited_curve,
)


def test_counts_visits_and_mass():
    run = np.array([3, 3, 0, 1, 0, -1])
    np.testing.assert_array_equal(state_counts(run, 5), [2, 1, 0, 2, 0])
    assert states_visited(run, 5) == 3
    np.testing.assert_array_equal(states_visited_curve(run[:5]), [1, 1, 2, 3, 3])
    assert covered_stationary_mass(run, np.array([0.1, 0.2, 0.3, 0.1, 0.3])) == pytest.approx(0.4)
    with pytest.raises(DataError, match="state 3"):
        state_counts(run, 3)


@given(st.lists(st.integers(0, 30), min_size=1, max_size=200))
def test_the_curve_ends_at_the_number_of_states(states):
    curve = states_visited_curve(np.array(states))
    assert curve[-1] == len(set(states))
    assert (np.diff(curve) >= 0).all()


def test_good_turing_and_chao1_by_their_formulas():
    counts = np.array([1, 1, 1, 1, 2, 2, 5, 0, 0])
    assert good_turing_unseen_mass(counts).value == pytest.approx(4 / 13)
    assert chao1(counts).value == pytest.approx(7 + 16 / 4)
    assert chao1(np.array([1, 1, 1, 4])).value == pytest.approx(4 + 3)
    everything = chao1(np.array([3, 4, 5]))
    assert (everything.value, everything.low, everything.high) == (3, 3, 3)
    with pytest.raises(DataError, match="0 draws"):
        good_turing_unseen_mass(np.zeros(4, int))


def test_unseen_mass_of_skewed_states_and_its_interval():
    rng = np.random.default_rng(0)
    pi = 1.0 / np.arange(1, 2001)
    pi /= pi.sum()
    held = []
    for _ in range(100):
        drawn = rng.choice(2000, 1500, p=pi)
        held.append(good_turing_unseen_mass(state_counts(drawn, 2000)).covers(1 - covered_stationary_mass(drawn, pi)))
    assert 0.88 <= np.mean(held) <= 1.0


def test_chao1_is_a_lower_bound_for_unequal_states():
    rng = np.random.default_rng(1)
    pi = 1.0 / np.arange(1, 2001) ** 1.5
    estimates = [chao1(state_counts(rng.choice(2000, 3000, p=pi / pi.sum()), 2000)).value for _ in range(50)]
    assert np.mean(estimates) < 2000


def test_repeated_frames_hide_the_unseen():
    rng = np.random.default_rng(2)
    drawn = rng.integers(0, 1000, 500)
    honest = good_turing_unseen_mass(state_counts(drawn, 1000)).value
    assert honest == pytest.approx(math.exp(-0.5), abs=0.1)
    assert good_turing_unseen_mass(state_counts(np.repeat(drawn, 5), 1000)).value == 0.0


def test_volume_of_a_grid_with_cells_of_unequal_size():
    edges = (np.array([0.0, 1.0, 3.0]), np.array([0.0, 0.5, 1.0]))
    found = occupied_volume(np.array([[0.5, 0.2], [0.6, 0.3], [2.0, 0.7], [5.0, 0.5]]), edges)
    assert (found.volume, found.n_cells, found.share_outside) == (pytest.approx(0.5 + 1.0), 2, 0.25)
    with pytest.raises(DataError, match="2 dimensions"):
        occupied_volume(np.zeros((3, 1)), edges)
