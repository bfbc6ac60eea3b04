"""Settings of all policies that restart."""

from __future__ import annotations

from dataclasses import dataclass

from levinthal.plugins import check_values


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
        check_values(self, **dict.fromkeys(("min_age_frames", "recent_frames", "per_trajectory", "max_uses"), 1))
