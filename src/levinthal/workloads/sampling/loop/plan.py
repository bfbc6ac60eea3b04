"""How a campaign is run, and what came of it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from levinthal.errors import UsageError


@dataclass(frozen=True)
class CampaignPlan:
    """How a campaign is run.

    Attributes
    ----------
    n_walkers : int
        Trajectories that go on side by side; a few times the workers keep all of them busy.
    chunk_steps, frame_interval : int
        Steps of a chunk, a multiple of the steps between frames: a chunk ends in a frame.
    seed : int
        Of all randomness; not negative.
    n_workers : int
        Workers of the executor.
    n_cores : int or None
        Cores that the campaign occupies, for its costs; None is one a worker.
    max_steps : int or None
        Budget in steps, all walkers together.
    max_core_seconds : float or None
        Budget in `n_cores` times the wall-clock: simulation, training, inference and idle cores alike.
    in_flight : int or None
        Most chunks submitted at a time; None is all walkers.
    first_training_frames : int
        The first model is trained when there are so many.
    training_growth, refresh_growth : float
        The next one, and the next look of the policy at all frames, when there are that many times the frames.
    max_attempts : int
        A chunk that fails this often is given up.
    """

    n_walkers: int
    chunk_steps: int
    frame_interval: int
    seed: int
    n_workers: int = 1
    n_cores: int | None = None
    max_steps: int | None = None
    max_core_seconds: float | None = None
    in_flight: int | None = None
    first_training_frames: int = 500
    training_growth: float = 1.5
    refresh_growth: float = 1.1
    max_attempts: int = 3

    def __post_init__(self) -> None:
        for name in (
            "n_walkers",
            "chunk_steps",
            "frame_interval",
            "n_workers",
            "first_training_frames",
            "max_attempts",
        ):
            if getattr(self, name) < 1:
                raise UsageError(f"{name} is {getattr(self, name)}: it must be at least 1")
        if self.chunk_steps % self.frame_interval:
            raise UsageError(
                f"chunk_steps {self.chunk_steps} is not a multiple of frame_interval {self.frame_interval}: make it one"
            )
        if self.max_steps is None and self.max_core_seconds is None:
            raise UsageError("the campaign has no budget: give max_steps or max_core_seconds")
        if self.seed < 0 or (self.in_flight is not None and self.in_flight < 1):
            raise UsageError(f"seed {self.seed}, in_flight {self.in_flight}: not below 0 and 1")
        if not (self.training_growth > 1.0 and self.refresh_growth >= 1.0):
            raise UsageError(
                f"training_growth {self.training_growth} must be above 1, refresh_growth {self.refresh_growth} at least"
            )

    @property
    def cores(self) -> int:
        """Cores that the campaign pays for."""
        return self.n_cores or self.n_workers


@dataclass(frozen=True)
class CampaignResult:
    """What came of it; the record in `folder` says the rest.

    Attributes
    ----------
    n_frames, n_chunks, n_steps : int
        On record, all sessions together.
    n_restarts, n_quarantined, n_failures, model_version : int
        Likewise.
    core_seconds : float
        Spent, all sessions together.
    coordinator_s : float
        Time this session's coordinator did not wait, with whatever ran inline.
    wall_s : float
        Time of this session.
    """

    folder: Path
    n_frames: int
    n_chunks: int
    n_steps: int
    n_restarts: int
    n_quarantined: int
    n_failures: int
    model_version: int
    core_seconds: float
    coordinator_s: float
    wall_s: float
