"""What is kept of a simulation: the CA atoms of some of its steps."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt


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
