"""What part of the possible a policy reaches: its log-gain over that of a ceiling, both over the same baseline."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

import numpy as np
from scipy import special

from levinthal.arrays import Doubles
from levinthal.errors import DataError
from levinthal.simulation.analysis.intervals import Estimate, unknown
from levinthal.simulation.analysis.pair_bootstrap import (
    LogRatio,
    log_of_levels,
    log_of_means,
    log_of_rates,
)
from levinthal.simulation.analysis.ratios import LEAST_EVENTS, PolicyRatio, Values, faster, ratio_of_levels

LEAST_CEILING = 1.5
"""The lower limit of a ceiling's ratio is to be above this, by default."""


@dataclass(frozen=True)
class Gain:
    """What a measure was of the same pairs for a baseline, a policy and a ceiling.

    Attributes
    ----------
    baseline, candidate, ceiling : sequence of float, shape (n_pairs,)
        Times, infinite of those that never arrived, or levels.
    kind : {"times", "higher", "lower"}
        Of times less is better; of levels more or less.
    budget : float
        Of times: how long each replica was watched.
    """

    baseline: Values
    candidate: Values
    ceiling: Values
    kind: Literal["times", "higher", "lower"]
    budget: float = math.inf


def share_of_possible(
    gain: Gain, *, least_ceiling: float = LEAST_CEILING, confidence: float = 0.95, seed: int = 0
) -> tuple[Estimate, PolicyRatio | None]:
    """Return the log-gain of a policy over that of a ceiling, both over the baseline: 0 is the baseline, 1 the ceiling.

    It is told only where the ceiling itself is well above the baseline: of what cannot be gained there are no shares.

    Parameters
    ----------
    gain : Gain
        Of all three.
    least_ceiling : float
        The lower limit of the ceiling's ratio must be above this.
    confidence : float
        Of both intervals.
    seed : int
        Of the bootstrap.

    Returns
    -------
    share : Estimate
        NaN with the reason as its method where it is not told. Its interval is Fieller's.
    ceiling : PolicyRatio or None
        The ceiling over the baseline, None where there is none.

    Examples
    --------
    >>> from levinthal.simulation.analysis.shares import Gain, share_of_possible
    >>> gain = Gain([80.0, 120, 95, 101, 110, 88], [40.0, 60, 50, 48, 52, 45], [20.0, 31, 24, 25, 27, 22], "lower")
    >>> round(share_of_possible(gain)[0].value, 1)
    0.5
    """
    words = ("ahead", "behind")
    sides = [np.asarray(each, np.float64) for each in (gain.baseline, gain.candidate, gain.ceiling)]
    base, candidate, ceiling = sides

    def ratio(of: Doubles) -> PolicyRatio:
        if gain.kind == "times":
            return faster(base, of, gain.budget, confidence=confidence, seed=seed)
        top, bottom = (of, base) if gain.kind == "higher" else (base, of)
        return ratio_of_levels("gain", top, bottom, words, confidence=confidence, seed=seed, zeros=True)

    try:
        best, mine = ratio(ceiling), ratio(candidate)
    except DataError as error:
        return unknown(confidence, str(error)), None
    if math.isnan(best.value):
        return unknown(confidence, f"the ceiling over the baseline: {best.method}"), best
    if not best.low > least_ceiling:
        why = (
            f"the ceiling is {best.value:.2g} times the baseline, from {best.low:.2g} on: not surely {least_ceiling:g}"
        )
        return unknown(confidence, why), best
    arrivals = [int((each <= gain.budget).sum()) for each in sides]
    if not mine.value > 0.0 or (gain.kind == "times" and min(arrivals) < LEAST_EVENTS):
        found = "it found nothing" if not mine.value > 0.0 else f"too few arrivals ({min(arrivals)})"
        return unknown(confidence, f"{found} to tell a share"), best

    def log_of(of: Doubles) -> LogRatio:
        if gain.kind == "times":
            complete = min(arrivals) == len(base)
            return log_of_levels(base, of) if complete else log_of_rates(base, of, gain.budget)
        top, bottom = (of, base) if gain.kind == "higher" else (base, of)
        return log_of_levels(top, bottom) if all(each.all() for each in sides) else log_of_means((top, 1), (bottom, -1))

    limits = _fieller(log_of(candidate), log_of(ceiling), len(base), confidence)
    return Estimate(*limits, confidence, "quotient of log-ratios, Fieller's interval, Student t over pairs"), best


def _fieller(over: LogRatio, under: LogRatio, n: int, confidence: float) -> tuple[float, float, float]:
    """Return a quotient of two means and its limits (Fieller, J. R. Stat. Soc. B 16:175, 1954).

    They hold every share s for which the mean of what pairs add to top - s bottom is compatible with none; NaN where
    the bottom itself is not surely other than 0.
    """
    with np.errstate(divide="ignore", invalid="ignore"):
        (top, each_top), (bottom, each_bottom) = over(np.arange(n)), under(np.arange(n))
        value = float(top / bottom)
    if n < 3 or not math.isfinite(value):
        return value, math.nan, math.nan
    squared_t = float(special.stdtrit(n - 1, 0.5 + confidence / 2.0)) ** 2
    (var_top, cov), (_, var_bottom) = np.cov(each_top, each_bottom) / n
    a = float(bottom**2 - squared_t * var_bottom)
    b = float(top * bottom - squared_t * cov)
    c = float(top**2 - squared_t * var_top)
    root = b**2 - a * c
    if a <= 0.0 or root < 0.0:
        return value, math.nan, math.nan
    return value, (b - math.sqrt(root)) / a, (b + math.sqrt(root)) / a
