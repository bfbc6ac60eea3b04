"""How long until a target is first seen, and until a set of states is seen again (Poincare recurrence).

By Kac (Bull. Am. Math. Soc. 53:1002, 1947) the mean time between two visits of A, looked at every lag tau, is
tau / pi(A): the lag belongs to the figure. A trajectory that ends, or is culled, cuts its last return short; leaving
those out favours quick returns, so they are kept as censored waiting times. That is sound where trajectories end for
reasons that do not look ahead. The times are those of the sampled dynamics wherever a trajectory was started, as each
wait begins at a visit; but entries into A spread otherwise than in equilibrium bias a set of several states. There the
reweighted 1 / pi(A) of a Markov state model is the better estimate.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from levinthal.arrays import Integers, Mask
from levinthal.errors import DataError
from levinthal.simulation.analysis.intervals import Estimate
from levinthal.simulation.analysis.survival import Durations, tail_mean


def membership(trajectory: npt.NDArray[np.integer[Any]], members: Sequence[int] | npt.NDArray[np.integer[Any]]) -> Mask:
    """Return which frames of a discrete trajectory lie in a set of states."""
    return np.isin(np.asarray(trajectory), np.asarray(members))


def first_passage_durations(in_target: Iterable[Mask], lag_steps: int = 1) -> Durations:
    """Return when each trajectory first saw the target; one that never did is censored at its length.

    Parameters
    ----------
    in_target : iterable of ndarray of bool, shape (n_frames,)
        Whether each frame lies in the target; frame 0 is the start, at step 0. An arrival between two frames that was
        left again is missed, so at a lag above 1 times are of the process watched at that lag, and too long.
    lag_steps : int
        Steps between frames.

    Returns
    -------
    Durations
        In steps.

    Raises
    ------
    DataError
        A trajectory without frames, or a lag below 1.

    Examples
    --------
    >>> import numpy as np
    >>> from levinthal.simulation import first_passage_durations
    >>> waits = first_passage_durations([np.array([False, False, True]), np.array([False, False])], lag_steps=10)
    >>> waits.steps.tolist(), waits.observed.tolist()
    ([20.0, 10.0], [True, False])
    """
    if lag_steps < 1:
        raise DataError(f"the lag is {lag_steps} steps: it must be at least 1")
    steps: list[int] = []
    observed: list[bool] = []
    for number, trajectory in enumerate(in_target):
        mask = np.asarray(trajectory, bool)
        if mask.ndim != 1 or not len(mask):
            raise DataError(
                f"trajectory {number} has the shape {mask.shape}: expected (n_frames,) with a frame at least"
            )
        arrived = bool(mask.any())
        steps.append(int(mask.argmax()) if arrived else len(mask) - 1)
        observed.append(arrived)
    return Durations(np.array(steps, np.float64) * lag_steps, np.array(observed, bool))


def _durations(in_set: Iterable[Mask], lag_steps: int, waits_of: Callable[[Mask], tuple[Integers, Mask]]) -> Durations:
    """Join the waiting times of trajectories; a wait that begins in the last frame is none."""
    if lag_steps < 1:
        raise DataError(f"the lag is {lag_steps} steps: it must be at least 1")
    masks = [np.asarray(mask, bool) for mask in in_set]
    if any(mask.ndim != 1 for mask in masks):
        raise DataError("each trajectory must be a list of marks, one for each frame")
    waits, observed = [np.empty(0, np.int64)], [np.empty(0, bool)]
    for gaps, seen in map(waits_of, masks):
        waited = seen | (gaps > 0)
        waits.append(gaps[waited])
        observed.append(seen[waited])
    return Durations(np.concatenate(waits).astype(np.float64) * lag_steps, np.concatenate(observed))


def _returns(mask: Mask) -> tuple[Integers, Mask]:
    gaps = np.diff(np.append(np.flatnonzero(mask), len(mask) - 1))
    return gaps, np.arange(len(gaps)) < len(gaps) - 1


def _absences(mask: Mask) -> tuple[Integers, Mask]:
    change = np.diff(mask.astype(np.int8))
    left, back = np.flatnonzero(change == -1) + 1, np.flatnonzero(change == 1) + 1
    back = back[back > left.min(initial=len(mask))]
    return np.append(back, len(mask) - 1)[: len(left)] - left, np.arange(len(left)) < len(back)


def return_durations(in_set: Iterable[Mask], lag_steps: int = 1) -> Durations:
    """Return the times between consecutive visits of a set; a stay counts as visits one lag apart.

    Parameters
    ----------
    in_set : iterable of ndarray of bool, shape (n_frames,)
        Whether each frame of each trajectory lies in the set. What comes before its first visit is not a return.
    lag_steps : int
        Steps between frames.

    Returns
    -------
    Durations
        In steps; the wait after the last visit is censored at the trajectory's end.

    Raises
    ------
    DataError
        A lag below 1, or marks that are not a list.
    """
    return _durations(in_set, lag_steps, _returns)


def absence_durations(in_set: Iterable[Mask], lag_steps: int = 1) -> Durations:
    """Return the times from leaving a set to coming back ("leave and come back").

    In equilibrium their mean is t_res (1 - pi(A)) / pi(A) with t_res the mean stay.

    Parameters
    ----------
    in_set, lag_steps
        As for `return_durations`; what comes before the first departure is left out.

    Returns
    -------
    Durations
        In steps, from the first frame outside to the first inside; censored at the trajectory's end.

    Raises
    ------
    DataError
        As `return_durations`.
    """
    return _durations(in_set, lag_steps, _absences)


def mean_recurrence(in_set: Iterable[Mask], lag_steps: int = 1, confidence: float = 0.95) -> Estimate:
    """Return the mean recurrence time tau / pi(A) in steps, from returns of which some were cut short.

    The interval takes returns as independent: so they are for a single state of a Markov chain; for a larger set,
    whose returns come in clusters, it is too narrow, and `intervals.jackknife` over replicas is the right one.

    Parameters
    ----------
    in_set, lag_steps
        As for `return_durations`; the lag is part of the figure.
    confidence : float
        Of the interval.

    Returns
    -------
    Estimate
        Infinite where no return was seen.

    Raises
    ------
    DataError
        As `return_durations`.

    Examples
    --------
    >>> import numpy as np
    >>> from levinthal.simulation import mean_recurrence
    >>> in_basin = np.random.default_rng(0).random(10_000) < 0.1
    >>> round(mean_recurrence([in_basin]).value)
    10
    """
    return tail_mean(return_durations(in_set, lag_steps), confidence)
