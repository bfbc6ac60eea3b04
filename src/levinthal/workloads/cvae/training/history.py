"""What happened in a training, as plain data."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from levinthal.workloads.cvae.inference import Evaluation
from levinthal.workloads.cvae.model.precision import Execution


@dataclass(frozen=True)
class Epoch:
    """One pass over the training frames (the last may be shorter).

    Attributes
    ----------
    steps, frames : int
        Optimiser steps and frames trained on, since the start of training.
    train : Evaluation
        Mean over the steps of this epoch, while the weights moved.
    validation : Evaluation or None
        After the epoch, on all validation frames.
    train_s, validation_s : float
        Seconds of each in this epoch.
    loading_s : float
        How much of `train_s` was waiting for batches.
    """

    steps: int
    frames: int
    train: Evaluation
    validation: Evaluation | None
    train_s: float
    validation_s: float
    loading_s: float = 0.0

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Epoch:
        """Build from what `dataclasses.asdict` gave; a key that is missing or unknown is a TypeError."""
        losses = {
            name: None if data[name] is None else Evaluation(**{key: float(v) for key, v in data[name].items()})
            for name in ("train", "validation")
        }
        return cls(**{**data, **losses})


@dataclass(frozen=True)
class History:
    """What happened in training, and how it was computed.

    Attributes
    ----------
    execution : Execution
    epochs : tuple of Epoch
    resumed_at : int
        Steps that an earlier process had taken; 0 where training was not resumed.
    best_epoch : int or None
        The epoch, counted from 1, whose weights were kept; None where those of the last were.
    """

    execution: Execution
    epochs: tuple[Epoch, ...] = field(default=())
    resumed_at: int = 0
    best_epoch: int | None = None

    @property
    def frames_per_s(self) -> float:
        """Training frames a second over all epochs, without validation."""
        return self.epochs[-1].frames / sum(epoch.train_s for epoch in self.epochs)

    @property
    def loading_share(self) -> float:
        """Share of the training time that was waiting for batches."""
        return sum(epoch.loading_s for epoch in self.epochs) / sum(epoch.train_s for epoch in self.epochs)
