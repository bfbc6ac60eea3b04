"""How much of the state space was seen: on a frozen discretisation, and what remains unseen.

The discretisation is fixed before anything is compared: one that is made from the data grows with them and favours
whoever has spread them out. Good-Turing and Chao1 assume independent draws. Frames of a trajectory are not: consecutive
ones repeat a state, singletons are too few, and the unseen mass is underestimated. Thin them first by
`effective_samples.statistical_inefficiency` of a slow observable, or take one frame of each trajectory.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt
from scipy import special

from levinthal.arrays import Doubles
from levinthal.errors import DataError
from levinthal.simulation.analysis.intervals import Estimate

Integers: TypeAlias = npt.NDArray[np.integer[Any]]


@dataclass(frozen=True)
class OccupiedVolume:
    """What part of a frozen grid holds frames.

    Attributes
    ----------
    volume : float
        Volume of the occupied cells, in the product of the units of the axes.
    n_cells : int
        How many they are.
    share_outside : float
        Share of the frames that lie outside the grid and count nothing; should be 0.
    """

    volume: float
    n_cells: int
    share_outside: float


def state_counts(trajectory: Integers, n_states: int) -> npt.NDArray[np.int64]:
    """Return how often each state was seen, shape (n_states,); negative states (outside the grid) are left out.

    Raises
    ------
    DataError
        A state beyond the last.
    """
    states = np.asarray(trajectory).ravel()
    if states.size and states.max() >= n_states:
        raise DataError(f"state {states.max()} is none of the {n_states} of the discretisation")
    return np.bincount(states[states >= 0], minlength=n_states).astype(np.int64)


def states_visited(trajectory: Integers, n_states: int) -> int:
    """Return how many states of a frozen discretisation were seen, a lower bound of those in reach."""
    return int((state_counts(trajectory, n_states) > 0).sum())


def states_visited_curve(trajectory: Integers) -> npt.NDArray[np.int64]:
    """Return how many states had been seen up to and with each frame, shape (n_frames,)."""
    states = np.asarray(trajectory)
    first = np.zeros(len(states), np.int64)
    first[np.unique(states, return_index=True)[1]] = 1
    return np.cumsum(first)


def covered_stationary_mass(trajectory: Integers, stationary: npt.NDArray[np.floating[Any]]) -> float:
    """Return the stationary probability of the states that were seen: the sum of pi_i over them.

    Parameters
    ----------
    trajectory : ndarray of int, any shape
        States.
    stationary : ndarray, shape (n_states,)
        Of the reference; an estimate from the same data counts what was not seen as nothing and gives 1.
    """
    pi = np.asarray(stationary, np.float64)
    return float(pi[state_counts(trajectory, len(pi)) > 0].sum())


def good_turing_unseen_mass(counts: Integers, confidence: float = 0.95) -> Estimate:
    """Return the probability of all states not seen, f1 / N (Good, Biometrika 40:237, 1953).

    It is off by at most the mean probability of a singleton, upward. The normal interval is Esty's (Ann. Stat. 11:905,
    1983), of the unseen mass itself.

    Parameters
    ----------
    counts : ndarray of int, shape (n_states,)
        How often each state was drawn, independently.
    confidence : float
        Of the interval.

    Returns
    -------
    Estimate
        Between 0 and 1. With no state seen once or twice the interval has no width and is not to be trusted.

    Raises
    ------
    DataError
        No draws.
    """
    n, f1, f2, _ = _frequencies(counts)
    value = f1 / n
    error = math.sqrt(max(f1 * (1.0 - f1 / n) + 2.0 * f2, 0.0)) / n
    half = float(special.ndtri(0.5 + confidence / 2.0)) * error
    return Estimate(value, max(value - half, 0.0), min(value + half, 1.0), confidence, "Esty 1983, normal")


def chao1(counts: Integers, confidence: float = 0.95) -> Estimate:
    """Return Chao's estimate of how many states there are, S + f1^2 / (2 f2).

    With f2 = 0 the form S + f1 (f1 - 1) / 2 takes its place. In expectation it is a lower bound of the number of states
    (Chao, Scand. J. Stat. 11:265, 1984), reached where the rare ones are equally rare. The log-normal interval, also
    by Chao (Biometrics 43:783, 1987), is that of the bound, not of the true number.

    Parameters
    ----------
    counts, confidence
        As for `good_turing_unseen_mass`.

    Returns
    -------
    Estimate
        At least the number of states seen.

    Raises
    ------
    DataError
        No draws.
    """
    n, f1, f2, seen = _frequencies(counts)
    shrink = (n - 1.0) / n
    if f2 > 0:
        ratio = f1 / f2
        value = seen + f1**2 / (2.0 * f2)
        variance = f2 * (0.5 * shrink * ratio**2 + shrink**2 * ratio**3 + 0.25 * shrink**2 * ratio**4)
    else:
        value = seen + f1 * (f1 - 1.0) / 2.0
        variance = shrink * f1 * (f1 - 1.0) / 2.0 + shrink**2 * f1 * (2.0 * f1 - 1.0) ** 2 / 4.0
        variance -= shrink**2 * f1**4 / (4.0 * value)
    unseen = value - seen
    if unseen <= 0.0:
        return Estimate(float(value), float(seen), float(seen), confidence, "all states were seen more than once")
    z = float(special.ndtri(0.5 + confidence / 2.0))
    factor = math.exp(z * math.sqrt(math.log1p(max(variance, 0.0) / unseen**2)))
    return Estimate(float(value), seen + unseen / factor, seen + unseen * factor, confidence, "Chao 1987, log-normal")


def _frequencies(counts: Integers) -> tuple[int, int, int, int]:
    """Return the number of draws, of singletons, of doubletons and of states seen."""
    array = np.asarray(counts)
    n = int(array.sum()) if array.size else 0
    if n < 1 or array.min() < 0:
        raise DataError(f"counts of {n} draws: expected at least one, none of them negative")
    return n, int((array == 1).sum()), int((array == 2).sum()), int((array > 0).sum())


def occupied_volume(points: npt.NDArray[np.floating[Any]], edges: tuple[Doubles, ...]) -> OccupiedVolume:
    """Return the volume of the cells of a frozen grid that hold at least one point.

    It depends on the size of the cells: finer ones give less, and the more so the fewer the frames.

    Parameters
    ----------
    points : ndarray, shape (n_points, n_dimensions)
        Frames in a projection that was fixed beforehand.
    edges : tuple of ndarray, one for each dimension
        Limits of the cells, ascending.

    Raises
    ------
    DataError
        Points whose dimension is not that of the grid.
    """
    array = np.asarray(points, np.float64)
    if array.ndim != 2 or array.shape[1] != len(edges):
        raise DataError(f"points of shape {array.shape} on a grid of {len(edges)} dimensions: they do not match")
    shape = tuple(len(axis) - 1 for axis in edges)
    cell = np.stack([np.searchsorted(axis, array[:, k], side="right") - 1 for k, axis in enumerate(edges)])
    inside = ((cell >= 0) & (cell < np.array(shape)[:, None])).all(axis=0)
    occupied = np.unique(np.ravel_multi_index(tuple(cell[:, inside]), shape)) if inside.any() else np.empty(0, int)
    widths = [np.diff(axis)[index] for axis, index in zip(edges, np.unravel_index(occupied, shape), strict=True)]
    volume = float(np.prod(widths, axis=0).sum()) if len(occupied) else 0.0
    return OccupiedVolume(volume, len(occupied), float(1.0 - inside.mean()) if len(array) else 0.0)
