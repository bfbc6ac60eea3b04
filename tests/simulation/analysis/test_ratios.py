"""Ratios of policies: what is known of them by hand, the censored, and that nothing is claimed where nothing is."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from levinthal.errors import DataError
from levinthal.simulation.analysis.ratios import better, budget_to_reach, faster, greater

POSITIVE = st.lists(st.floats(0.1, 100), min_size=5, max_size=5)


@given(POSITIVE, POSITIVE)
def test_the_figure_is_the_geometric_mean_of_pairs(a, b):
    expected = math.exp(np.mean(np.log(np.array(a) / np.array(b))))
    assert better(a, b).value == pytest.approx(expected)
    assert greater(b, a).value == pytest.approx(expected)
    assert faster(a, b, 1000.0).value == pytest.approx(expected)


def test_verdicts():
    rng = np.random.default_rng(0)
    noise = np.exp(rng.normal(scale=0.3, size=16))
    once, half = np.exp(rng.normal(scale=0.3, size=16)), 0.3 * noise
    assert faster(once, half, 1e3).verdict == "faster"
    assert faster(half, once, 1e3).verdict == "slower"
    assert better(once, half).verdict == "better"
    assert better(half, once).verdict == "worse"
    assert greater(half, once).verdict == "greater"
    assert greater(once, half).verdict == "smaller"
    assert faster(once, half, 1e3, name="sooner", words=("sooner", "later")).verdict == "sooner"
    same = faster(once, noise, 1e3)
    assert same.verdict == "can't tell"
    assert same.low < 1 < same.high


def test_pairing_takes_the_common_noise_out():
    rng = np.random.default_rng(1)
    common = np.exp(rng.normal(scale=2.0, size=16))
    ratio = faster(common * 1.2, common * np.exp(rng.normal(scale=0.05, size=16)), 1e6)
    assert ratio.verdict == "faster"
    assert ratio.high - ratio.low < 0.2


def test_two_pairs_are_too_few_to_tell():
    ratio = faster([10.0, 11.0], [1.0, 1.1], 100.0)
    assert ratio.value == pytest.approx(10.0)
    assert math.isnan(ratio.low)
    assert ratio.verdict == "can't tell"


def test_replicas_that_never_arrived():
    rng = np.random.default_rng(2)
    budget = 1000.0
    slow, fast = rng.exponential(2000, 16), rng.exponential(200, 16)
    slow[slow > budget] = math.inf
    ratio = faster(slow, fast, budget)
    assert (ratio.n_missed_baseline, ratio.n_missed_candidate) == (int(np.isinf(slow).sum()), 0)
    arrived, waited = np.isfinite(slow).sum(), np.minimum(slow, budget).sum()
    assert ratio.value == pytest.approx(16 / fast.sum() / (arrived / waited))
    assert ratio.verdict == "faster"
    assert "per budget spent waiting" in ratio.method
    none = faster([math.inf] * 4, [math.inf] * 4, budget)
    assert math.isnan(none.value)
    assert none.verdict == "can't tell"
    every = faster([math.inf] * 16, fast, budget)
    assert every.verdict == "faster"
    assert (every.value, every.high) == (math.inf, math.inf)
    assert every.low > 10.0


def test_what_finds_nothing_scores_as_nothing():
    """A baseline that takes nine tenths of the budget gives it no floor."""
    late = np.random.default_rng(3).uniform(850, 1100, 16)
    late[late > 1000.0] = math.inf
    blind = faster(late, [math.inf] * 16, 1000.0)
    assert (blind.value, blind.low, blind.verdict) == (0.0, 0.0, "slower")
    assert 0.1 < blind.high < 0.5
    assert greater([0.5] * 16, [0.0] * 16).value == 0.0


def test_few_arrivals_have_the_exact_interval_of_counts():
    """Against the binomial test of SciPy: 3 of 11 events in 1 of 3 parts of the time."""
    found = faster([100.0] * 8 + [math.inf] * 2, [10.0] * 3 + [math.inf] * 7, 100.0)
    share = stats.binomtest(3, 11).proportion_ci(0.95, "exact")
    scale = 1000.0 / 730.0
    np.testing.assert_allclose(
        [found.value, found.low, found.high],
        [3 / 8 * scale, share.low / (1 - share.low) * scale, share.high / (1 - share.high) * scale],
    )


@pytest.mark.parametrize(("budget", "scale"), [(1e9, 1.0), (150.0, 1.0), (150.0, 2.0), (20.0, 1.0)])
def test_intervals_hold_the_truth(budget, scale):
    """Exponential times, all arrived, some, or few: of 200 studies of 16 pairs, 95 % but for chance."""
    rng, held, told = np.random.default_rng(4), 0, 0
    for k in range(200):
        slow, fast = rng.exponential(100.0 * scale, 16), rng.exponential(100.0, 16)
        slow[slow > budget], fast[fast > budget] = math.inf, math.inf
        found = faster(slow, fast, budget, seed=k)
        held += found.low <= scale <= found.high
        told += found.verdict != "can't tell"
    assert held >= 182
    assert scale != 1.0 or told <= 16


@pytest.mark.parametrize(("shape", "share"), [(1.0, 0.75), (4.0, 0.75), (1.0, 0.9), (4.0, 0.9)])
def test_the_same_twice_is_seldom_told_apart_where_some_never_arrive(shape, share):
    """A studentised bootstrap told 8 in 100 apart here."""
    rng = np.random.default_rng(int(10 * shape * share))
    budget, apart = float(stats.gamma(shape).ppf(share)), 0
    for _ in range(1000):
        both = rng.gamma(shape, size=(2, 16))
        apart += faster(*np.where(both > budget, np.inf, both), budget).verdict != "can't tell"
    assert apart <= 65  # 50, and twice the noise


def test_identical_pairs_are_alike():
    assert better([1.0, 2.0, 3.0], [1.0, 2.0, 3.0]).verdict == "can't tell"


def test_budget_to_reach():
    assert budget_to_reach([1, 2, 3], [0.1, 0.6, 0.4], 0.5) == 2
    assert budget_to_reach([1, 2, 3], [0.9, 0.6, 0.4], 0.5, better="lower") == 3
    assert budget_to_reach([1, 2], [0.1, 0.2], 0.5) == math.inf
    with pytest.raises(DataError, match="ascending"):
        budget_to_reach([2, 1], [0, 0], 1)


@pytest.mark.parametrize(("a", "b"), [([1.0], [1.0, 2.0]), ([0.0], [1.0]), ([math.nan], [1.0]), ([], [])])
def test_mistakes_are_refused(a, b):
    with pytest.raises(DataError):
        better(a, b)


def test_infinite_levels_and_budgets_are_refused():
    with pytest.raises(DataError, match="infinite"):
        greater([1.0, 2.0], [math.inf, 1.0])
    with pytest.raises(DataError, match="budget"):
        faster([1.0], [1.0], math.inf)
