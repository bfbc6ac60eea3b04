"""What no real campaign has: the slow coordinates that frames were made from, as the best that a learner could find."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from levinthal.errors import UsageError
from levinthal.workloads.sampling.learners.features import (
    Embedding,
    FittedModel,
    Frames,
    check_frames,
    next_version,
)

Coordinates = Callable[[Frames], Embedding]


@dataclass(frozen=True, eq=False, kw_only=True)
class TrueModel(FittedModel):
    """Places frames at their true coordinates."""

    coordinates: Coordinates

    def embed(self, frames: Frames, /) -> Embedding:
        """Return the place of each frame, shape (n_frames, d)."""
        check_frames(frames, self.frame_shape)
        return np.asarray(self.coordinates(frames), np.float32)


@dataclass(frozen=True)
class TrueCoordinates:
    """Gives the true coordinates of a system that knows them.

    Attributes
    ----------
    coordinates : callable or None
        Of the system; it is given, not typed.
    """

    coordinates: Coordinates | None = None
    name = "true-coordinates"
    wants_coordinates = True

    def __post_init__(self) -> None:
        if self.coordinates is None:
            raise UsageError(
                "learner true-coordinates: this system does not know them (lifted chains do); choose another learner"
            )

    def fit(self, frames: Frames, previous: Any, seed: int, /) -> TrueModel:
        """Return the model; there is nothing to fit."""
        assert self.coordinates is not None
        return TrueModel(
            frame_shape=tuple(frames.shape[1:]),
            coordinates=self.coordinates,
            version=next_version(previous),
            n_frames=len(frames),
        )


LEARNER = TrueCoordinates
