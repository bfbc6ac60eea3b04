"""What the ranks of one point of a scaling study measured, as the first of them writes it."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, Field


class PointRecord(BaseModel):
    """What the ranks of a point measured.

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
