"""Statistics of a handful of repeats of one thing: an interval of the median, and the MLPerf score.

Repeats are few, their distribution is unknown and the machine is noisy. So the interval rests on ranks wherever the
number of repeats allows it, and where it does not, the method that stepped in is named beside the figure.
`scipy.stats.quantile_test` gives the same interval but takes a second to import at the end of every run.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt

FloatArray = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Interval:
    """A confidence interval and the method that gave it.

    Attributes
    ----------
    low, high : float
        The limits, in the unit of the values.
    confidence : float
        The confidence asked for; order statistics give at least this much.
    method : str
        How the limits were found, in words a report can print.
    """

    low: float
    high: float
    confidence: float
    method: str


@dataclass(frozen=True, slots=True)
class Score:
    """The MLPerf-style score, or null with the reason."""

    value: float | None
    reason: str | None = None


def checked_sample(values: Sequence[float] | FloatArray, name: str) -> FloatArray:
    """Return values as an array, a `ValueError` where they are not one-dimensional and finite."""
    array = np.asarray(values, dtype=np.float64)
    if array.ndim != 1 or not np.isfinite(array).all():
        raise ValueError(f"{name} must be one-dimensional and finite")
    return array


def median_interval(values: Sequence[float] | FloatArray, confidence: float = 0.95) -> Interval | None:
    """Return a confidence interval of the median.

    Parameters
    ----------
    values : sequence of float
        Independent measurements, shape (n,).
    confidence : float
        Between 0 and 1.

    Returns
    -------
    Interval or None
        With enough values (6 at 95 %) the distribution-free interval between two order statistics: the median lies
        below the k-th smallest of n values with probability P(Binomial(n, 1/2) < k), whatever the distribution
        (David and Nagaraja 2003, Order Statistics, section 7.1). With fewer, from 2 on, an interval around the sample
        median, exact for a normal distribution, which it assumes and says so in `method`; see `_median_t`. It always
        holds the sample median. None for fewer than 2 values.

    Examples
    --------
    >>> from levinthal.metrics import median_interval
    >>> interval = median_interval([9.8, 10.1, 10.0, 10.4, 9.9, 10.2])
    >>> interval.low, interval.high
    (9.8, 10.4)
    """
    from scipy import special  # scipy.stats takes a second to import, and every run ends here

    x = np.sort(checked_sample(values, "values"))
    n = x.size
    if n < 2:
        return None
    alpha = 1.0 - confidence
    if 2.0 * 0.5**n <= alpha:
        # The largest k with P(Binomial(n, 1/2) <= k - 1) <= alpha/2.
        k = max(1, int(np.searchsorted(special.bdtr(np.arange(n), n, 0.5), alpha / 2.0, side="right")))
        return Interval(float(x[k - 1]), float(x[n - k]), confidence, "order statistics of the median")
    half = _median_t(n, confidence) * float(x.std(ddof=1)) / math.sqrt(n)
    median = float(np.median(x))
    return Interval(median - half, median + half, confidence, f"normal scatter around the median (only {n} values)")


@functools.lru_cache(maxsize=64)
def _median_t(n: int, confidence: float) -> float:
    """Return q with P(|median - mu| < q s / sqrt(n)) = confidence for n normal values of standard deviation s.

    (median - mu) / s is the sum of (mean - mu) / s, which is Student's t / sqrt(n), and (median - mean) / s, which
    depends on the direction of the deviations from the mean alone and is independent of the first (Basu's theorem). The
    directions are uniform on a sphere: averaged over 20,000 of them, which leaves an error of a few in a thousand.
    """
    from scipy import optimize, special

    deviations = np.random.default_rng(0).standard_normal((20_000, n))
    deviations -= deviations.mean(axis=1, keepdims=True)
    offsets = math.sqrt(n) * np.median(deviations, axis=1) / deviations.std(axis=1, ddof=1)

    def excess(q: float) -> float:
        inside = special.stdtr(n - 1, q - offsets) - special.stdtr(n - 1, -q - offsets)
        return float(inside.mean()) - confidence

    return float(optimize.brentq(excess, 0.0, 1e6))


def mlperf_score(
    values: Sequence[float] | FloatArray, misses: int = 0, better: Literal["higher", "lower"] = "lower"
) -> Score:
    """Return the mean of the values without the best and the worst one.

    Parameters
    ----------
    values : sequence of float
        One value for each repeat that met its gates, shape (n,).
    misses : int
        Repeats that missed a gate. One counts as the worst value, two invalidate the score.
    better : {"higher", "lower"}
        Which end is the best; it matters only with a miss.

    Returns
    -------
    Score
        Null with a reason for fewer than 3 repeats, or more than one miss (the MLPerf Training and HPC rules).

    Examples
    --------
    >>> from levinthal.metrics import mlperf_score
    >>> mlperf_score([9.0, 1.0, 2.0, 4.0, 3.0]).value
    3.0
    """
    x = np.sort(checked_sample(values, "values"))
    if misses > 1:
        return Score(None, f"{misses} repeats missed: a score allows one")
    n = x.size + misses
    if n < 3:
        return Score(None, f"{n} repeat{'s' if n != 1 else ''}: a score needs at least 3")
    if misses == 0:
        return Score(float(x[1:-1].mean()))
    return Score(float((x[1:] if better == "lower" else x[:-1]).mean()))
