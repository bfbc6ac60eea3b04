"""What another package may add to sampling: a policy, one of an earlier version's contract, a learner and a system."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from levinthal.errors import UsageError
from levinthal.workloads.sampling.policies.view import Decision, View
from levinthal.workloads.sampling.systems.dynamics import PlanarDynamics
from levinthal.workloads.sampling.systems.observables import GridObservables, PlaneProjection
from levinthal.workloads.sampling.systems.system import System, SystemKind, SystemRequest


@dataclass
class BackToTheFirst:
    """Restart from frame 0 when a segment has `age` frames; it looks at no embedding."""

    age: int = 10
    name = "back-to-the-first"
    needs_model = False

    def __post_init__(self) -> None:
        if self.age < 1:
            raise UsageError(f"age is {self.age}: it must be at least 1")

    def refresh(self, view: View, rng: np.random.Generator) -> None:
        """Need no look at all frames."""

    def decide(self, walker: int, view: View, rng: np.random.Generator) -> Decision:
        """Go back when old."""
        own = view.trajectory == view.trajectory[view.latest[walker]]
        return Decision(0, "old enough") if own.sum() >= self.age else Decision(None, "young")


class ToTheRight:
    """Restart from the frame furthest along the first axis, written as a plug-in of version 0.1 was."""

    name = "to-the-right"
    directed = True

    def refresh(self, view: View, rng: np.random.Generator) -> None:
        """Need no look at all frames."""

    def decide(self, slot: int, view: View, rng: np.random.Generator) -> Decision:
        """Go to the right."""
        return Decision(int(view.embedding[:, 0].argmax()), "to the right")


class Moody:
    """Breaks down in those campaigns whose fifth frame lies on one side, which depends on the seed alone."""

    name = "moody"
    needs_model = False

    def refresh(self, view: View, rng: np.random.Generator) -> None:
        """Divide by zero, or not."""
        if len(view.frames) > 5:
            1 / int(view.frames[5, 1] > 0.5)

    def decide(self, walker: int, view: View, rng: np.random.Generator) -> Decision:
        """Go on."""
        return Decision(None, "in a good mood")


@dataclass(frozen=True)
class Stretched:
    """Frames as they are, times a factor."""

    factor: float
    version: int

    def embed(self, frames: npt.NDArray[np.float32], /) -> npt.NDArray[np.float32]:
        """Stretch."""
        return np.asarray(self.factor * frames.reshape(len(frames), -1), np.float32)


@dataclass(frozen=True)
class Stretching:
    """Learns nothing; `device` and `deterministic` are given to it because it says so."""

    factor: float = 2.0
    device: str = ""
    deterministic: bool = False
    name = "stretched"
    wants_device = True

    def fit(self, frames: npt.NDArray[np.float32], previous: Any, seed: int, /) -> Stretched:
        """Return the model."""
        if not self.device:
            raise UsageError("nobody said where to train")
        return Stretched(self.factor, getattr(previous, "version", 0) + 1)


@dataclass(frozen=True)
class Brittle:
    """Fits a campaign as it grows, and no campaign as a whole: what is made of it afterwards fails."""

    name = "brittle"

    def fit(self, frames: npt.NDArray[np.float32], previous: Any, seed: int, /) -> Stretched:
        """Return the model, or break."""
        if previous is None and len(frames) > 500:
            raise np.linalg.LinAlgError("SVD did not converge")
        return Stretched(1.0, getattr(previous, "version", 0) + 1)


def _surface(request: SystemRequest) -> System:
    edges = np.linspace(-2.0, 2.0, 9)
    return System(
        name=f"a surface from {request.source}",
        version="1",
        synthetic=True,
        dynamics=PlanarDynamics(),
        observables=GridObservables(PlaneProjection(), edges, edges),
    )


SURFACE = SystemKind(_surface, takes="FILE.surface", suffixes=(".surface",))
