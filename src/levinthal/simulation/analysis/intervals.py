"""An estimate with its interval, and the jackknife over replicas that gives one to any smooth metric."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

import numpy as np
from scipy import special

from levinthal.errors import DataError

Replica = TypeVar("Replica")


@dataclass(frozen=True)
class Estimate:
    """A figure and where the true one lies.

    Attributes
    ----------
    value : float
        The estimate.
    low, high : float
        Limits of the confidence interval; NaN where there is none.
    confidence : float
        Of the interval.
    method : str
        How the limits were found, in words a report can print.
    """

    value: float
    low: float
    high: float
    confidence: float
    method: str

    def covers(self, truth: float) -> bool:
        """Tell whether a value lies within the interval."""
        return bool(self.low <= truth <= self.high)


def unknown(confidence: float, why: str) -> Estimate:
    """Return the estimate of what cannot be estimated, with the reason in place of the method."""
    return Estimate(math.nan, math.nan, math.nan, confidence, why)


def exponential(x: float) -> float:
    """Return e^x, infinite where it is beyond the range of numbers."""
    return math.inf if x > 709.0 else math.exp(x)


def jackknife(
    replicas: Sequence[Replica],
    metric: Callable[[Sequence[Replica]], float],
    *,
    confidence: float = 0.95,
    transform: tuple[Callable[[Any], Any], Callable[[Any], Any]] | None = None,
    limits: tuple[float, float] = (-np.inf, np.inf),
) -> Estimate:
    """Return a metric of independent replicas, less its bias of order 1/n, with Student's interval.

    The metric is made again without each replica; n f - (n - 1) f_i are pseudo-values whose mean is the estimate and
    whose spread gives the interval (Quenouille, Biometrika 43:353, 1956; Tukey, Ann. Math. Stat. 29:614, 1958). Frames
    of a replica may be correlated at will. It holds for metrics that are smooth in the data: not for a median, a
    maximum or the number of states visited.

    Parameters
    ----------
    replicas : sequence
        At least 3 independent ones.
    metric : callable
        Takes a sequence of replicas, returns a number.
    confidence : float
        Of the interval.
    transform : tuple of two callables, optional
        A function and its inverse: the interval is made of the transformed metric. (np.log, np.exp) suits times.
    limits : tuple of float
        Estimate and interval are cut to this range, for metrics that have one.

    Returns
    -------
    Estimate
        The metric of all and no interval where that or one without a replica is not finite.

    Raises
    ------
    DataError
        Too few replicas.
    """
    n = len(replicas)
    if n < 3:
        raise DataError(f"a jackknife of {n} replicas says nothing: give at least 3")
    forward, back = transform or (float, float)
    of_all = float(metric(replicas))
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        whole = float(forward(of_all))
        without = np.array([forward(metric([*replicas[:k], *replicas[k + 1 :]])) for k in range(n)], np.float64)
    if not (np.isfinite(whole) and np.isfinite(without).all()):
        return Estimate(of_all, math.nan, math.nan, confidence, "no interval: without some replica it is not finite")
    pseudo = n * whole - (n - 1) * without
    centre, error = float(pseudo.mean()), float(pseudo.std(ddof=1)) / np.sqrt(n)
    half = float(special.stdtrit(n - 1, 0.5 + confidence / 2.0)) * error
    with np.errstate(over="ignore"):
        value, low, high = (float(np.clip(back(x), *limits)) for x in (centre, centre - half, centre + half))
    return Estimate(value, low, high, confidence, f"jackknife over {n} replicas, Student t")
