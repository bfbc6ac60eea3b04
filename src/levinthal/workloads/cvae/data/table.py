"""Which frame is which: the trajectory it is from, its number there, and its time."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from levinthal.arrays import Doubles, Integers

__all__ = ["FrameTable"]


@dataclass(frozen=True, eq=False)
class FrameTable:
    """The frames of all trajectories, one after the other.

    Attributes
    ----------
    sources : tuple of str
        File of each trajectory, or which replica it is and what it began from.
    lengths : tuple of int
        Frames of each trajectory.
    time_ps : tuple of ndarray of float64 or None
        Time of each frame of each trajectory; None where it has none.
    """

    sources: tuple[str, ...]
    lengths: tuple[int, ...]
    time_ps: tuple[Doubles | None, ...]

    def __len__(self) -> int:
        return sum(self.lengths)

    @property
    def trajectory(self) -> Integers:
        """Trajectory of each frame, counted from 0."""
        return np.repeat(np.arange(len(self.lengths), dtype=np.int64), self.lengths)

    @property
    def number(self) -> Integers:
        """Number of each frame in its trajectory, counted from 0."""
        return np.concatenate([np.arange(length, dtype=np.int64) for length in self.lengths])

    @property
    def times_ps(self) -> Doubles:
        """Time of each frame; NaN where there is none."""
        return np.concatenate(
            [
                np.full(length, np.nan) if times is None else np.asarray(times, np.float64)
                for length, times in zip(self.lengths, self.time_ps, strict=True)
            ]
        )

    def stretches(self, frames: Integers) -> list[Integers]:
        """Cut ascending frames where they do not follow each other in time."""
        trajectory = np.searchsorted(np.cumsum(self.lengths), frames, side="right")
        cuts = np.flatnonzero((np.diff(frames) != 1) | (np.diff(trajectory) != 0)) + 1
        return np.split(frames, cuts)
