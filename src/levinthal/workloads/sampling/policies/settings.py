"""Settings of all policies that restart, and the check of a range."""

from __future__ import annotations

import math
from dataclasses import dataclass

from levinthal.errors import UsageError

__all__ = ["RestartSettings", "check_range"]


def check_range(settings: object, name: str, low: float, high: float = math.inf) -> None:
    """Refuse a setting outside `low` to `high`.

    Raises
    ------
    UsageError
        The value is outside, or not a number.
    """
    value = getattr(settings, name)
    if isinstance(value, bool) or not isinstance(value, int | float) or not low <= value <= high:
        bounds = f"at least {low:g}" if high == math.inf else f"from {low:g} to {high:g}"
        raise UsageError(f"policy setting {name} is {value!r}: it must be {bounds}")


@dataclass(frozen=True)
class RestartSettings:
    """When a walker is stopped, and which restarts are refused.

    Attributes
    ----------
    min_age_frames : int
        A segment goes on at least for so many frames.
    recent_frames : int
        A segment goes on while one of its last so many frames is new to the policy.
    per_trajectory : int
        Most restarts from one segment between two looks at all frames.
    max_uses : int
        Most restarts from one frame, ever.
    """

    min_age_frames: int = 20
    recent_frames: int = 10
    per_trajectory: int = 2
    max_uses: int = 1

    def __post_init__(self) -> None:
        for name in ("min_age_frames", "recent_frames", "per_trajectory", "max_uses"):
            check_range(self, name, 1)
