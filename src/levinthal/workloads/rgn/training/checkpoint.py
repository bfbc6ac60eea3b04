"""What a training of the RGN keeps beside weights and moments."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

import torch
from torch import Tensor

from levinthal.workloads.rgn.training.history import Step, Validation, steps_as_rows, steps_from_rows
from levinthal.workloads.training.checkpoint import Form


@dataclass(frozen=True)
class Progress:
    """How far a training is.

    Attributes
    ----------
    epoch, next_batch : int
        Position in the order of examples.
    elapsed_s : float
        Seconds of training so far.
    n_updates : int
        Updates of the optimiser so far.
    steps, validations : tuple
        What has happened.
    """

    epoch: int
    next_batch: int
    elapsed_s: float
    n_updates: int
    steps: tuple[Step, ...]
    validations: tuple[Validation, ...]


def _pack(progress: Progress) -> tuple[dict[str, Any], dict[str, Tensor]]:
    plain = {
        "epoch": progress.epoch,
        "next_batch": progress.next_batch,
        "elapsed_s": progress.elapsed_s,
        "n_updates": progress.n_updates,
        "validations": [asdict(validation) for validation in progress.validations],
    }
    return plain, {"steps": torch.from_numpy(steps_as_rows(progress.steps))}


def _unpack(about: Mapping[str, Any], tensors: Mapping[str, Tensor]) -> Progress:
    return Progress(
        epoch=int(about["epoch"]),
        next_batch=int(about["next_batch"]),
        elapsed_s=float(about["elapsed_s"]),
        n_updates=int(about["n_updates"]),
        steps=tuple(steps_from_rows(tensors["steps"].numpy())),
        validations=tuple(Validation(**each) for each in about["validations"]),
    )


FORM = Form("levinthal.rgn.training/1", _pack, _unpack)
