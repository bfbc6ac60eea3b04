"""No restarts: classical simulation, what every other policy has to beat."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from levinthal.workloads.sampling.policies.view import Decision, View

__all__ = ["POLICY", "PlainPolicy", "PlainSettings"]


@dataclass(frozen=True)
class PlainSettings:
    """There is nothing to set."""


class PlainPolicy:
    """Classical simulation: every walker goes on."""

    name = "plain"
    needs_model, wants_target, is_control = False, False, True
    Settings: ClassVar[type[PlainSettings]] = PlainSettings

    def __init__(self, settings: PlainSettings | None = None) -> None:
        """Take the settings for the sake of the other policies."""

    def refresh(self, view: View, rng: np.random.Generator) -> None:
        """Need no look at all frames."""

    def decide(self, walker: int, view: View, rng: np.random.Generator) -> Decision:
        """Go on."""
        return Decision(None, "goes on: no restarts")


POLICY = PlainPolicy
