"""Restarts anywhere: what restarting gives without choosing, and what a choice has to beat."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from levinthal.plugins import check_values
from levinthal.workloads.sampling.policies.view import Decision, View


@dataclass(frozen=True)
class RandomPolicy:
    """Restarts from any frame, all equally likely: what restarting gives without choosing.

    Memory and quota are left out on purpose: they would be a choice.

    Attributes
    ----------
    min_age_frames : int
        A walker restarts when its segment has so many frames.
    """

    min_age_frames: int = 20
    name = "random"
    needs_model, wants_target, is_control = False, False, True

    def __post_init__(self) -> None:
        check_values(self, min_age_frames=1)

    def refresh(self, view: View, rng: np.random.Generator) -> None:
        """Need no look at all frames."""

    def decide(self, walker: int, view: View, rng: np.random.Generator) -> Decision:
        """Restart when the segment is long enough."""
        latest = int(view.latest[walker])
        if latest < 0:
            return Decision(None, "goes on: it has no frame yet")
        age = int(np.count_nonzero(view.trajectory == view.trajectory[latest]))
        if age < self.min_age_frames:
            return Decision(None, f"goes on: its segment has {age} of {self.min_age_frames} frames")
        frame = int(rng.integers(len(view.step)))
        return Decision(frame, f"its segment has {age} frames; restarts from frame {frame}, drawn from all")


POLICY = RandomPolicy
