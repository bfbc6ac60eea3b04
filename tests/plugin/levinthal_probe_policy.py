"""A restart policy of somebody else's: every segment ends after some frames, and its walker goes back to frame 0."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from levinthal.errors import UsageError
from levinthal.workloads.sampling.policies.view import Decision, View


@dataclass
class BackToTheFirst:
    """Restart from frame 0 when a segment has `age` frames."""

    age: int = 10
    name = "back-to-the-first"
    directed = False

    def __post_init__(self) -> None:
        if self.age < 1:
            raise UsageError(f"age is {self.age}: it must be at least 1")

    def refresh(self, view: View, rng: np.random.Generator) -> None:
        """Need no look at all frames."""

    def decide(self, walker: int, view: View, rng: np.random.Generator) -> Decision:
        """Go back when old."""
        own = view.trajectory == view.trajectory[view.latest[walker]]
        return Decision(0, "old enough") if own.sum() >= self.age else Decision(None, "young")
