"""What a scaling study varies, and the names of what it measures: plain data that results, reports and ranks share."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Annotated, Literal, NamedTuple

from pydantic import BaseModel, ConfigDict, Field

__all__ = [
    "COMMUNICATION",
    "COMPUTE",
    "EFFICIENCY",
    "EPOCH_TIME",
    "FIGURES",
    "LOADING",
    "RATE",
    "SPEED_UP",
    "Mode",
    "Point",
    "PointRecord",
    "Scaling",
]

Mode = Literal["strong", "weak"]
Positive = Annotated[int, Field(ge=1)]

EPOCH_TIME, RATE, SPEED_UP, EFFICIENCY = "time per epoch", "training", "speed-up", "parallel efficiency"
COMMUNICATION, LOADING, COMPUTE = "share of communication", "share of data loading", "share of compute"
FIGURES = (EPOCH_TIME, RATE, SPEED_UP, EFFICIENCY, COMMUNICATION, LOADING, COMPUTE)
"""What is measured of each point, as metrics with the labels of the point."""


class Scaling(BaseModel):
    """What a scaling study varies.

    Attributes
    ----------
    mode : {"strong", "weak"}
        Whether a batch size is that of all ranks together, or that of each rank.
    world_sizes : tuple of int
        Numbers of ranks, ascending; the first is the baseline.
    batch_sizes : mapping of str to tuple of int
        For each case of the workload.
    nodes : int
        Nodes that the ranks are dealt out to where there are at least as many ranks.
    seconds : float
        How long the steps of a point are timed at least.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    mode: Mode = "strong"
    world_sizes: tuple[Positive, ...] = Field(min_length=1)
    batch_sizes: Mapping[str, tuple[Positive, ...]]
    nodes: Positive = 1
    seconds: float = Field(default=5.0, gt=0)

    def points(self) -> Iterator[Point]:
        """Yield the points in the order they are measured: those to be compared one after the other."""
        for case, batch_sizes in self.batch_sizes.items():
            for batch_size in batch_sizes:
                for n_ranks in self.world_sizes:
                    yield Point(case, batch_size, n_ranks, self.mode)


class Point(NamedTuple):
    """One training of a study; `batch_size` as `Scaling.mode` means it."""

    case: str
    batch_size: int
    n_ranks: int
    mode: Mode

    @property
    def global_batch_size(self) -> int:
        """Items of a step, over all ranks."""
        return self.batch_size * (self.n_ranks if self.mode == "weak" else 1)

    @property
    def labels(self) -> dict[str, str | int]:
        """What tells its figures from those of other points."""
        return {"case": self.case, "batch size": self.batch_size, "ranks": self.n_ranks}

    @property
    def label(self) -> str:
        """For example "22x22, batch 2048, 2 ranks"."""
        each = " a rank" if self.mode == "weak" else ""
        ranks = "rank" if self.n_ranks == 1 else "ranks"
        return f"{self.case}, batch {self.batch_size}{each}, {self.n_ranks} {ranks}"

    @property
    def stem(self) -> str:
        """A file name."""
        return f"{self.case}-batch{self.batch_size}-ranks{self.n_ranks}"


class PointRecord(BaseModel):
    """What the ranks of a point measured, as the first of them writes it.

    Attributes
    ----------
    n_items : int
        Items of an epoch.
    step_s : tuple of float
        Mean time of a step in each block of steps, of the slowest rank.
    lone_step_s : tuple of float
        The same without the exchange of gradients, in blocks between those; empty for a single rank.
    loading_share : float
        Share of the time that steps waited for data, the mean over the ranks.
    first_losses : tuple of float
        Of the steps before the clock, over the whole batch.
    parameter_spread : float
        Largest difference of a parameter between ranks after these steps.
    execution, device : str
        How and where it was computed.
    ranks_per_core : int
        How many ranks had to share a core; 0 on GPUs.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)

    n_items: int
    step_s: tuple[float, ...] = Field(min_length=1)
    lone_step_s: tuple[float, ...]
    loading_share: float
    first_losses: tuple[float | None, ...]
    parameter_spread: float | None
    execution: str
    device: str
    ranks_per_core: int
