"""No restarts: classical simulation, what every other policy has to beat."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from levinthal.workloads.sampling.policies.view import Decision, View


@dataclass(frozen=True)
class PlainPolicy:
    """Classical simulation: every walker goes on."""

    name = "plain"
    needs_model, wants_target, is_control = False, False, True

    def refresh(self, view: View, rng: np.random.Generator) -> None:
        """Need no look at all frames."""

    def decide(self, walker: int, view: View, rng: np.random.Generator) -> Decision:
        """Go on."""
        return Decision(None, "goes on: no restarts")


POLICY = PlainPolicy
