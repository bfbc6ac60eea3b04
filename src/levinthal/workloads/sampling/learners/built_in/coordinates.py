"""Coordinates as they are, or distances between a few residues."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from levinthal.plugins import check_values
from levinthal.workloads.sampling.learners.features import (
    Embedding,
    FittedModel,
    Frames,
    check_frames,
    is_molecular,
    next_version,
    pair_distances,
)


@dataclass(frozen=True, eq=False, kw_only=True)
class CoordinatesModel(FittedModel):
    """Frames as they are, or distances between a few residues; nothing is learned.

    Attributes
    ----------
    landmarks : int
        Residues spread evenly over the chain between which distances are taken.
    """

    landmarks: int

    def embed(self, frames: Frames, /) -> Embedding:
        """Return the place of each frame, shape (n_frames, d)."""
        check_frames(frames, self.frame_shape)
        if not is_molecular(frames.shape):
            return np.asarray(frames, np.float32).reshape(len(frames), -1)
        n_residues = self.frame_shape[0]
        chosen = np.linspace(0, n_residues - 1, min(self.landmarks, n_residues)).round().astype(np.int64)
        return pair_distances(frames, chosen)


@dataclass(frozen=True)
class CoordinatesLearner:
    """A frame that is a place already stays what it is; a chain becomes the distances between a few residues.

    Attributes
    ----------
    landmarks : int
        How many residues; 5 give 10 distances.
    """

    landmarks: int = 5
    name = "coordinates"

    def __post_init__(self) -> None:
        check_values(self, landmarks=(2, 100))

    def fit(self, frames: Frames, previous: Any, seed: int, /) -> CoordinatesModel:
        """Return the model; there is nothing to fit."""
        return CoordinatesModel(
            frame_shape=tuple(frames.shape[1:]),
            landmarks=self.landmarks,
            version=next_version(previous),
            n_frames=len(frames),
        )


LEARNER = CoordinatesLearner
