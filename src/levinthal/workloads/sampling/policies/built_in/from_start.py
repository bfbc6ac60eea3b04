"""Restarts from where the walkers began: what restarting gives without looking at anything."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from levinthal.plugins import check_values
from levinthal.workloads.sampling.policies.restarting import age_of
from levinthal.workloads.sampling.policies.view import START, Decision, View


@dataclass(frozen=True)
class FromStartPolicy:
    """Restarts from the walker's start with other velocities, blindly.

    Where simulations leave the start structure for what is to be found, this beats every choice among their frames; a
    study in which it does says nothing of choosing.

    Attributes
    ----------
    min_age_frames : int
        A walker restarts when its segment has so many frames.
    """

    min_age_frames: int = 20
    name = "from-start"
    needs_model, wants_target, is_control = False, False, True

    def __post_init__(self) -> None:
        check_values(self, min_age_frames=1)

    def refresh(self, view: View, rng: np.random.Generator) -> None:
        """Need no look at all frames."""

    def decide(self, walker: int, view: View, rng: np.random.Generator) -> Decision:
        """Restart when the segment is long enough."""
        age = age_of(walker, view)
        if age < self.min_age_frames:
            return Decision(None, f"goes on: its segment has {age} of {self.min_age_frames} frames")
        return Decision(START, f"its segment has {age} frames; begins again")


POLICY = FromStartPolicy
