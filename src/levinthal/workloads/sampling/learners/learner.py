"""What a learner and its models are to a campaign, and what learners declare."""

from __future__ import annotations

from typing import Any, Protocol

import numpy as np
import numpy.typing as npt


class Model(Protocol):
    """What places frames in a space where policies measure distances."""

    def embed(self, frames: npt.NDArray[np.float32], /) -> npt.NDArray[np.float32]:
        """Return the place of each frame, shape (n_frames, d)."""
        ...


class Learner(Protocol):
    """Makes models; it travels to worker processes by pickle, and so does a model.

    A class of learners may declare `wants_device`: then it is given the settings `device`, where to train, and
    `deterministic`, whether the same frames must give the same digits. Without it neither is given.
    """

    @property
    def name(self) -> str:
        """For the record."""
        ...

    def fit(self, frames: npt.NDArray[np.float32], previous: Any, seed: int, /) -> Model:
        """Return a model of the frames, beginning from the previous one where there is one and it helps."""
        ...
