"""Times to something that did not happen in every repeat: Kaplan and Meier's median and its interval."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from levinthal.metrics.statistics import Interval, median_interval

FEWEST = 6
"""Below this number there is no interval: the limits of the survival curve hold for many values."""


class CensoredMedian(NamedTuple):
    """The median of times of which some are only known to be longer than a wait.

    Attributes
    ----------
    median : float or None
        Null where fewer than half got there within the time waited.
    interval : Interval or None
        Null where there are too few, or where a limit lies beyond the longest wait.
    reason : str or None
        Why the median or the interval is null.
    """

    median: float | None
    interval: Interval | None
    reason: str | None = None


def censored_median(times: Sequence[float], waits: Sequence[float], confidence: float = 0.95) -> CensoredMedian:
    """Return the median time to an event over all who were watched, also those to whom it did not happen.

    Leaving out the latter, whose times are the longest, gives a median that is too short. The survival curve is Kaplan
    and Meier's (J. Am. Stat. Assoc. 53:457, 1958); the interval is where its limits on the complementary log-log scale
    pass one half (Brookmeyer and Crowley, Biometrics 38:29, 1982).

    Parameters
    ----------
    times : sequence of float
        When it happened, for each to whom it did.
    waits : sequence of float
        How long each was watched to whom it did not happen.
    confidence : float
        Of the interval.

    Examples
    --------
    >>> from levinthal.metrics.censored import censored_median
    >>> censored_median([2.0, 3.0, 5.0], [9.0, 9.0]).median
    5.0
    >>> censored_median([2.0], [9.0, 9.0]).median is None
    True
    """
    n_watched = len(times) + len(waits)
    if not waits:
        interval = median_interval(times, confidence)
        median = float(np.median(times)) if len(times) else None
        return CensoredMedian(median, interval, None if interval else "one value: an interval needs at least 2")
    got_there = f"it was reached in {len(times)} of {n_watched} repeats"
    if not len(times):
        return CensoredMedian(None, None, f"{got_there}: the median lies beyond the {max(waits):.4g} waited")
    from scipy import stats  # takes seconds to import, which a run of one repeat need not wait for

    survival = stats.ecdf(stats.CensoredData(uncensored=list(times), right=list(waits))).sf
    median = _half(survival.quantiles, survival.probabilities)
    if median is None:
        return CensoredMedian(None, None, f"{got_there}: the median lies beyond the {max(waits):.4g} waited")
    if n_watched < FEWEST:
        return CensoredMedian(median, None, f"{got_there}: with censored times an interval needs {FEWEST} repeats")
    limits: Any = survival.confidence_interval(confidence, method="log-log")  # types of SciPy say numbers
    low, high = (_first_below_half(each.quantiles, each.probabilities) for each in (limits.low, limits.high))
    if low is None or high is None:
        return CensoredMedian(median, None, f"{got_there}: the interval has no upper limit within the time waited")
    return CensoredMedian(median, Interval(low, high, confidence, "Kaplan-Meier, log-log limits"))


def _half(times: np.ndarray, surviving: np.ndarray) -> float | None:
    """Return where a survival curve passes one half; where it rests there, the middle of the two times."""
    below = np.flatnonzero(surviving < 0.5 - 1e-12)
    at = np.flatnonzero(np.abs(surviving - 0.5) <= 1e-12)
    if len(at):
        return float((times[at[0]] + times[below[0]]) / 2.0) if len(below) else float(times[at[0]])
    return float(times[below[0]]) if len(below) else None


def _first_below_half(times: np.ndarray, surviving: np.ndarray) -> float | None:
    below = np.flatnonzero(surviving <= 0.5)
    return float(times[below[0]]) if len(below) else None
