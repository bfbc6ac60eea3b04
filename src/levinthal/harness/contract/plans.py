"""What a workload that can be planned says of its stages: how long each took where it ran."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Protocol, runtime_checkable

from pydantic import Field, model_validator

from levinthal.harness.contract.settings import Settings


class StageTimes(Settings):
    """Measured times of a loop of simulation and learning; a plan is fed with nothing else.

    Where several times are given, each is as likely as any other. Costs that grow are given as pairs: so many frames,
    so many seconds.

    Examples
    --------
    >>> from levinthal.harness import StageTimes
    >>> times = StageTimes(chunk_s="84,86", training_frames="500,1000", training_s="2,4")
    >>> times.training_s
    (2.0, 4.0)
    """

    chunk_s: tuple[float, ...] = Field(
        default=(), description="How long a worker is busy with a chunk of simulation, each chunk that was measured."
    )
    frames_of_chunk: int = Field(default=1, ge=1, description="Frames that a chunk brings.")
    bytes_of_chunk: int = Field(default=0, ge=0, description="What travels to the coordinator with a chunk.")
    dispatch_s: float = Field(default=0.0, ge=0, description="From handing a chunk out to its beginning, unhindered.")
    transfer_s: float = Field(default=0.0, ge=0, description="Way of a chunk to the coordinator, one at a time.")
    decide_s: tuple[float, ...] = Field(
        default=(0.0,), min_length=1, description="Coordinator's time for a chunk without embedding and refreshing."
    )
    embed_frame_s: float = Field(default=0.0, ge=0, description="Coordinator's time to embed a frame.")
    refresh_frames: tuple[int, ...] = Field(default=(), description="Frames at which the policy looked at all of them,")
    refresh_s: tuple[float, ...] = Field(default=(), description="and how long each look took.")
    training_frames: tuple[int, ...] = Field(default=(), description="Frames that a model was trained on,")
    training_s: tuple[float, ...] = Field(default=(), description="and how long each training took.")
    first_training_frames: int = Field(default=500, ge=1, description="The first model is trained on so many frames.")
    training_growth: float = Field(default=1.5, gt=1, description="Trained again at so many times the frames.")
    refresh_growth: float = Field(default=1.1, ge=1, description="Looks again at so many times the frames.")

    @model_validator(mode="after")
    def _pairs_and_signs(self) -> StageTimes:
        for of in ("training", "refresh"):
            frames, seconds = getattr(self, f"{of}_frames"), getattr(self, f"{of}_s")
            if len(frames) != len(seconds):
                raise ValueError(f"{of}_frames has {len(frames)} numbers and {of}_s {len(seconds)}: give pairs")
            if any(n < 1 for n in frames) or len(set(frames)) < len(frames):
                raise ValueError(f"{of}_frames must be numbers from 1 on, each once")
        for name in ("chunk_s", "decide_s", "refresh_s", "training_s"):
            if any(value < 0 for value in getattr(self, name)):
                raise ValueError(f"{name} has a time below 0")
        return self


@runtime_checkable
class Plans(Protocol):
    """A workload whose loop can be planned at other sizes: `levinthal plan` works for it.

    Examples
    --------
    >>> from levinthal.harness import Plans
    >>> from levinthal.harness.contract.registry import load_workload
    >>> isinstance(load_workload("sampling"), Plans), isinstance(load_workload("cvae"), Plans)
    (True, False)
    """

    def stage_times(self, folder: Path) -> Mapping[str, Any]:
        """Return values of `StageTimes` as a run of the workload measured them.

        Parameters
        ----------
        folder : Path
            Of the run.

        Raises
        ------
        LevinthalError
            It did not measure them.
        """
        ...
