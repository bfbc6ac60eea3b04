"""What travels between a study of replicas and its workers, and what is kept of a point."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pydantic import BaseModel, ConfigDict, Field


class _Plain(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


class ReplicaTerms(_Plain):
    """Whose replicas are done, and where.

    Attributes
    ----------
    workload : str
    settings : mapping of str to value
        The workload's.
    seed : int
    device, precision : str
        As asked for.
    """

    workload: str
    settings: Mapping[str, Any]
    seed: int
    device: str
    precision: str


class DoneReplica(_Plain):
    """A replica as its worker says it.

    Attributes
    ----------
    number : int
    items : int
    answer : float or None
        Null where it is not finite.
    began_s, ended_s : float
        On the clock of the machine, which all workers share.
    """

    number: int
    items: int
    answer: float | None
    began_s: float
    ended_s: float


class Round(_Plain):
    """Replicas that were done side by side.

    Attributes
    ----------
    span_s : float
        From the first that began until the last that ended.
    busy_s : float
        Of all of them together.
    items : int
    """

    span_s: float = Field(gt=0)
    busy_s: float
    items: int


class ReplicasRecord(_Plain):
    """What a number of workers did.

    Attributes
    ----------
    rounds : tuple of Round
    answers : tuple of float or None
        Of each replica, by number; null where one differs between rounds or is not finite.
    workers_per_core : int
        How many had to share a core.
    """

    rounds: tuple[Round, ...] = Field(min_length=1)
    answers: tuple[float | None, ...]
    workers_per_core: int
