"""What a learner and its models are to a campaign, what learners declare, and learners by name.

Built-in learners are the modules of `built_in`; a plug-in declares, in its `pyproject.toml`, something to be called
with the settings that returns a `Learner`::

    [project.entry-points."levinthal.learners"]
    mine = "my_package:MyLearner"
"""

from __future__ import annotations

from typing import Any, Protocol, cast

import numpy as np
import numpy.typing as npt

from levinthal.errors import UsageError
from levinthal.plugins import Registry


class Model(Protocol):
    """What places frames in a space where policies measure distances."""

    def embed(self, frames: npt.NDArray[np.float32], /) -> npt.NDArray[np.float32]:
        """Return the place of each frame, shape (n_frames, d)."""
        ...


class Learner(Protocol):
    """Makes models; it travels to worker processes by pickle, and so does a model.

    A class of learners may declare `wants_device`: then it is given the settings `device`, where to train, and
    `deterministic`, whether the same frames must give the same digits. One that declares `wants_time` is given in
    `fit`, behind the seed, the unbroken trajectory of each frame, an array of int64: frames of one follow each other in
    time. One that declares `wants_coordinates` is given, as its setting `coordinates`, what returns the slow
    coordinates that frames were made from, or None where a system has none. Without these nothing is given.
    """

    @property
    def name(self) -> str:
        """For the record."""
        ...

    def fit(self, frames: npt.NDArray[np.float32], previous: Any, seed: int, /) -> Model:
        """Return a model of the frames, beginning from the previous one where there is one and it helps."""
        ...


def fit_learner(
    learner: Learner, frames: npt.NDArray[np.float32], previous: Any, seed: int, trajectory: npt.NDArray[np.int64]
) -> Model:
    """Return a learner's model; it is given the trajectory of each frame where it wants that."""
    time: tuple[Any, ...] = (trajectory,) if getattr(learner, "wants_time", False) else ()
    return learner.fit(frames, previous, seed, *time)


LEARNERS = Registry("learner", "levinthal.learners", "levinthal.workloads.sampling.learners.built_in")


def make_learner(name: str, **settings: Any) -> Learner:
    """Make a learner.

    Raises
    ------
    UsageError
        An unknown learner or setting, a value out of range, or a plug-in that is not a learner.
    """
    learner = LEARNERS.make(name, **settings)
    if getattr(learner, "name", None) != name or not hasattr(learner, "fit"):
        raise UsageError(f"learner {name!r} does not keep the contract: it needs a method `fit`, and `name` {name!r}")
    return cast(Learner, learner)
