"""Weighted ensembles: walkers that are split and merged so that what they say in the mean stays that of plain walkers.

Whatever decides which walkers are split and which are merged, as long as it looks at the past alone: the mean of each
sum of weights is that of the dynamics without it (Huber and Kim, Biophys. J. 70:97, 1996; Zhang, Jasnow and Zuckerman,
J. Chem. Phys. 132:054107, 2010).
"""

from __future__ import annotations

import heapq
import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt
from scipy import special

from levinthal.arrays import Doubles, Integers
from levinthal.errors import DataError
from levinthal.simulation.analysis.intervals import Estimate
from levinthal.simulation.analysis.pair_bootstrap import bootstrap, exponentials, interval_of, log_of_means
from levinthal.simulation.analysis.ratios import LEAST_EVENTS

Walker: TypeAlias = tuple[float, int]
"""Its weight, and the walker that it is or is a copy of."""

_HEAVY = 2.0
_LEAST_CAMPAIGNS = 3


@dataclass(frozen=True, eq=False)
class Resampled:
    """Walkers after splitting and merging.

    Attributes
    ----------
    parent : ndarray of int64, shape (n_walkers,)
        Which of the walkers before each is, or is a copy of, ascending.
    weight : ndarray of float64, shape (n_walkers,)
        Of each.
    """

    parent: Integers
    weight: Doubles


def split_and_merge(weight: Doubles, bin_of: Integers, rng: np.random.Generator, alone: int | None = None) -> Resampled:
    """Split and merge walkers so that all bins have as many, as far as that goes, and their number stays.

    In a bin a walker of more than twice the mean weight there to be is cut into equal parts; then the two lightest are
    made one, which of them by chance in proportion to their weights, until there are few enough, or the heaviest is
    halved until there are enough (Huber and Kim 1996; the counts as by WESTPA, Zwier et al., J. Chem. Theory Comput.
    11:800, 2015).

    Parameters
    ----------
    weight : ndarray, shape (n_walkers,)
        Not negative.
    bin_of : ndarray of int, shape (n_walkers,)
        The bin of each; numbers mean nothing else.
    rng : numpy.random.Generator
        For which of two is kept.
    alone : int, optional
        A bin whose walkers become one, wherever there are others: those that are in one place.

    Raises
    ------
    DataError
        Weights that are negative or not finite, or bins that are not as many.

    Examples
    --------
    >>> import numpy as np
    >>> from levinthal.simulation.analysis.weighted_ensemble import split_and_merge
    >>> weight = np.array([0.4, 0.3, 0.2, 0.1])
    >>> found = split_and_merge(weight, np.array([0, 0, 0, 1]), np.random.default_rng(0))
    >>> found.weight.sum().round(9), np.bincount(np.array([0, 0, 0, 1])[found.parent]).tolist()
    (np.float64(1.0), [2, 2])
    """
    given, bins = np.asarray(weight, np.float64), np.asarray(bin_of)
    if given.ndim != 1 or not len(given) or bins.shape != given.shape or not (np.isfinite(given) & (given >= 0)).all():
        raise DataError(f"{given.shape} weights and {bins.shape} bins: expected a bin for each, no weight below 0")
    names, label, count = np.unique(bins, return_inverse=True, return_counts=True)
    wanted = _wanted(count, names == alone, rng)
    found: list[Walker] = []
    for k, n in enumerate(wanted):
        members = [(float(given[i]), int(i)) for i in np.flatnonzero(label == k)]
        found += to_number(members, int(n), rng)
    found.sort(key=lambda walker: walker[1])
    return Resampled(np.array([i for _, i in found], np.int64), np.array([w for w, _ in found], np.float64))


def _wanted(count: Integers, alone: npt.NDArray[np.bool_], rng: np.random.Generator) -> Integers:
    """Return how many walkers each bin is to have; those left over go where most are, at a tie by chance."""
    wanted, shared = np.ones(len(count), np.int64), ~alone
    if not shared.any():
        return np.asarray(count, np.int64)
    n = int(count.sum() - alone.sum())
    wanted[shared] = n // int(shared.sum())
    order = np.lexsort((rng.random(len(count)), -count))
    wanted[order[shared[order]][: n % int(shared.sum())]] += 1
    return wanted


def to_number(walkers: Sequence[Walker], n: int, rng: np.random.Generator) -> list[Walker]:
    """Split and merge the walkers of one bin until there are `n`."""
    ideal = sum(weight for weight, _ in walkers) / n
    light: list[Walker] = []
    for weight, i in walkers:
        # a mean of the least numbers there are may be 0
        parts = min(math.ceil(weight / ideal), n) if weight > _HEAVY * ideal > 0.0 else 1
        light += [(weight / parts, i)] * parts
    heapq.heapify(light)
    while len(light) > n:
        heapq.heappush(light, merged(heapq.heappop(light), heapq.heappop(light), rng))
    heavy = [(-weight, i) for weight, i in light]
    heapq.heapify(heavy)
    while len(heavy) < n:
        weight, i = heapq.heappop(heavy)
        for _ in range(2):
            heapq.heappush(heavy, (weight / 2.0, i))
    return [(-weight, i) for weight, i in heavy]


def merged(one: Walker, other: Walker, rng: np.random.Generator) -> Walker:
    """Return what two walkers become: either of them by its share of the weight, with the weight of both."""
    weight = one[0] + other[0]
    return weight, (one if rng.random() * weight < one[0] or weight == 0.0 else other)[1]


def hill_rate(
    arrived: Sequence[float] | npt.NDArray[np.floating[Any]],
    waited_steps: Sequence[float] | npt.NDArray[np.floating[Any]],
    *,
    walkers: int | None = None,
    confidence: float = 0.95,
    seed: int = 0,
) -> Estimate:
    """Return the rate into a target, per step, from campaigns whose walkers go back to the source when they arrive.

    In the steady state the flux into the target is one over the mean first passage time from the source (Hill, Free
    Energy Transduction in Biology, 1977): weight that arrived by weight times steps until then. Steps that a walker
    went on within its chunk after arriving are no waiting: so no chunk need be short.

    The interval is over campaigns, which are independent; of the rounds of one campaign, which are not, blocks give one
    that is too narrow, and so none is given. Where walkers carry equal weights arrivals can be counted, and of fewer
    than eight the limits are those of a Poisson count (Garwood, Biometrika 28:437, 1936).

    Parameters
    ----------
    arrived : sequence of float, shape (n_campaigns,)
        Weight that arrived in each.
    waited_steps : sequence of float, shape (n_campaigns,)
        Weight times steps on the way.
    walkers : int, optional
        Walkers of a campaign where each carries the same weight.
    confidence : float
        Of the interval.
    seed : int
        Of the bootstrap.

    Returns
    -------
    Estimate
        Per step; no limits, and why as the method, where there are too few campaigns or arrivals.

    Raises
    ------
    DataError
        Nothing was waited, or numbers that make no sense.

    Examples
    --------
    >>> from levinthal.simulation.analysis.weighted_ensemble import hill_rate
    >>> rate = hill_rate([0.011, 0.009, 0.010, 0.012], [98.0, 99, 97, 101])
    >>> round(1 / rate.value), rate.low < 1e-4 < rate.high
    (9405, True)
    """
    weight, steps = np.asarray(arrived, np.float64), np.asarray(waited_steps, np.float64)
    sound = weight.shape == steps.shape and weight.ndim == 1 and bool((weight >= 0).all() and (steps >= 0).all())
    if not sound or not 0.0 < steps.sum() < math.inf or not np.isfinite(weight).all():
        raise DataError("a rate needs for each campaign a weight that arrived and the steps waited, not negative")
    value, n, met = float(weight.sum() / steps.sum()), len(weight), int((weight > 0).sum())
    if walkers is not None and (events := round(walkers * weight.sum())) < LEAST_EVENTS:
        tail, exposure = (1.0 - confidence) / 2.0, walkers * float(steps.sum())
        low = float(special.gammaincinv(events, tail)) / exposure if events else 0.0
        high = float(special.gammainccinv(events + 1, tail)) / exposure
        return Estimate(value, low, high, confidence, f"Hill's relation, exact of a Poisson count ({events} arrivals)")
    if met < _LEAST_CAMPAIGNS:
        why = f"no interval: it takes arrivals in {_LEAST_CAMPAIGNS} independent campaigns or more, there are {met}"
        return Estimate(value, math.nan, math.nan, confidence, why)
    value, low, high = exponentials(bootstrap(log_of_means((weight, 1), (steps, -1)), n, confidence, seed))
    method = f"Hill's relation, {interval_of(n)} over {n} independent campaigns"
    return Estimate(value, low, high, confidence, method)
