from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from levinthal.metrics.statistics import median_interval, mlperf_score
from levinthal.metrics.two_samples import (
    cliffs_delta,
    compare_samples,
    holm,
    mann_whitney_p,
    minimum_p,
    more_repeats_needed,
    ratio_interval,
    shift_interval,
    welch_p,
)

VALUES = st.floats(1e-3, 1e6, allow_nan=False)
SAMPLE = st.lists(VALUES, min_size=1, max_size=14)
GRID = st.lists(st.integers(1, 5).map(float), min_size=1, max_size=9)


# Ranks (k, n + 1 - k) of the 95 % sign interval of the median: Dixon and Massey's table, reprinted in many textbooks.
@pytest.mark.parametrize(("n", "k"), [(6, 1), (8, 1), (9, 2), (11, 2), (12, 3), (15, 4), (20, 6), (25, 8), (30, 10)])
def test_median_interval_takes_the_tabulated_ranks(n: int, k: int) -> None:
    interval = median_interval(list(range(n, 0, -1)))
    assert interval is not None
    assert (interval.low, interval.high) == (k, n + 1 - k)
    assert "order statistics" in interval.method


@pytest.mark.parametrize("n", [2, 3, 4, 5])
def test_few_values_get_a_normal_interval_of_the_median_and_say_so(n: int) -> None:
    values = np.random.default_rng(n).normal(10.0, 1.0, n)
    interval = median_interval(values)
    assert interval is not None
    assert (interval.low + interval.high) / 2 == pytest.approx(np.median(values))
    assert "normal scatter around the median" in interval.method
    # The median of two is their mean, whose interval is Student's; that of more scatters more than their mean.
    low, high = stats.t.interval(0.95, n - 1, loc=values.mean(), scale=stats.sem(values))
    wider = (interval.high - interval.low) / (high - low)
    assert wider == pytest.approx(1.0) if n == 2 else 1.0 < wider < 1.25


def test_higher_confidence_needs_more_values_for_ranks() -> None:
    assert "normal" in median_interval(range(7), 0.99).method
    assert "order" in median_interval(range(8), 0.99).method


@pytest.mark.parametrize("values", [[], [3.0]])
def test_no_interval_below_two_values(values: list[float]) -> None:
    assert median_interval(values) is None


def test_values_that_are_not_finite_are_refused() -> None:
    with pytest.raises(ValueError, match="finite"):
        median_interval([1.0, math.nan])
    with pytest.raises(ValueError, match="at least one"):
        compare_samples([], [1.0])


@given(st.lists(VALUES, min_size=2, max_size=40))
def test_the_interval_holds_the_median(values: list[float]) -> None:
    interval = median_interval(values)
    assert interval is not None
    spare = 1e-9 * max(values)
    assert interval.low - spare <= np.median(values) <= interval.high + spare


@pytest.mark.parametrize("n", [2, 3, 4, 5, 6, 9, 21])
def test_median_interval_covers(n: int) -> None:
    rng = np.random.default_rng(n)
    samples = rng.normal(5.0, 1.0, (2000, n)) if n < 6 else rng.lognormal(math.log(5.0), 0.7, (2000, n))
    hits = np.mean([i.low <= 5.0 <= i.high for i in map(median_interval, samples)])
    # Three standard errors of 2000 trials at 95 % are 0.015.
    assert hits >= 0.935
    assert hits <= (0.965 if n < 6 else 1.0)  # below six the interval is exact, not merely wide enough


def test_score_drops_both_ends() -> None:
    assert mlperf_score([9.0, 1.0, 2.0, 4.0, 3.0]).value == 3.0


def test_a_miss_takes_the_place_of_the_worst() -> None:
    assert mlperf_score([1.0, 2.0, 4.0], misses=1, better="lower").value == 3.0
    assert mlperf_score([1.0, 2.0, 4.0], misses=1, better="higher").value == 1.5


@pytest.mark.parametrize(
    ("values", "misses", "word"), [([1.0, 2.0], 0, "2 repeats"), ([1.0] * 9, 2, "2 repeats missed")]
)
def test_score_says_why_there_is_none(values: list[float], misses: int, word: str) -> None:
    score = mlperf_score(values, misses)
    assert score.value is None
    assert word in score.reason


@given(st.lists(VALUES, min_size=3, max_size=20))
def test_score_lies_within_the_values(values: list[float]) -> None:
    score = mlperf_score(values).value
    assert min(values) * (1 - 1e-12) <= score <= max(values) * (1 + 1e-12)


@given(st.sets(st.integers(-1000, 1000), min_size=2, max_size=24), st.data())
def test_mann_whitney_equals_scipys_exact_test(pool: set[int], data: st.DataObject) -> None:
    cut = data.draw(st.integers(1, len(pool) - 1))
    mixed = data.draw(st.permutations(sorted(pool)))
    a, b = mixed[:cut], mixed[cut:]
    expected = stats.mannwhitneyu(a, b, alternative="two-sided", method="exact").pvalue
    assert mann_whitney_p(a, b) == pytest.approx(expected, rel=1e-9)


@settings(max_examples=25, deadline=None)
@given(st.lists(st.integers(1, 4), min_size=2, max_size=5), st.lists(st.integers(1, 4), min_size=2, max_size=5))
def test_mann_whitney_with_ties_equals_the_permutation_test(a: list[int], b: list[int]) -> None:
    def rank_sum(x: np.ndarray, y: np.ndarray) -> float:
        return float(stats.rankdata(np.concatenate([x, y]))[: len(x)].sum())

    expected = stats.permutation_test((a, b), rank_sum, n_resamples=np.inf, alternative="two-sided").pvalue
    assert mann_whitney_p(a, b) == pytest.approx(expected)


def test_mann_whitney_of_large_samples_equals_scipys() -> None:
    rng = np.random.default_rng(1)
    a, b = rng.integers(0, 20, 90), rng.integers(2, 22, 70)
    expected = stats.mannwhitneyu(a, b, alternative="two-sided").pvalue
    assert mann_whitney_p(a, b) == pytest.approx(expected)
    assert mann_whitney_p(np.ones(60), np.ones(60)) == 1.0


def test_holm_of_a_worked_example_and_one_false_verdict_in_twenty_families() -> None:
    # Holm's correction as R's p.adjust(c(0.01, 0.02, 0.03, 0.04, 0.05), "holm") gives it.
    assert holm([0.01, 0.02, 0.03, 0.04, 0.05]) == pytest.approx([0.05, 0.08, 0.09, 0.09, 0.09])
    assert holm([0.04, 0.001]) == pytest.approx([0.04, 0.002])
    assert holm([]) == []
    p_values = np.random.default_rng(3).uniform(size=(2000, 30))
    assert 0.03 < np.mean([min(holm(list(row))) < 0.05 for row in p_values]) < 0.065
    assert np.mean(p_values.min(axis=1) < 0.05) > 0.7  # without a correction


def test_repeats_that_asvs_threshold_needs() -> None:
    # 2 / C(10, 5) = 0.0079, 2 / C(12, 6) = 0.0022 and 2 / C(14, 7) = 0.0006: seven a side are the fewest.
    assert minimum_p(5, 5) == pytest.approx(0.0079365, abs=1e-6)
    assert [more_repeats_needed(n, n) for n in (1, 3, 5, 6, 7)] == [6, 4, 2, 1, 0]


@given(st.integers(1, 12), st.integers(1, 12))
def test_minimum_p_is_reached_by_separate_samples(n_a: int, n_b: int) -> None:
    assert mann_whitney_p(range(n_a), range(100, 100 + n_b)) == pytest.approx(minimum_p(n_a, n_b))


def test_welch_equals_scipys_on_logarithms() -> None:
    a, b = [1.0, 1.2, 1.1], [2.0, 2.5, 2.2, 2.1]
    assert welch_p(a, b) == pytest.approx(stats.ttest_ind(np.log(a), np.log(b), equal_var=False).pvalue)
    signed = [-1.0, 1.2, 1.1]
    assert welch_p(signed, b) == pytest.approx(stats.ttest_ind(signed, b, equal_var=False).pvalue)
    assert welch_p([1.0], b) is None
    assert (welch_p([1.0, 1.0], [2.0, 2.0]), welch_p([1.0, 1.0], [1.0, 1.0])) == (0.0, 1.0)


def test_shift_interval_of_a_textbook_example() -> None:
    # Permeability of membranes at term and at 12 to 26 weeks: Hollander and Wolfe, Nonparametric Statistical Methods,
    # table 4.1. R: wilcox.test(x, y, conf.int = TRUE) gives U = 35, p = 0.2544, estimate 0.305, 95 % -0.15 to 0.76.
    x = [0.80, 0.83, 1.89, 1.04, 1.45, 1.38, 1.91, 1.64, 0.73, 1.46]
    y = [1.15, 0.88, 0.90, 0.74, 1.21]
    interval = shift_interval(y, x)
    assert (interval.low, interval.high) == pytest.approx((-0.15, 0.76))
    assert compare_samples(y, x).difference == pytest.approx(0.305)
    assert mann_whitney_p(x, y) == pytest.approx(0.2544, abs=5e-5)


def test_shift_interval_of_few_values_is_welchs() -> None:
    a, b = [1.0, 1.4, 1.1], [2.0, 2.9, 2.2]
    interval = shift_interval(a, b)
    expected = stats.ttest_ind(b, a, equal_var=False).confidence_interval(0.95)
    assert (interval.low, interval.high) == pytest.approx((expected.low, expected.high))
    assert shift_interval([1.0], b) is None
    constant = shift_interval([1.0, 1.0], [3.0, 3.0])
    assert (constant.low, constant.high) == (2.0, 2.0)


@pytest.mark.parametrize("n", [3, 5, 8, 50])
def test_ratio_interval_covers(n: int) -> None:
    rng = np.random.default_rng(n)
    trials, true = 700, 1.3
    hits = 0
    for _ in range(trials):
        interval = ratio_interval(rng.lognormal(0.0, 0.2, n), true * rng.lognormal(0.0, 0.2, n))
        hits += interval.low <= true <= interval.high
    # Three standard errors of 700 trials at 95 % are 0.025.
    assert hits / trials >= 0.925


def test_no_ratio_of_values_that_are_not_positive() -> None:
    comparison = compare_samples([-1.0, 0.0, 1.0, 2.0], [3.0, 4.0, 5.0, 6.0])
    assert comparison.ratio is None
    assert comparison.ratio_interval is None
    assert comparison.difference == 4.0
    assert comparison.separated


@given(GRID, GRID)
def test_cliffs_delta_is_the_u_statistic(a: list[float], b: list[float]) -> None:
    delta, interval = cliffs_delta(a, b)
    u = stats.mannwhitneyu(b, a, method="asymptotic").statistic
    assert delta == pytest.approx(2.0 * u / (len(a) * len(b)) - 1.0)
    assert (interval is None) == (min(len(a), len(b)) < 2)
    if interval is not None:
        assert -1.0 <= interval.low <= delta + 1e-12
        assert delta - 1e-12 <= interval.high <= 1.0


def test_cliffs_interval_covers() -> None:
    rng = np.random.default_rng(8)
    true = 2.0 * stats.norm.cdf(1.0 / math.sqrt(2.0)) - 1.0
    hits = 0
    for _ in range(700):
        interval = cliffs_delta(rng.normal(0, 1, 10), rng.normal(1, 1, 12))[1]
        hits += interval.low <= true <= interval.high
    assert hits / 700 >= 0.925


@given(SAMPLE, SAMPLE)
def test_swapping_the_samples_turns_everything_round(a: list[float], b: list[float]) -> None:
    forward, backward = compare_samples(a, b), compare_samples(b, a)
    assert forward.p_value == pytest.approx(backward.p_value)
    assert forward.delta == pytest.approx(-backward.delta)
    assert forward.ratio * backward.ratio == pytest.approx(1.0)
    assert forward.separated == backward.separated


@given(SAMPLE, SAMPLE, st.floats(0.01, 100.0))
def test_another_unit_changes_no_ratio(a: list[float], b: list[float], factor: float) -> None:
    plain = compare_samples(a, b)
    scaled = compare_samples([factor * x for x in a], [factor * x for x in b])
    assert scaled.ratio == pytest.approx(plain.ratio)
