"""Better, faster, greater: a policy against another at the same budget, over replicas paired by seed.

One of the three alone misleads: a policy that runs for the native state is fast and leaves a wrong distribution. Each
ratio is above 1 where the candidate is ahead. There is no published definition; these are this project's.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal, TypeAlias

import numpy as np
import numpy.typing as npt
from scipy import special

from levinthal.arrays import Doubles
from levinthal.errors import DataError

Values: TypeAlias = Sequence[float] | npt.NDArray[np.floating[Any]]

CANNOT_TELL = "can't tell"
_RESAMPLES = 9999
# So few pairs have too few different resamples; their interval is Student's.
_BOOTSTRAP_FROM_PAIRS = 8


@dataclass(frozen=True)
class PolicyRatio:
    """A ratio of two policies with its interval.

    Attributes
    ----------
    name : str
        What is compared.
    value, low, high : float
        The ratio, above 1 where the candidate is ahead, and its interval; NaN where there is none.
    confidence : float
        Of the interval.
    n_pairs : int
        Replicas of each policy.
    n_missed_baseline, n_missed_candidate : int
        How many of them never arrived within the budget.
    verdict : str
        A word for each direction, or "can't tell" where the interval spans 1.
    method : str
        How it was found, in words a report can print.
    """

    name: str
    value: float
    low: float
    high: float
    confidence: float
    n_pairs: int
    n_missed_baseline: int
    n_missed_candidate: int
    verdict: str
    method: str


def _paired(baseline: Values, candidate: Values) -> tuple[Doubles, Doubles]:
    b, c = np.asarray(baseline, np.float64), np.asarray(candidate, np.float64)
    if b.ndim != 1 or b.shape != c.shape or not len(b):
        raise DataError(f"{b.shape} and {c.shape} replicas: expected as many of both policies, paired by seed")
    if np.isnan(b).any() or np.isnan(c).any() or (b <= 0.0).any() or (c <= 0.0).any():
        raise DataError("a ratio needs positive numbers: a replica has none; leave out the pair or measure it longer")
    return b, c


def _bootstrap(
    numerator: Doubles, denominator: Doubles, confidence: float, seed: int, *, of_means: bool
) -> tuple[float, float, float]:
    """Return a log-ratio and its studentised bootstrap interval over pairs (Hall, Ann. Stat. 16:927, 1988).

    Of fewer than 8 pairs the interval is Student's.

    With `of_means` the logarithm of the ratio of means, its error by the delta method; else the mean of log-ratios.
    """
    n = len(numerator)

    def log_ratio(top: Doubles, bottom: Doubles) -> tuple[Doubles, Doubles]:
        if of_means:
            mean_top, mean_bottom = top.mean(axis=-1), bottom.mean(axis=-1)
            influence = top / mean_top[..., None] - bottom / mean_bottom[..., None]
            return np.log(mean_top / mean_bottom), influence.std(axis=-1, ddof=1) / math.sqrt(n)
        logs = np.log(top / bottom)
        return logs.mean(axis=-1), logs.std(axis=-1, ddof=1) / math.sqrt(n)

    if n < 3:
        centre = log_ratio(np.tile(numerator, (1, 2)), np.tile(denominator, (1, 2)))[0]
        return float(centre[0]), math.nan, math.nan
    value, error = (float(x[0]) for x in log_ratio(numerator[None], denominator[None]))
    if error < 1e-12:
        return value, value, value
    tail = (1.0 - confidence) / 2.0
    if n < _BOOTSTRAP_FROM_PAIRS:
        half = float(special.stdtrit(n - 1, 1.0 - tail)) * error
        return value, value - half, value + half
    pairs = np.random.default_rng(seed).integers(0, n, (_RESAMPLES, n))
    values, errors = log_ratio(numerator[pairs], denominator[pairs])
    usable = errors > 1e-3 * error  # a resample of equal pairs has no spread to divide by
    deviates = (values[usable] - value) / errors[usable]
    low, high = np.quantile(deviates, [tail, 1.0 - tail])
    return value, value - float(high) * error, value - float(low) * error


def _interval_of(n_pairs: int) -> str:
    return "studentised bootstrap" if n_pairs >= _BOOTSTRAP_FROM_PAIRS else "Student t"


def _judged(low: float, high: float, ahead: str, behind: str) -> str:
    if low > 1.0:
        return ahead
    return behind if high < 1.0 else CANNOT_TELL


def _complete(
    name: str, numerator: Doubles, denominator: Doubles, words: tuple[str, str], confidence: float, seed: int
) -> PolicyRatio:
    if not (np.isfinite(numerator).all() and np.isfinite(denominator).all()):
        raise DataError(f"{name}: a value is infinite; a ratio of levels needs finite ones")
    value, low, high = (math.exp(x) for x in _bootstrap(numerator, denominator, confidence, seed, of_means=False))
    n = len(numerator)
    method = f"geometric mean over pairs, {_interval_of(n)} of log-ratios"
    return PolicyRatio(name, value, low, high, confidence, n, 0, 0, _judged(low, high, *words), method)


def better(
    baseline_divergence: Values, candidate_divergence: Values, *, confidence: float = 0.95, seed: int = 0
) -> PolicyRatio:
    """Return divergence to the reference, baseline / candidate, both after reweighting and at the same budget.

    Parameters
    ----------
    baseline_divergence, candidate_divergence : sequence of float, shape (n_pairs,)
        Positive; replicas in the same order of seeds.
    confidence : float
        Of the interval.
    seed : int
        Of the bootstrap.

    Raises
    ------
    DataError
        Replicas that do not pair, or values that are not positive.

    Examples
    --------
    >>> from levinthal.simulation import better
    >>> ratio = better([0.2, 0.3, 0.25, 0.22, 0.28, 0.26], [0.1, 0.15, 0.12, 0.11, 0.14, 0.13])
    >>> round(ratio.value, 1), ratio.verdict
    (2.0, 'better')
    """
    b, c = _paired(baseline_divergence, candidate_divergence)
    return _complete("better", b, c, ("better", "worse"), confidence, seed)


def greater(
    baseline_coverage: Values, candidate_coverage: Values, *, confidence: float = 0.95, seed: int = 0
) -> PolicyRatio:
    """Return coverage, candidate / baseline, on the same frozen discretisation and at the same budget.

    Parameters and errors are as for `better`.

    Examples
    --------
    >>> from levinthal.simulation import greater
    >>> ratio = greater([10, 12, 11, 13, 12, 11], [20, 25, 21, 26, 25, 22])
    >>> round(ratio.value, 1), ratio.verdict
    (2.0, 'greater')
    """
    b, c = _paired(baseline_coverage, candidate_coverage)
    return _complete("greater", c, b, ("greater", "smaller"), confidence, seed)


def faster(
    baseline: Values, candidate: Values, budget: float, *, confidence: float = 0.95, seed: int = 0
) -> PolicyRatio:
    """Return the time to an event declared beforehand, baseline / candidate.

    Where every replica arrived: the geometric mean over pairs. Where some did not, that mean is not known, and the
    ratio of the mean times restricted to the budget takes its place (Royston and Parmar, BMC Med. Res. Methodol.
    13:152, 2013). It needs no assumption on what lies beyond the budget, and is nearer to 1 than the ratio of the mean
    times if these stay apart: it understates.

    Parameters
    ----------
    baseline, candidate : sequence of float, shape (n_pairs,)
        Steps or seconds; infinite for a replica that never arrived within the budget.
    budget : float
        How long each replica was watched.
    confidence, seed
        As for `better`.

    Returns
    -------
    PolicyRatio
        Where no replica of either policy arrived: no figure, and "can't tell".

    Raises
    ------
    DataError
        Replicas that do not pair, or times that are not positive.

    Examples
    --------
    >>> from levinthal.simulation import faster
    >>> ratio = faster([40, 50, 60, 45, 55, 52], [20, 24, 31, 22, 28, 25], budget=100)
    >>> round(ratio.value, 1), ratio.verdict
    (2.0, 'faster')
    """
    return _of_times("faster", baseline, candidate, budget, ("faster", "slower"), confidence, seed)


def effective_sampling(
    baseline_budget: Values, candidate_budget: Values, budget: float, *, confidence: float = 0.95, seed: int = 0
) -> PolicyRatio:
    """Return the effective-sampling ratio: the budget to reach a target level of a metric, baseline / candidate.

    Parameters
    ----------
    baseline_budget, candidate_budget : sequence of float, shape (n_pairs,)
        From `budget_to_reach`; infinite for a replica that never got there.
    budget : float
        The whole budget of a replica, idle, training and inference included.
    confidence, seed
        As for `faster`.

    Returns
    -------
    PolicyRatio
        As for `faster`, which tells how replicas that never got there are counted.

    Raises
    ------
    DataError
        Replicas that do not pair, or budgets that are not positive.
    """
    words = ("more effective", "less effective")
    return _of_times("effective sampling", baseline_budget, candidate_budget, budget, words, confidence, seed)


def _of_times(
    name: str,
    baseline: Values,
    candidate: Values,
    budget: float,
    words: tuple[str, str],
    confidence: float,
    seed: int,
) -> PolicyRatio:
    b, c = _paired(baseline, candidate)
    if not 0.0 < budget < math.inf:
        raise DataError(f"the budget is {budget}: it must be positive and finite")
    missed_b, missed_c = int((b > budget).sum()), int((c > budget).sum())
    if not missed_b and not missed_c:
        return _complete(name, b, c, words, confidence, seed)
    n = len(b)
    if missed_b == n and missed_c == n:
        nothing = (math.nan,) * 3
        return PolicyRatio(name, *nothing, confidence, n, n, n, CANNOT_TELL, "no replica of either arrived")
    restricted = _bootstrap(np.minimum(b, budget), np.minimum(c, budget), confidence, seed, of_means=True)
    value, low, high = (math.exp(x) for x in restricted)
    method = f"ratio of means restricted to the budget, {_interval_of(n)} over pairs"
    return PolicyRatio(name, value, low, high, confidence, n, missed_b, missed_c, _judged(low, high, *words), method)


def budget_to_reach(
    budget: Values, level: Values, target: float, better: Literal["higher", "lower"] = "higher"
) -> float:
    """Return the first budget at which a metric had reached a target, infinite if it never did.

    A noisy metric reaches a target early by chance: choose one that the noise does not span.

    Parameters
    ----------
    budget : sequence of float, shape (n,)
        Ascending, as spent when the metric was taken.
    level : sequence of float, shape (n,)
        The metric.
    target : float
        Declared beforehand.
    better : {"higher", "lower"}
        Which way the metric goes.

    Raises
    ------
    DataError
        Lists of different lengths, or a budget that falls.
    """
    spent, levels = np.asarray(budget, np.float64), np.asarray(level, np.float64)
    if spent.shape != levels.shape or spent.ndim != 1 or (np.diff(spent) < 0.0).any():
        raise DataError(f"{spent.shape} budgets, {levels.shape} levels: expected ascending budgets, a level for each")
    reached = levels >= target if better == "higher" else levels <= target
    return float(spent[reached.argmax()]) if reached.any() else math.inf
