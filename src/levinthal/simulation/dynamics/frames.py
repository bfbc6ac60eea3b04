"""What is kept of a simulation: the CA atoms of some of its steps, and which steps these are."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from levinthal.errors import UsageError


@dataclass(frozen=True, eq=False)
class Frames:
    """CA coordinates along a chunk.

    Attributes
    ----------
    coordinates_nm : ndarray of float32, shape (n_frames, n_residues, 3)
        CA atoms in order of residues.
    step : ndarray of int64, shape (n_frames,)
        The replica's step at each frame.
    states : ndarray of float64, shape (n_frames, 2, n_atoms, 3), or None
        Positions (nm) and velocities (nm/ps) of all atoms at each frame, where they were asked for.
    """

    coordinates_nm: npt.NDArray[np.float32]
    step: npt.NDArray[np.int64]
    states: npt.NDArray[np.float64] | None = None

    def __len__(self) -> int:
        return len(self.step)


def frame_steps(begin: int, n_steps: int, frame_interval: int) -> npt.NDArray[np.int64]:
    """Return the steps at which frames are taken: the multiples of the interval in (begin, begin + n_steps]."""
    numbers = np.arange(begin // frame_interval + 1, (begin + n_steps) // frame_interval + 1, dtype=np.int64)
    return numbers * frame_interval


def frame_blocks(begin: int, n_steps: int, frame_interval: int, block_steps: int) -> Iterator[tuple[int, int, slice]]:
    """Yield the steps of a chunk in blocks: where each begins and ends, and which of the chunk's frames fall in it."""
    for step in range(begin, begin + n_steps, block_steps):
        end = min(step + block_steps, begin + n_steps)
        first = begin // frame_interval
        yield step, end, slice(step // frame_interval - first, end // frame_interval - first)


def check_chunk(n_steps: int, frame_interval: int, seed: int) -> None:
    """Check how long to go on, how often to look and by which seed.

    Raises
    ------
    UsageError
        Numbers that make no sense.
    """
    if n_steps < 1 or frame_interval < 1 or seed < 0:
        raise UsageError(
            f"n_steps {n_steps}, frame_interval {frame_interval}, seed {seed}: "
            "the first two must be at least 1, the seed not negative"
        )
