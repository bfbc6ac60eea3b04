"""Restarts anywhere: what restarting gives without choosing, and what a choice has to beat."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from levinthal.plugins import check_range
from levinthal.workloads.sampling.policies.view import Decision, View

__all__ = ["POLICY", "RandomPolicy", "RandomSettings"]


@dataclass(frozen=True)
class RandomSettings:
    """How long a segment is.

    Attributes
    ----------
    min_age_frames : int
        A walker restarts when its segment has so many frames.
    """

    min_age_frames: int = 20

    def __post_init__(self) -> None:
        check_range(self, "min_age_frames", 1)


class RandomPolicy:
    """Restarts from any frame, all equally likely: what restarting gives without choosing.

    Memory and quota are left out on purpose: they would be a choice.
    """

    name = "random"
    needs_model, wants_target, is_control = False, False, True
    Settings: ClassVar[type[RandomSettings]] = RandomSettings

    def __init__(self, settings: RandomSettings | None = None) -> None:
        self.settings = settings or RandomSettings()

    def refresh(self, view: View, rng: np.random.Generator) -> None:
        """Need no look at all frames."""

    def decide(self, walker: int, view: View, rng: np.random.Generator) -> Decision:
        """Restart when the segment is long enough."""
        latest = int(view.latest[walker])
        if latest < 0:
            return Decision(None, "goes on: it has no frame yet")
        age = int(np.count_nonzero(view.trajectory == view.trajectory[latest]))
        wanted = self.settings.min_age_frames
        if age < wanted:
            return Decision(None, f"goes on: its segment has {age} of {wanted} frames")
        frame = int(rng.integers(len(view.step)))
        return Decision(frame, f"its segment has {age} frames; restarts from frame {frame}, drawn from all")


POLICY = RandomPolicy
