"""Recurrence equals 1/pi on a chain, also where trajectories were cut short."""

from __future__ import annotations

import numpy as np
import pytest

from levinthal.errors import DataError
from levinthal.simulation.analysis.exact_chain import mean_recurrence_steps, mean_time_outside_steps
from levinthal.simulation.analysis.first_passage import absence_durations, mean_recurrence, return_durations
from levinthal.simulation.analysis.survival import tail_mean
from levinthal.simulation.exact.folding_landscape import folding_landscape

LANDSCAPE = folding_landscape(3.0)


def walk(seed: int, n_steps: int) -> np.ndarray:
    rng = np.random.default_rng(seed)
    start = LANDSCAPE.chain.start(int(rng.choice(500, p=LANDSCAPE.stationary)))
    return LANDSCAPE.chain.advance(start, n_steps, seed)[1].microstate


def test_returns_and_absences_of_a_list_written_out():
    mask = np.array([0, 1, 1, 0, 0, 1, 0, 0], bool)
    returns = return_durations([mask], lag_steps=5)
    np.testing.assert_array_equal(returns.steps, [5, 15, 10])
    np.testing.assert_array_equal(returns.observed, [True, True, False])
    absences = absence_durations([mask], lag_steps=5)
    np.testing.assert_array_equal(absences.steps, [10, 5])
    np.testing.assert_array_equal(absences.observed, [True, False])
    assert len(return_durations([np.zeros(4, bool)])) == 0
    assert len(absence_durations([np.ones(4, bool)])) == 0


def test_recurrence_is_one_over_pi():
    state = int(LANDSCAPE.stationary.argmax())
    expected = mean_recurrence_steps(LANDSCAPE.stationary, [state])
    assert expected == pytest.approx(1 / LANDSCAPE.stationary[state])
    found = mean_recurrence([walk(seed, 400_000) == state for seed in range(4)])
    assert found.value == pytest.approx(expected, rel=0.1)
    assert found.covers(expected)


def test_recurrence_is_proportional_to_the_lag():
    inside = np.isin(walk(1, 2_000_000), LANDSCAPE.native)
    expected = mean_recurrence_steps(LANDSCAPE.stationary, LANDSCAPE.native)
    for lag in (1, 10):
        assert mean_recurrence([inside[::lag]], lag).value == pytest.approx(lag * expected, rel=0.1)


def test_leave_and_come_back():
    inside = np.isin(walk(2, 2_000_000), LANDSCAPE.native)
    expected = mean_time_outside_steps(LANDSCAPE.chain.transition_matrix, LANDSCAPE.native)
    assert tail_mean(absence_durations([inside])).value == pytest.approx(expected, rel=0.15)
    stays = tail_mean(absence_durations([~inside])).value
    population = LANDSCAPE.stationary[LANDSCAPE.native].sum()
    assert expected == pytest.approx(stays * (1 - population) / population, rel=0.15)


def test_dropping_what_was_cut_short_would_be_wrong():
    state = int(np.argsort(LANDSCAPE.stationary)[-100])
    expected = mean_recurrence_steps(LANDSCAPE.stationary, [state])
    marks = [walk(seed, 3_000) == state for seed in range(400)]
    waits = return_durations(marks)
    assert waits.steps[waits.observed].mean() < 0.8 * expected
    assert mean_recurrence(marks).value == pytest.approx(expected, rel=0.15)


def test_a_lag_of_zero_is_refused():
    with pytest.raises(DataError, match="at least 1"):
        return_durations([np.ones(3, bool)], 0)
