"""Logarithms of ratios over pairs of replicas, with what each pair adds, and their studentised bootstrap."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import TypeAlias

import numpy as np
from scipy import special

from levinthal.arrays import Doubles, Integers
from levinthal.simulation.analysis.intervals import exponential

_RESAMPLES = 9999
# So few pairs have too few different resamples; their interval is Student's.
_BOOTSTRAP_FROM_PAIRS = 8

LogRatio: TypeAlias = Callable[[Integers], tuple[Doubles, Doubles]]
"""Takes pairs, shape (..., n); returns the logarithm of a ratio, shape (...), and what each pair adds, (..., n)."""


def log_of_levels(numerator: Doubles, denominator: Doubles) -> LogRatio:
    """Return the mean of log-ratios of pairs."""
    with np.errstate(over="ignore", under="ignore", divide="ignore"):
        logs = np.log(numerator / denominator)
    if not np.isfinite(logs).all():  # a quotient is beyond the range of numbers, its logarithm is not
        logs = np.log(numerator) - np.log(denominator)

    def log_ratio(pairs: Integers) -> tuple[Doubles, Doubles]:
        chosen = logs[pairs]
        return chosen.mean(axis=-1), chosen

    return log_ratio


def log_of_means(*factors: tuple[Doubles, int]) -> LogRatio:
    """Return the logarithm of a product of powers of means; what each pair adds is that of the delta method."""

    def log_ratio(pairs: Integers) -> tuple[Doubles, Doubles]:
        value, influence = np.zeros(pairs.shape[:-1]), np.zeros(pairs.shape)
        for values, power in factors:
            chosen = values[pairs]
            mean = chosen.mean(axis=-1)
            value = value + power * np.log(mean)
            influence = influence + power * chosen / mean[..., None]
        return value, influence

    return log_ratio


def bootstrap(
    statistic: LogRatio, n: int, confidence: float, seed: int, *, resampled: bool = True
) -> tuple[float, float, float]:
    """Return a statistic and its studentised bootstrap interval over pairs (Hall, Ann. Stat. 16:927, 1988).

    On each side the wider of that and Student's holds: where large differences are rare on both sides, as those of a
    policy with itself are, the bootstrap alone told 8 % of them apart; where they are rare on one, Student's alone is
    too narrow. Of fewer than 8 pairs, or where they are not to be resampled, it is Student's; of fewer than 3 there is
    none.
    """

    def with_error(pairs: Integers) -> tuple[Doubles, Doubles]:
        values, influence = statistic(pairs)
        return values, influence.std(axis=-1, ddof=1) / math.sqrt(n)

    with np.errstate(divide="ignore", invalid="ignore"):
        if n < 3:
            return float(with_error(np.tile(np.arange(n), 2))[0]), math.nan, math.nan
        value, error = (float(x) for x in with_error(np.arange(n)))
        if error < 1e-12:
            return (value,) * 3
        tail = (1.0 - confidence) / 2.0
        low, high = (-float(special.stdtrit(n - 1, 1.0 - tail)), float(special.stdtrit(n - 1, 1.0 - tail)))
        if n >= _BOOTSTRAP_FROM_PAIRS and resampled:
            values, errors = with_error(np.random.default_rng(seed).integers(0, n, (_RESAMPLES, n)))
            usable = errors > 1e-3 * error  # a resample of equal pairs has no spread to divide by
            if usable.any():
                resampled_low, resampled_high = np.quantile((values[usable] - value) / errors[usable], [tail, 1 - tail])
                low, high = min(low, float(resampled_low)), max(high, float(resampled_high))
    return value, value - float(high) * error, value - float(low) * error


def exponentials(logs: tuple[float, float, float]) -> tuple[float, float, float]:
    """Return a ratio and its limits from their logarithms."""
    value, low, high = map(exponential, logs)
    return value, low, high


def interval_of(n_pairs: int) -> str:
    """Return in words how an interval over so many pairs is found."""
    return "the wider of studentised bootstrap and Student t" if n_pairs >= _BOOTSTRAP_FROM_PAIRS else "Student t"


def log_of_rates(baseline: Doubles, candidate: Doubles, budget: float) -> LogRatio:
    """Return the ratio of arrivals per budget spent waiting, candidate / baseline."""
    waited = [np.minimum(each, budget) for each in (baseline, candidate)]
    arrived = [np.asarray(each <= budget, np.float64) for each in (baseline, candidate)]
    return log_of_means((arrived[1], 1), (waited[1], -1), (arrived[0], -1), (waited[0], 1))
