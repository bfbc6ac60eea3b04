"""How long until a target is first seen, and between two visits of a set: waiting times from discrete trajectories."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

from levinthal.errors import DataError
from levinthal.simulation.analysis.survival import Durations

Mask: TypeAlias = npt.NDArray[np.bool_]


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
