"""Splitting and merging keep every mean; the rate by Hill's relation is that of the exact chain."""

from __future__ import annotations

import math
import runpy
from functools import cache
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from levinthal.errors import DataError
from levinthal.simulation.analysis import weighted_ensemble
from levinthal.simulation.analysis.weighted_ensemble import hill_rate, split_and_merge

WEIGHTS = st.lists(st.floats(0.0, 1.0), min_size=1, max_size=12)


@given(WEIGHTS, st.data(), st.integers(0, 99))
def test_the_weight_and_the_number_of_walkers_stay(weights, data, seed):
    bins = np.array(data.draw(st.lists(st.integers(-1, 4), min_size=len(weights), max_size=len(weights))))
    found = split_and_merge(np.array(weights), bins, np.random.default_rng(seed), alone=-1)
    assert len(found.parent) == len(found.weight) == len(weights)
    assert (np.diff(found.parent) >= 0).all()
    assert (found.weight >= 0).all()
    assert found.weight.sum() == pytest.approx(sum(weights))
    for each in np.unique(bins):  # no weight goes from one bin to another
        assert found.weight[bins[found.parent] == each].sum() == pytest.approx(np.array(weights)[bins == each].sum())
    others = [int((bins[found.parent] == each).sum()) for each in np.unique(bins[bins >= 0])]
    assert max(others, default=1) - min(others, default=1) <= 1
    if others and (bins < 0).any():
        assert (bins[found.parent] < 0).sum() == 1


def mean_weights(weights, bins, n):
    """Return the mean weight that each walker leaves behind, and its error."""
    rng, left = np.random.default_rng(5), np.zeros((n, len(weights)))
    for k in range(n):
        found = split_and_merge(weights, bins, rng)
        np.add.at(left[k], found.parent, found.weight)
    return left.mean(axis=0), left.std(axis=0) / math.sqrt(n) + 1e-12


UNEVEN = np.array([0.3, 0.02, 0.05, 0.11, 0.4, 0.07, 0.03, 0.02])
BINS = np.array([0, 0, 0, 0, 0, 0, 1, 2])


def test_what_a_walker_stands_for_stays_in_the_mean():
    mean, error = mean_weights(UNEVEN, BINS, 1500)
    assert (np.abs(mean - UNEVEN) < 4.5 * error).all()


@pytest.mark.parametrize(
    "broken",
    [
        lambda one, other, rng: one if rng.random() * (one[0] + other[0]) < one[0] else other,  # weights not added
        lambda one, other, rng: (one[0] + other[0], max(one, other)[1]),  # the heavier always stays
        lambda one, other, rng: (one[0] + other[0], (one if rng.random() < 0.5 else other)[1]),  # either as likely
    ],
)
def test_a_broken_merge_is_told(monkeypatch, broken):
    monkeypatch.setattr(weighted_ensemble, "merged", broken)
    mean, error = mean_weights(UNEVEN, BINS, 1500)
    assert (np.abs(mean - UNEVEN) > 6.0 * error).any()


@pytest.mark.parametrize(("weights", "bins"), [([], []), ([0.5, -0.1], [0, 0]), ([math.nan], [0]), ([1.0], [0, 1])])
def test_weights_that_make_no_sense(weights, bins):
    with pytest.raises(DataError, match="no weight below 0"):
        split_and_merge(np.array(weights), np.array(bins), np.random.default_rng(0))


def test_few_arrivals_of_equal_walkers_are_counted():
    rate = hill_rate([0.0, 0.2, 0.1], [100.0, 90.0, 95.0], walkers=10)
    low, high = stats.chi2.ppf([0.025, 0.975], [6, 8]) / 2 / (10 * 285.0)
    assert (rate.value, rate.low, rate.high) == pytest.approx((0.3 / 285, low, high))
    none = hill_rate([0.0] * 3, [100.0] * 3, walkers=10)
    assert (none.value, none.low) == (0.0, 0.0)
    assert none.high == pytest.approx(-math.log(0.025) / 3000)


@given(
    st.lists(st.tuples(st.sampled_from([0.0, 1e-300, 1e-9, 0.5]), st.floats(0, 1e6)), max_size=12),
    st.sampled_from([None, 1, 20]),
)
def test_a_rate_is_there_or_says_why(campaigns, walkers):
    arrived, waited = [x for x, _ in campaigns], [x for _, x in campaigns]
    try:
        rate = hill_rate(arrived, waited, walkers=walkers)
    except DataError:
        assert not sum(waited) > 0
        return
    assert rate.value >= 0.0
    assert rate.method
    assert math.isnan(rate.low) or rate.low <= rate.value <= rate.high


@cache
def benchmark():
    path = Path(__file__).parents[3] / "benchmarks" / "sampling_weights.py"
    if not path.exists():
        pytest.skip("the benchmarks are not here")
    return runpy.run_path(str(path))


@pytest.mark.slow
def test_a_rate_is_the_exact_one_and_its_interval_holds():
    """The light form of benchmarks/sampling_weights.py: 12 intervals of four campaigns each; spread is told there."""
    script = benchmark()
    case = script["wells_case"]()
    studies = [script["study"](case, "weighted-rate, k-centers", number, 4, (20, 300, 40)) for number in range(12)]
    assert sum(held for held, _, _ in studies) >= 9
    rates = np.array([rate for _, rate, _ in studies])
    assert abs(rates.mean() - 1.0) < 4.0 * rates.std(ddof=1) / math.sqrt(12)
