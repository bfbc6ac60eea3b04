"""No statistic of a study throws, whatever was seen: ties, censoring everywhere, one event, none, nothing at all."""

from __future__ import annotations

import math
import warnings

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from levinthal.errors import DataError
from levinthal.simulation.analysis.coverage import chao1, good_turing_unseen_mass, state_counts
from levinthal.simulation.analysis.divergence import jensen_shannon_nats
from levinthal.simulation.analysis.effective_samples import effective_sample_size, integrated_autocorrelation_time_steps
from levinthal.simulation.analysis.entropy import configurational_entropy
from levinthal.simulation.analysis.first_passage import absence_durations, mean_recurrence, return_durations
from levinthal.simulation.analysis.intervals import jackknife
from levinthal.simulation.analysis.markov import markov_model_of_counts, transition_counts
from levinthal.simulation.analysis.ratios import better, faster, greater
from levinthal.simulation.analysis.survival import (
    durations,
    kaplan_meier,
    median_duration,
    restricted_mean_duration,
    tail_mean,
)


@pytest.fixture(autouse=True)
def _quiet():
    """Count a warning of NumPy's as an exception too: a figure that came of it is not one."""
    with warnings.catch_warnings():
        warnings.simplefilter("error", RuntimeWarning)
        yield


# few different values, so that ties are the rule
WAITS = st.lists(st.tuples(st.integers(0, 4).map(lambda k: 10 * k), st.booleans()), max_size=40)
TIMES = st.lists(st.sampled_from([1.0, 2.0, 2.0, 50.0, 100.0, math.inf]), min_size=1, max_size=16)
CONFIDENCE = st.sampled_from([0.5, 0.95, 0.999, 0.999999])


def is_estimate(found) -> None:
    limits = (found.low, found.value, found.high)
    assert all(math.isnan(found.low) or math.isnan(found.high) or low <= high for low, high in [(limits[0], limits[2])])
    if not math.isnan(found.value):
        assert found.value >= 0.0
    assert found.method


@given(WAITS, CONFIDENCE)
def test_waits_of_every_kind(pairs, confidence):
    waits = durations([time for time, _ in pairs], [seen for _, seen in pairs])
    for found in (tail_mean(waits, confidence), median_duration(waits, confidence)):
        is_estimate(found)
    if pairs:
        curve = kaplan_meier(waits)
        assert (np.diff(curve.survival) < 0.0).all()
        if curve.last_steps:
            found = restricted_mean_duration(waits, curve.last_steps, confidence)
            is_estimate(found)
            assert found.value <= curve.last_steps
    else:
        assert math.isnan(restricted_mean_duration(waits, 1.0).value)
        assert tail_mean(waits).value == math.inf


def test_the_longest_waits_tie():
    """Ten events and more at the last time: the hazard beyond the others is taken from all of them."""
    waits = durations([1.0] * 5 + [10.0] * 15 + [10.0] * 5, [True] * 20 + [False] * 5)
    found = tail_mean(waits)
    # after the first five events 20 wait 9 steps each, in which 15 events come
    assert found.value == pytest.approx(1.0 + 0.8 * (20 * 9.0) / 15)
    assert found.low < found.value < found.high
    at_once = tail_mean(durations([0.0] * 12 + [5.0], [True] * 12 + [False]))
    assert at_once.value == math.inf
    assert "at once" in at_once.method


@given(st.lists(st.lists(st.booleans(), max_size=12), max_size=6))
def test_returns_of_every_kind(trajectories):
    marks = [np.array(each, bool) for each in trajectories]
    is_estimate(mean_recurrence(marks))
    for waits in (return_durations(marks), absence_durations(marks)):
        is_estimate(tail_mean(waits))


@given(TIMES, st.data())
def test_ratios_of_every_kind(baseline, data):
    candidate = data.draw(st.lists(st.sampled_from([1.0, 2.0, 99.0, math.inf]), min_size=len(baseline),
                                   max_size=len(baseline)))  # fmt: skip
    found = faster(baseline, candidate, 100.0)
    missed = np.isinf(baseline).all(), np.isinf(candidate).all()
    if missed == (True, True):
        assert math.isnan(found.value)
    else:
        assert math.isnan(found.low) or found.low <= found.high
        assert (found.value == 0.0) == (missed == (False, True))
        assert (found.value == math.inf) == (missed == (True, False))
    levels = [min(each, 3.0) - 1.0 for each in baseline], [min(each, 3.0) - 1.0 for each in candidate]
    if any(levels[0]) or any(levels[1]):
        assert greater(*levels).value >= 0.0
    else:
        with pytest.raises(DataError, match="neither"):
            greater(*levels)
    assert better([each + 1.0 for each in levels[0]], [each + 1.0 for each in levels[1]]).value > 0.0


def test_ratios_beyond_the_range_of_numbers():
    found = better([1e-300, 1e300, 1.0], [1e300, 1e-300, 1.0])
    assert (found.low, found.high) == (0.0, math.inf)
    assert found.verdict == "can't tell"


@given(st.lists(st.lists(st.integers(0, 4), min_size=2, max_size=15), min_size=1, max_size=5), st.booleans())
def test_models_of_every_connectivity(runs, reversible):
    model = markov_model_of_counts(transition_counts([np.array(run) for run in runs], 5), reversible=reversible)
    assert model.stationary.sum() == pytest.approx(1.0)
    assert 0.0 <= model.share_of_transitions_outside <= 1.0
    assert 0.0 <= jensen_shannon_nats(model.stationary, np.full(5, 0.2)) <= math.log(2.0)


@given(st.lists(st.integers(-1, 6), max_size=30), CONFIDENCE)
def test_coverage_of_every_kind(states, confidence):
    counts = state_counts(np.array(states, np.int64), 7)
    for estimate in (good_turing_unseen_mass, chao1):
        if counts.any():
            is_estimate(estimate(counts, confidence))
        else:
            with pytest.raises(DataError):
                estimate(counts, confidence)


@given(st.lists(st.sampled_from([-1e308, -1.0, 0.0, 0.1, 1e-320, 1e200]), min_size=4, max_size=20))
def test_series_of_every_size(values):
    tau = integrated_autocorrelation_time_steps(np.array(values))
    assert tau > 0.0
    assert effective_sample_size(np.array(values)) >= 0.0
    assert (tau == math.inf) == (len(set(values)) == 1)


def test_a_constant_that_is_not_a_binary_number_has_no_time():
    assert integrated_autocorrelation_time_steps(np.full(1000, 0.1)) == math.inf


@given(st.integers(1, 5), st.integers(1, 4), st.sampled_from([0.0, 1e-9, 1.0, 1e6]))
def test_frames_of_every_shape(n_frames, n_atoms, spread_nm):
    frames = np.random.default_rng(0).normal(size=(n_frames, n_atoms, 3)) * spread_nm
    found = configurational_entropy(frames, np.full(n_atoms, 12.0), 300.0)
    assert math.isfinite(found.schlitter_j_mol_k)
    assert 0.0 <= found.quasi_harmonic_j_mol_k <= found.schlitter_j_mol_k + 1e-9


@pytest.mark.parametrize("values", [[math.inf, 1.0, 2.0], [0.0, 0.0, 0.0], [1.0, 0.0, 0.0, 0.0]])
def test_a_jackknife_of_what_is_not_finite_has_no_interval(values):
    found = jackknife(values, lambda part: float(np.sum(part)), transform=(np.log, np.exp))
    assert math.isnan(found.low)
    assert "not finite" in found.method
