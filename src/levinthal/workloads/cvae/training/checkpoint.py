"""The state of a training on disk: killed at any step, it goes on as if it had never stopped.

Order of frames, noise and dropout depend on (seed, step) alone, so that no state of a random generator is kept.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from torch import Tensor

from levinthal.errors import DataError
from levinthal.workloads.cvae.training.history import Epoch
from levinthal.workloads.training.tensor_file import DAMAGED, below, read_tensors, write_tensors

__all__ = ["CHECKPOINT", "Checkpoint", "ForeignCheckpointError", "has_checkpoint", "load_checkpoint", "save_checkpoint"]

CHECKPOINT = "training.safetensors"
"""File in the checkpoint folder that holds the state of training."""

_FORMAT = "levinthal.cvae.training/1"


class ForeignCheckpointError(DataError):
    """A checkpoint is whole, but of another training."""


@dataclass(frozen=True, eq=False)
class Checkpoint:
    """All that training needs to go on.

    Attributes
    ----------
    fingerprint : mapping
        Settings and data that must be the same to go on.
    steps : int
        Optimiser steps taken.
    sums : tuple of float
        Total, reconstruction and KL, summed over the steps of the epoch under way.
    train_s : float
        Seconds of the epoch under way.
    epochs : tuple of Epoch
        Those that are complete.
    weights : mapping of str to Tensor
    moments : sequence of Tensor
        Of the optimiser, in the order of the model's parameters.
    """

    fingerprint: Mapping[str, Any]
    steps: int
    sums: tuple[float, float, float]
    train_s: float
    epochs: tuple[Epoch, ...]
    weights: Mapping[str, Tensor]
    moments: tuple[Tensor, ...]


def save_checkpoint(folder: Path, checkpoint: Checkpoint) -> None:
    """Write the state to a folder, which is made if need be; a reader sees the old state or the new one.

    Raises
    ------
    DataError
        The folder cannot be written to.
    """
    tensors = {f"weights/{name}": tensor for name, tensor in checkpoint.weights.items()}
    tensors |= {f"moments/{number}": tensor for number, tensor in enumerate(checkpoint.moments)}
    about = {
        "fingerprint": dict(checkpoint.fingerprint),
        "steps": checkpoint.steps,
        "sums": list(checkpoint.sums),
        "train_s": checkpoint.train_s,
        "epochs": [asdict(epoch) for epoch in checkpoint.epochs],
    }
    write_tensors(folder / CHECKPOINT, tensors, _FORMAT, about)


def has_checkpoint(folder: Path) -> bool:
    """Return whether there is something in the folder to go on from."""
    return (folder / CHECKPOINT).is_file()


def load_checkpoint(folder: Path) -> Checkpoint:
    """Read what `save_checkpoint` wrote.

    Raises
    ------
    DataError
        The file is missing, damaged or of another kind.
    """
    path = folder / CHECKPOINT
    tensors, about = read_tensors(path, _FORMAT)
    try:
        total, reconstruction, kl = (float(each) for each in about["sums"])
        moments = below("moments/", tensors)
        return Checkpoint(
            fingerprint=dict(about["fingerprint"]),
            steps=int(about["steps"]),
            sums=(total, reconstruction, kl),
            train_s=float(about["train_s"]),
            epochs=tuple(Epoch.from_dict(each) for each in about["epochs"]),
            weights=below("weights/", tensors),
            moments=tuple(moments[str(number)] for number in range(len(moments))),
        )
    except (KeyError, TypeError, ValueError):
        raise DataError(f"{path} lacks parts of a checkpoint: {DAMAGED}") from None
