"""A handful of repeats against another: tests by ranks where there are enough, Welch's where there are not.

The method that stepped in is named beside the figure, as in `levinthal.metrics.statistics`. Of SciPy, `mannwhitneyu` is
exact only without ties; `ttest_ind` warns on the terminal where repeats are nearly alike, and gives no interval where
they are; for the interval from all pairs and for Cliff's delta there is nothing.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from levinthal.metrics.statistics import FloatArray, Interval, checked_sample

P_THRESHOLD = 0.002
"""Two-sided p below which two samples are said to differ; the value is asv's."""

_EXACT_LIMIT = 80
"""Samples up to this size together get the exact permutation distribution (some milliseconds); above it a normal."""


@dataclass(frozen=True, slots=True)
class SampleComparison:
    """How the values of `b` stand to those of `a`.

    Attributes
    ----------
    p_value : float
        Two-sided Mann-Whitney p, exact also with ties for small samples.
    p_minimum : float
        The smallest p that samples of these sizes can reach, two-sided.
    welch_p : float or None
        Two-sided p of Welch's t-test (on logarithms where all values are positive); null below two values a side.
    ratio : float or None
        Median of all ratios b/a (Hodges and Lehmann 1963, on logarithms); null unless all values are positive.
    ratio_interval : Interval or None
        Its interval; null below two values a side.
    difference : float
        Median of all differences b - a (Hodges and Lehmann 1963).
    difference_interval : Interval or None
        Its interval; null below two values a side.
    delta : float
        Cliff's delta, P(b > a) - P(b < a): 0 where alike, 1 where every b is above every a.
    delta_interval : Interval or None
        Its interval; null below two values a side.
    separated : bool
        True when the two ranges do not touch.
    """

    p_value: float
    p_minimum: float
    welch_p: float | None
    ratio: float | None
    ratio_interval: Interval | None
    difference: float
    difference_interval: Interval | None
    delta: float
    delta_interval: Interval | None
    separated: bool


def minimum_p(n_a: int, n_b: int) -> float:
    """Return the smallest two-sided Mann-Whitney p that samples of these sizes can reach: 2 / C(n_a + n_b, n_a)."""
    return min(1.0, 2.0 / math.comb(n_a + n_b, n_a))


def more_repeats_needed(n_a: int, n_b: int, p_threshold: float = P_THRESHOLD) -> int:
    """Return how many repeats to add to each side before ranks alone can show a difference.

    This is arithmetic, not a forecast: with fewer, no data whatever reach the threshold. Whether the data will then
    reach it cannot be known beforehand.

    Returns
    -------
    int
        0 where the threshold can be reached already.
    """
    k = 0
    while minimum_p(n_a + k, n_b + k) >= p_threshold:
        k += 1
    return k


def holm(p_values: Sequence[float]) -> list[float]:
    """Return p-values corrected for their number: the chance of one below alpha among true nulls is below alpha.

    The step-down method of Holm (1979, Scandinavian Journal of Statistics 6, 65), which asks nothing of how the tests
    depend on each other.

    Examples
    --------
    >>> from levinthal.metrics.two_samples import holm
    >>> [round(p, 3) for p in holm([0.01, 0.04, 0.03])]
    [0.03, 0.06, 0.06]
    """
    corrected = [1.0] * len(p_values)
    largest = 0.0
    for rank, k in enumerate(sorted(range(len(p_values)), key=lambda k: p_values[k])):
        largest = max(largest, min(1.0, (len(p_values) - rank) * p_values[k]))
        corrected[k] = largest
    return corrected


def mann_whitney_p(a: Sequence[float] | FloatArray, b: Sequence[float] | FloatArray) -> float:
    """Return the two-sided p of the Mann-Whitney U test.

    Exact for small samples, also with ties: the permutation distribution of the rank sum is counted by the shift
    algorithm of Streitberg and Roehmel (1986, Statistical Software Newsletter 12, 10), where the usual normal
    approximation says 0.004 for two constant samples of five whose true p is 0.008. The normal approximation with
    ties and continuity corrected serves larger ones.
    """
    from scipy import stats

    x, y = checked_sample(a, "a"), checked_sample(b, "b")
    if x.size == 0 or y.size == 0:
        return 1.0
    if x.size + y.size > _EXACT_LIMIT:
        if np.ptp(np.concatenate([x, y])) == 0.0:
            return 1.0
        return float(stats.mannwhitneyu(x, y, alternative="two-sided", method="asymptotic").pvalue)
    # Twice the midranks are whole numbers, so sums can index an array of counts.
    ranks = np.rint(2.0 * stats.rankdata(np.concatenate([x, y]))).astype(np.int64)
    chances = _rank_sum_chances(ranks, x.size)
    observed = int(ranks[: x.size].sum())
    tail = min(chances[: observed + 1].sum(), chances[observed:].sum())
    return float(min(1.0, 2.0 * tail))


def _rank_sum_chances(ranks: npt.NDArray[np.int64], size: int) -> FloatArray:
    """Return the chance of each sum of `size` ranks drawn without replacement; index s holds P(sum = s)."""
    total = int(ranks.sum())
    counts = np.zeros((size + 1, total + 1))
    counts[0, 0] = 1.0
    for rank in ranks:
        counts[1:, rank:] += counts[:-1, : total + 1 - rank].copy()
    chances: FloatArray = counts[size] / counts[size].sum()
    return chances


def welch_p(a: Sequence[float] | FloatArray, b: Sequence[float] | FloatArray) -> float | None:
    """Return the two-sided p of Welch's t-test, on logarithms where all values are positive.

    Returns
    -------
    float or None
        None below two values a side. Two constant samples give 0 where they differ, 1 where they do not.
    """
    from scipy import stats

    x, y = _logs_if_positive(checked_sample(a, "a"), checked_sample(b, "b"))
    if min(x.size, y.size) < 2:
        return None
    shift, error, freedom = _welch(x, y)
    if error == 0.0:
        return 0.0 if shift else 1.0
    return float(2.0 * stats.t.sf(abs(shift) / error, freedom))


def _welch(x: FloatArray, y: FloatArray) -> tuple[float, float, float]:
    """Return the difference of the means, its standard error, and Welch and Satterthwaite's degrees of freedom."""
    variance_x, variance_y = float(x.var(ddof=1)) / x.size, float(y.var(ddof=1)) / y.size
    total = variance_x + variance_y
    share = variance_x / total if total else 0.5
    freedom = 1.0 / (share**2 / (x.size - 1) + (1.0 - share) ** 2 / (y.size - 1))
    return float(y.mean() - x.mean()), math.sqrt(total), freedom


def _logs_if_positive(x: FloatArray, y: FloatArray) -> tuple[FloatArray, FloatArray]:
    if (x > 0.0).all() and (y > 0.0).all():
        return np.log(x), np.log(y)
    return x, y


def shift_interval(
    a: Sequence[float] | FloatArray, b: Sequence[float] | FloatArray, confidence: float = 0.95
) -> Interval | None:
    """Return a confidence interval of the shift from `a` to `b`.

    Returns
    -------
    Interval or None
        The shifts that the Mann-Whitney test does not reject: order statistics of all differences b - a
        (Hollander, Wolfe and Chicken 2013, Nonparametric Statistical Methods, section 4.3). It is distribution-free.
        Where there are too few values for that (fewer than 4 and 4 at 95 %), Welch's t around the difference of the
        means. None below two values a side.
    """
    from scipy import stats

    x, y = checked_sample(a, "a"), checked_sample(b, "b")
    if min(x.size, y.size) < 2:
        return None
    alpha = 1.0 - confidence
    if minimum_p(x.size, y.size) <= alpha:
        differences = np.sort(np.subtract.outer(y, x).ravel())
        outside = _pairs_outside(x.size, y.size, alpha / 2.0)
        return Interval(
            float(differences[outside]), float(differences[-1 - outside]), confidence, "order statistics of all pairs"
        )
    shift, error, freedom = _welch(x, y)
    half = float(stats.t.ppf(1.0 - alpha / 2.0, freedom)) * error
    return Interval(shift - half, shift + half, confidence, f"Welch t (only {x.size} and {y.size} values)")


def _pairs_outside(n_a: int, n_b: int, tail: float) -> int:
    """Return the largest u with P(U <= u) <= tail: as many of the sorted differences lie outside each limit."""
    from scipy import stats

    if n_a + n_b > _EXACT_LIMIT:
        mean, spread = n_a * n_b / 2.0, math.sqrt(n_a * n_b * (n_a + n_b + 1) / 12.0)
        return max(math.floor(mean + float(stats.norm.ppf(tail)) * spread) - 1, 0)
    chances = _rank_sum_chances(np.arange(1, n_a + n_b + 1), n_a)
    cumulative = np.cumsum(chances[n_a * (n_a + 1) // 2 :])
    return int(np.searchsorted(cumulative, tail * (1.0 + 1e-12), side="right")) - 1


def ratio_interval(
    a: Sequence[float] | FloatArray, b: Sequence[float] | FloatArray, confidence: float = 0.95
) -> Interval | None:
    """Return `shift_interval` of the logarithms, as a ratio b/a; None unless all values are positive."""
    x, y = checked_sample(a, "a"), checked_sample(b, "b")
    if not ((x > 0.0).all() and (y > 0.0).all()):
        return None
    shift = shift_interval(np.log(x), np.log(y), confidence)
    if shift is None:
        return None
    return Interval(math.exp(shift.low), math.exp(shift.high), confidence, f"{shift.method}, on logarithms")


def cliffs_delta(
    a: Sequence[float] | FloatArray, b: Sequence[float] | FloatArray, confidence: float = 0.95
) -> tuple[float, Interval | None]:
    """Return Cliff's delta, P(b > a) - P(b < a), and its interval.

    The asymmetric interval of Cliff (1996, Ordinal Methods for Behavioral Data Analysis; the formula is (9) of Feng
    and Cliff 2004, J. Modern Applied Statistical Methods 3, 322) with the consistent variance. At delta = 1 or -1 that
    variance is 0, and the limit (n - z^2) / (n + z^2) with the smaller n takes its place, after the same book.

    Returns
    -------
    tuple of float and (Interval or None)
        The interval is None below two values a side.
    """
    from scipy import stats

    x, y = checked_sample(a, "a"), checked_sample(b, "b")
    signs = np.sign(np.subtract.outer(y, x))
    delta = float(signs.mean())
    if min(x.size, y.size) < 2:
        return delta, None
    z = float(stats.t.ppf(0.5 + confidence / 2.0, x.size + y.size - 2))
    if abs(delta) == 1.0:
        n = min(x.size, y.size)
        limit = (n - z**2) / (n + z**2)
        low, high = (limit, 1.0) if delta > 0.0 else (-1.0, -limit)
        return delta, Interval(low, high, confidence, "Cliff 1996, no overlap")
    n_b, n_a = signs.shape
    of_b = float(((signs.mean(axis=1) - delta) ** 2).sum()) / (n_b - 1)
    of_a = float(((signs.mean(axis=0) - delta) ** 2).sum()) / (n_a - 1)
    of_pairs = float(((signs - delta) ** 2).sum()) / ((n_a - 1) * (n_b - 1))
    variance = ((n_a - 1) * of_b + (n_b - 1) * of_a + of_pairs) / (n_a * n_b)
    squared = z**2 * variance
    centre, half = delta - delta**3, z * math.sqrt(variance) * math.sqrt((1.0 - delta**2) ** 2 + squared)
    low, high = ((centre + sign * half) / (1.0 - delta**2 + squared) for sign in (-1.0, 1.0))
    return delta, Interval(max(low, -1.0), min(high, 1.0), confidence, "Cliff 1996, asymmetric")


def compare_samples(
    a: Sequence[float] | FloatArray, b: Sequence[float] | FloatArray, confidence: float = 0.95
) -> SampleComparison:
    """Compare two samples of independent measurements.

    Parameters
    ----------
    a, b : sequence of float
        At least one value each, shapes (n_a,) and (n_b,).
    confidence : float
        Of every interval.

    Raises
    ------
    ValueError
        An empty sample, or a value that is not finite.

    Examples
    --------
    >>> from levinthal.metrics import compare_samples
    >>> found = compare_samples([10.0, 10.1, 9.9, 10.2], [20.1, 20.0, 20.3, 19.8])
    >>> round(found.ratio, 2), found.separated
    (2.0, True)
    """
    x, y = checked_sample(a, "a"), checked_sample(b, "b")
    if min(x.size, y.size) < 1:
        raise ValueError("both samples need at least one value")
    delta, delta_interval = cliffs_delta(x, y, confidence)
    positive = bool((x > 0.0).all() and (y > 0.0).all())
    return SampleComparison(
        p_value=mann_whitney_p(x, y),
        p_minimum=minimum_p(x.size, y.size),
        welch_p=welch_p(x, y),
        ratio=math.exp(float(np.median(np.subtract.outer(np.log(y), np.log(x))))) if positive else None,
        ratio_interval=ratio_interval(x, y, confidence),
        difference=float(np.median(np.subtract.outer(y, x))),
        difference_interval=shift_interval(x, y, confidence),
        delta=delta,
        delta_interval=delta_interval,
        separated=bool(x.max() < y.min() or y.max() < x.min()),
    )
