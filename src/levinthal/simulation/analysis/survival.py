"""Waiting times of which some were cut short: the Kaplan-Meier curve, its median and its restricted mean.

The curve is that of `scipy.stats.ecdf`; ours also has the events and those at risk, which SciPy keeps to itself and
which the variances of the median, the restricted mean and the tail need.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy import special

from levinthal.arrays import Doubles
from levinthal.errors import DataError
from levinthal.simulation.analysis.intervals import Estimate, exponential, unknown

_TAIL_EVENTS = 10
_NO_WAIT = "there is no waiting time"


@dataclass(frozen=True, eq=False)
class Durations:
    """Waiting times in steps.

    Attributes
    ----------
    steps : ndarray of float64, shape (n,)
        How long was waited.
    observed : ndarray of bool, shape (n,)
        True where the event came then, false where the waiting was cut short (censored).
    """

    steps: Doubles
    observed: npt.NDArray[np.bool_]

    def __len__(self) -> int:
        return len(self.steps)

    @property
    def n_observed(self) -> int:
        """How many events were seen."""
        return int(self.observed.sum())

    @property
    def n_censored(self) -> int:
        """How many were cut short."""
        return len(self) - self.n_observed


@dataclass(frozen=True, eq=False)
class SurvivalCurve:
    """The Kaplan-Meier estimate: a right-continuous step function that is 1 before the first event.

    Attributes
    ----------
    steps : ndarray of float64, shape (n_times,)
        Where events were seen, ascending.
    survival : ndarray of float64, shape (n_times,)
        Probability of waiting longer than that.
    hazard_variance : ndarray of float64, shape (n_times,)
        Greenwood's sum d / (n (n - d)): the variance of log survival.
    at_risk, events : ndarray of int64, shape (n_times,)
        How many still waited just before, and how many events came.
    last_steps : float
        The longest waiting time, censored or not: the curve is unknown beyond it unless it is 0.
    """

    steps: Doubles
    survival: Doubles
    hazard_variance: Doubles
    at_risk: npt.NDArray[np.int64]
    events: npt.NDArray[np.int64]
    last_steps: float


def durations(steps: Sequence[float] | npt.NDArray[Any], observed: Sequence[bool] | npt.NDArray[np.bool_]) -> Durations:
    """Return waiting times after a check.

    Raises
    ------
    DataError
        Arrays of different lengths, or a time that is negative or not finite.

    Examples
    --------
    >>> from levinthal.simulation import durations
    >>> durations([5, 8, 10], [True, True, False]).n_censored
    1
    """
    time, seen = np.asarray(steps, np.float64), np.asarray(observed, bool)
    if time.ndim != 1 or time.shape != seen.shape or not np.isfinite(time).all() or (time < 0.0).any():
        raise DataError(
            f"{time.shape} waiting times, {seen.shape} marks: expected two lists of equal length, times finite and "
            "not negative; give a replica that never arrived its whole length, marked as not observed"
        )
    return Durations(time, seen)


def kaplan_meier(waits: Durations) -> SurvivalCurve:
    """Return the product-limit estimate of the survival curve (Kaplan and Meier, J. Am. Stat. Assoc. 53:457, 1958).

    It is right where waits were cut short for reasons that know nothing of the time still to wait, as the end of a
    budget. Where a policy culls a run because it sees that it will not fold, the curve is too low.

    Parameters
    ----------
    waits : Durations
        Independent waiting times.

    Returns
    -------
    SurvivalCurve
        At a tie of both kinds the events come first.

    Examples
    --------
    >>> from levinthal.simulation import durations, kaplan_meier
    >>> kaplan_meier(durations([5, 8, 10], [True, True, False])).survival.round(3).tolist()
    [0.667, 0.333]
    """
    if not len(waits):
        raise DataError("there is no waiting time to make a survival curve of")
    times, position = np.unique(waits.steps, return_inverse=True)
    gone = np.bincount(position, minlength=len(times))
    events = np.bincount(position, weights=waits.observed, minlength=len(times)).astype(np.int64)
    at_risk = len(waits) - np.concatenate([[0], np.cumsum(gone)[:-1]])
    seen = events > 0
    d, n = events[seen], at_risk[seen]
    with np.errstate(divide="ignore"):
        variance = np.cumsum(d / (n * (n - d).astype(np.float64)))
    return SurvivalCurve(
        steps=np.asarray(times[seen], np.float64),
        survival=np.asarray(np.cumprod(1.0 - d / n), np.float64),
        hazard_variance=np.asarray(variance, np.float64),
        at_risk=n.astype(np.int64),
        events=d,
        last_steps=float(times[-1]),
    )


def band_of(curve: SurvivalCurve, confidence: float = 0.95) -> tuple[Doubles, Doubles]:
    """Return pointwise limits of the curve at its times, by Greenwood's variance of log(-log S).

    Where nobody is left waiting the variance is unknown: below the curve goes to 0, above the band before goes on.
    """
    z = float(special.ndtri(0.5 + confidence / 2.0))
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        logs = np.log(curve.survival)
        spread = np.exp(z * np.sqrt(curve.hazard_variance) / np.abs(logs))
        lower, upper = np.exp(logs * spread), np.exp(logs / spread)
    ended = curve.survival <= 0.0
    lower[ended] = 0.0
    upper[ended] = upper[~ended][-1] if (~ended).any() else 1.0
    return lower, upper


def median_duration(waits: Durations, confidence: float = 0.95) -> Estimate:
    """Return the median waiting time; infinite where more than half were cut short before an event, NaN of none.

    The interval holds the times at which log(-log S) is compatible with S = 1/2 (Brookmeyer and Crowley, Biometrics
    38:29, 1982; the transformation after Klein and Moeschberger, Survival Analysis, 2003, section 4.5). Its coverage
    is a little above the nominal for few values.
    """
    if not len(waits):
        return unknown(confidence, _NO_WAIT)
    curve = kaplan_meier(waits)
    lower, upper = band_of(curve, confidence)
    value, low, high = (
        _first_time(curve.steps, crossed) for crossed in (curve.survival <= 0.5 + 1e-12, lower <= 0.5, upper < 0.5)
    )
    return Estimate(value, min(low, curve.last_steps), high, confidence, "Brookmeyer and Crowley, log-log")


def _first_time(steps: Doubles, crossed: npt.NDArray[np.bool_]) -> float:
    return float(steps[crossed.argmax()]) if crossed.any() else math.inf


def _area(curve: SurvivalCurve, horizon_steps: float) -> tuple[float, float]:
    """Return the area under the curve up to a horizon, and Greenwood's variance of it."""
    inside = curve.steps < horizon_steps
    times = np.concatenate([[0.0], curve.steps[inside], [horizon_steps]])
    levels = np.concatenate([[1.0], curve.survival[inside]])
    pieces = levels * np.diff(times)
    beyond = np.cumsum(pieces[::-1])[::-1][1:]  # area right of each event
    n, d = curve.at_risk[inside], curve.events[inside]
    left = n - d > 0
    variance = float((beyond[left] ** 2 * d[left] / (n[left] * (n[left] - d[left]))).sum())
    return float(pieces.sum()), variance


def restricted_mean_duration(waits: Durations, horizon_steps: float, confidence: float = 0.95) -> Estimate:
    """Return the mean of min(waiting time, horizon): the area under the survival curve up to the horizon; NaN of none.

    Unlike the mean it is known also where some never arrived, and it is below the mean (Royston and Parmar, BMC Med.
    Res. Methodol. 13:152, 2013). Student's interval with Greenwood's variance, times m / (m - 1) with m events
    (Klein and Moeschberger 2003, section 4.5).

    Parameters
    ----------
    waits : Durations
        Independent waiting times.
    horizon_steps : float
        At most the longest waiting time, unless the last event left nobody waiting.

    Raises
    ------
    DataError
        A horizon beyond what was watched.
    """
    if not len(waits):
        return unknown(confidence, _NO_WAIT)
    curve = kaplan_meier(waits)
    still_waiting = not len(curve.survival) or curve.survival[-1] > 0.0
    if not horizon_steps > 0.0 or (still_waiting and horizon_steps > curve.last_steps):
        raise DataError(
            f"a horizon of {horizon_steps:g} steps: the longest wait was watched for {curve.last_steps:g}; "
            "choose a positive horizon up to that"
        )
    value, variance = _area(curve, horizon_steps)
    m = int(curve.events[curve.steps < horizon_steps].sum())
    if m < 2:
        return Estimate(value, math.nan, math.nan, confidence, f"no interval from {m} events")
    half = float(special.stdtrit(m - 1, 0.5 + confidence / 2.0)) * math.sqrt(variance * m / (m - 1))
    low, high = max(value - half, 0.0), min(value + half, float(horizon_steps))
    return Estimate(value, low, high, confidence, "restricted mean, Greenwood, Student t")


def tail_mean(waits: Durations, confidence: float = 0.95) -> Estimate:
    """Return the mean waiting time with the unseen tail of the curve taken as exponential.

    Beyond the time t* that the last 10 events outlast (more where the tenth ties with others), the hazard is taken as
    constant, events by steps waited there: mean = area up to t* + S(t*) / hazard. So it is for any Markov process once
    its slowest relaxation alone is left; where waits are cut short before that, the mean is too small. The
    exponential completion is that of Brown, Hollander and Korwar (in Reliability and Biometry, 1974, 327). Student's
    interval of the logarithm from the variances of both parts (delta method).

    Parameters
    ----------
    waits : Durations
        As for `kaplan_meier`.

    Returns
    -------
    Estimate
        Infinite where no event was seen, or none but at once while others still wait.
    """
    seen = np.sort(waits.steps[waits.observed])
    if len(seen) < 2:
        value = float(waits.steps.sum()) if len(seen) else math.inf
        return Estimate(value, math.nan, math.nan, confidence, f"no interval from {len(seen)} events")
    if waits.n_censored:
        split = _tail_begin(seen)
        freedom = int((seen > split).sum()) - 1
        if freedom < 0:
            return Estimate(math.inf, math.nan, math.nan, confidence, "every event came at once: the tail is unknown")
        value, error = _completed_mean(waits, split)
        method = "Kaplan-Meier, exponential tail, Student t of the logarithm"
        if not freedom:
            return Estimate(value, math.nan, math.nan, confidence, "no interval from one event after the beginning")
    else:
        value, error = float(seen.mean()), float(seen.std(ddof=1)) / math.sqrt(len(seen))
        method, freedom = "mean of all, Student t of the logarithm", len(seen) - 1
    if not value > 0.0:
        return Estimate(value, value, value, confidence, method)
    factor = exponential(float(special.stdtrit(freedom, 0.5 + confidence / 2.0)) * error / value)
    return Estimate(value, value / factor, value * factor, confidence, method)


def _tail_begin(seen: Doubles) -> float:
    """Return the latest event that at least 10 others outlast, 0 where there is none; of ascending events."""
    outlasted = seen[: int(np.searchsorted(seen, seen[-_TAIL_EVENTS]))] if len(seen) > _TAIL_EVENTS else seen[:0]
    return float(outlasted[-1]) if len(outlasted) else 0.0


def _completed_mean(waits: Durations, split: float) -> tuple[float, float]:
    """Return the mean with an exponential tail from a time on that some events outlast, and its standard error."""
    curve = kaplan_meier(waits)
    before = curve.steps <= split
    times = np.concatenate([[0.0], curve.steps[before], [split]])
    levels = np.concatenate([[1.0], curve.survival[before]])
    waited, n_events = (
        float(np.maximum(waits.steps - split, 0.0).sum()),
        int((waits.observed & (waits.steps > split)).sum()),
    )
    tail = float(levels[-1]) * waited / n_events
    pieces = levels * np.diff(times)
    beyond = np.cumsum(pieces[::-1])[::-1][1:] + tail  # area right of each event before the tail
    n, d = curve.at_risk[before], curve.events[before]
    variance = float((beyond**2 * d / (n * (n - d))).sum()) + tail**2 / n_events
    return float(pieces.sum()) + tail, math.sqrt(variance)
