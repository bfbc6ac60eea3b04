"""Kaplan-Meier against the book's example, scipy, and exact passage times."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from levinthal.errors import DataError
from levinthal.simulation.analysis.first_passage import first_passage_durations
from levinthal.simulation.analysis.survival import (
    durations,
    kaplan_meier,
    median_duration,
    restricted_mean_duration,
    tail_mean,
)

# Remission of leukaemia under 6-MP in weeks (Freireich et al. 1963, as in Klein and Moeschberger, example 4.1).
REMISSION = durations(
    [6, 6, 6, 6, 7, 9, 10, 10, 11, 13, 16, 17, 19, 20, 22, 23, 25, 32, 32, 34, 35],
    [1, 1, 1, 0, 1, 0, 1, 0, 0, 1, 1, 0, 0, 0, 1, 1, 0, 0, 0, 0, 0],
)


def test_the_textbook_curve():
    curve = kaplan_meier(REMISSION)
    np.testing.assert_array_equal(curve.steps, [6, 7, 10, 13, 16, 22, 23])
    np.testing.assert_allclose(curve.survival, [0.857, 0.807, 0.753, 0.690, 0.628, 0.538, 0.448], atol=6e-4)
    error = curve.survival * np.sqrt(curve.hazard_variance)
    np.testing.assert_allclose(error, [0.0764, 0.0869, 0.0963, 0.1068, 0.1141, 0.1282, 0.1346], atol=6e-5)
    assert median_duration(REMISSION).value == 23
    assert median_duration(REMISSION).high == math.inf


@given(
    st.lists(st.tuples(st.integers(0, 20), st.booleans()), min_size=1, max_size=40).filter(
        lambda pairs: any(observed for _, observed in pairs)
    )
)
def test_the_curve_is_scipys(pairs):
    time, observed = np.array([t for t, _ in pairs], float), np.array([o for _, o in pairs])
    curve = kaplan_meier(durations(time, observed))
    theirs = stats.ecdf(stats.CensoredData.right_censored(time, ~observed)).sf
    np.testing.assert_allclose(curve.survival, theirs.evaluate(curve.steps), atol=1e-12)


@given(st.lists(st.integers(1, 100), min_size=2, max_size=30))
def test_without_censoring_it_is_the_mean(times):
    waits = durations(times, [True] * len(times))
    assert restricted_mean_duration(waits, 200).value == pytest.approx(np.mean(times))
    assert tail_mean(waits).value == pytest.approx(np.mean(times))
    assert median_duration(waits).value == np.sort(times)[(len(times) - 1) // 2]


def test_censored_exponential_waits_have_the_mean_they_were_drawn_with():
    rng = np.random.default_rng(0)
    waits, ends = rng.exponential(100.0, 20_000), rng.uniform(50, 300, 20_000)
    found = tail_mean(durations(np.minimum(waits, ends), waits <= ends))
    assert found.value == pytest.approx(100.0, rel=0.05)
    assert found.covers(100.0)
    naive = waits[waits <= ends].mean()
    assert naive < 75.0  # dropping the censored ones favours quick events


def test_nothing_observed_is_infinite_not_zero():
    waits = durations([10, 10, 10], [False] * 3)
    assert tail_mean(waits).value == math.inf
    assert median_duration(waits).value == math.inf
    assert restricted_mean_duration(waits, 10).value == 10


def test_a_horizon_beyond_what_was_watched_is_refused():
    with pytest.raises(DataError, match=r"35"):
        restricted_mean_duration(REMISSION, 40)
    with pytest.raises(DataError, match="not observed"):
        durations([1.0, math.inf], [True, False])


def test_first_passages_are_the_first_frames_in_the_target():
    marks = [np.array([0, 0, 1, 0, 1], bool), np.array([0, 0, 0], bool), np.array([1, 0], bool)]
    waits = first_passage_durations(marks, lag_steps=10)
    np.testing.assert_array_equal(waits.steps, [20, 20, 0])
    np.testing.assert_array_equal(waits.observed, [True, False, True])
    with pytest.raises(DataError):
        first_passage_durations(marks, lag_steps=0)
    with pytest.raises(DataError, match="trajectory 0"):
        first_passage_durations([np.array([], bool)])
