"""Time-lagged independent components: the linear combinations of features that change most slowly (deeptime)."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from levinthal.arrays import Integers
from levinthal.errors import DataError
from levinthal.plugins import check_values
from levinthal.workloads.sampling.learners.features import (
    Embedding,
    FittedModel,
    Frames,
    check_frames,
    flat_features,
    next_version,
    pairs_in_time,
)

# Directions of less than this share of the variance of the widest are noise, and not followed.
_LEAST_VARIANCE = 1e-6
_NOTHING = "tICA finds nothing that varies in the frames: simulate longer first"


@dataclass(frozen=True, eq=False, kw_only=True)
class LinearModel(FittedModel):
    """A linear map of features.

    Attributes
    ----------
    origin : ndarray of float32, shape (d,)
        Where a frame of zeros is placed.
    directions : ndarray of float32, shape (n_features, d)
    """

    origin: npt.NDArray[np.float32]
    directions: npt.NDArray[np.float32]

    def embed(self, frames: Frames, /) -> Embedding:
        """Return the place of each frame, shape (n_frames, d)."""
        check_frames(frames, self.frame_shape)
        return np.asarray(self.origin + flat_features(frames) @ self.directions, np.float32)


@dataclass(frozen=True)
class TICALearner:
    """Time-lagged independent components (Perez-Hernandez et al., J. Chem. Phys. 139:015102, 2013).

    Each is scaled by its autocorrelation, so that distances are kinetic ones (Noe and Clementi, JCTC 11:5002, 2015) and
    what forgets at once has no extent.

    Attributes
    ----------
    components : int
        Dimensions of the embedding; fewer where there are fewer features.
    lag : int
        In frames; shorter while no trajectory is so long.
    most_frames : int
        Fitted to at most so many pairs of frames.
    """

    components: int = 5
    lag: int = 5
    most_frames: int = 10_000
    name = "tica"
    wants_time = True

    def __post_init__(self) -> None:
        check_values(self, components=(1, 100), lag=1, most_frames=2)

    def fit(self, frames: Frames, previous: Any, seed: int, trajectory: Integers, /) -> LinearModel:
        """Fit to pairs of frames a lag apart.

        Raises
        ------
        DataError
            The frames do not vary.
        """
        from deeptime.decomposition import TICA
        from deeptime.numeric import ZeroRankError

        began = time.perf_counter()
        earlier, later = pairs_in_time(trajectory, self.lag, self.most_frames, seed)
        features = flat_features(frames).astype(np.float64)
        n_features = features.shape[1]
        if not np.ptp(features, axis=0).any():
            raise DataError(_NOTHING)
        # deeptime cuts at an absolute eigenvalue of the covariance
        cut = _LEAST_VARIANCE * float(features.var(axis=0).sum())
        estimator = TICA(lagtime=self.lag, dim=min(self.components, n_features), epsilon=cut, scaling="kinetic_map")
        try:
            found = estimator.partial_fit((features[earlier], features[later])).fetch_model()
            placed = np.asarray(found.transform(np.vstack([np.zeros(n_features), np.eye(n_features)])), np.float64)
        except ZeroRankError:
            raise DataError(_NOTHING) from None
        return LinearModel(
            frame_shape=tuple(frames.shape[1:]),
            origin=placed[0].astype(np.float32),
            directions=np.ascontiguousarray(placed[1:] - placed[0], np.float32),
            version=next_version(previous),
            n_frames=len(earlier),
            duration_s=time.perf_counter() - began,
        )


LEARNER = TICALearner
