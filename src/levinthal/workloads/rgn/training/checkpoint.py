"""Weights and the state of training on disk: safetensors with a JSON header, written whole or not at all.

Nothing in a file is executed. Dropout and the order of examples depend on (seed, step) alone, so that a checkpoint
needs no state of a random generator.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from levinthal.errors import DataError, UsageError
from levinthal.workloads.rgn.model.config import RGNConfig
from levinthal.workloads.rgn.model.network import RGNModel
from levinthal.workloads.rgn.training.history import Step, Validation, steps_as_rows, steps_from_rows
from levinthal.workloads.training.tensor_file import DAMAGED, below, read_tensors, write_tensors

__all__ = [
    "CHECKPOINT",
    "Checkpoint",
    "Provenance",
    "has_checkpoint",
    "load_checkpoint",
    "load_weights",
    "save_checkpoint",
    "save_weights",
]

CHECKPOINT = "training.safetensors"
"""File in the checkpoint folder that holds the state of training."""

_WEIGHTS_FORMAT = "levinthal.rgn.weights/1"
_TRAINING_FORMAT = "levinthal.rgn.training/1"


@dataclass(frozen=True)
class Provenance:
    """Where weights come from, so that nobody takes a prediction for more than it is.

    Attributes
    ----------
    label : str
        "untrained", "synthetic" or "proteinnet": what the weights were trained on; or another word.
    steps : int
        Optimiser steps taken.
    training_drmsd_nm, validation_drmsd_nm : float or None
        What training reached on its own examples, and on held-out ones; null where it is not known.
    """

    label: str = "untrained"
    steps: int = 0
    training_drmsd_nm: float | None = None
    validation_drmsd_nm: float | None = None


@dataclass(frozen=True, eq=False)
class Checkpoint:
    """All that training needs to go on.

    Attributes
    ----------
    fingerprint : mapping
        Settings and data that must be the same to go on.
    epoch, next_batch : int
        Position in the order of examples.
    elapsed_s : float
        Seconds of training so far.
    n_updates : int
        Updates of the optimiser so far.
    steps, validations : tuple
        What has happened.
    weights, moments : mapping of str to Tensor
        Of the model and of the optimiser.
    """

    fingerprint: Mapping[str, Any]
    epoch: int
    next_batch: int
    elapsed_s: float
    n_updates: int
    steps: tuple[Step, ...]
    validations: tuple[Validation, ...]
    weights: Mapping[str, Tensor]
    moments: Mapping[str, Tensor]

    def restore(self, model: nn.Module, folder: Path) -> None:
        """Give the model its weights back.

        Raises
        ------
        DataError
            They are of another architecture.
        """
        try:
            model.load_state_dict(self.weights)
        except RuntimeError:
            raise DataError(f"the checkpoint in {folder} is of another model: use its settings or start anew") from None


def save_checkpoint(folder: Path, checkpoint: Checkpoint) -> None:
    """Write the state of training to a folder, which is made if need be; a reader sees the old state or the new one.

    Raises
    ------
    DataError
        The folder cannot be written to.
    """
    tensors = {f"weights/{name}": tensor for name, tensor in checkpoint.weights.items()}
    tensors |= {f"moments/{name}": tensor for name, tensor in checkpoint.moments.items()}
    tensors["steps"] = torch.from_numpy(steps_as_rows(checkpoint.steps))
    about = {
        "fingerprint": dict(checkpoint.fingerprint),
        "epoch": checkpoint.epoch,
        "next_batch": checkpoint.next_batch,
        "elapsed_s": checkpoint.elapsed_s,
        "n_updates": checkpoint.n_updates,
        "validations": [asdict(validation) for validation in checkpoint.validations],
    }
    write_tensors(folder / CHECKPOINT, tensors, _TRAINING_FORMAT, about)


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
    tensors, about = read_tensors(path, _TRAINING_FORMAT)
    try:
        return Checkpoint(
            fingerprint=dict(about["fingerprint"]),
            epoch=int(about["epoch"]),
            next_batch=int(about["next_batch"]),
            elapsed_s=float(about["elapsed_s"]),
            n_updates=int(about["n_updates"]),
            steps=tuple(steps_from_rows(tensors["steps"].numpy())),
            validations=tuple(Validation(**each) for each in about["validations"]),
            weights=below("weights/", tensors),
            moments=below("moments/", tensors),
        )
    except (KeyError, TypeError, ValueError):
        raise DataError(f"{path} lacks parts of a checkpoint: {DAMAGED}") from None


def save_weights(path: str | Path, model: RGNModel, provenance: Provenance) -> None:
    """Write weights, architecture and provenance to one file, to predict with on any machine.

    Raises
    ------
    DataError
        The file cannot be written.
    """
    # JSON has no NaN, and null says the same
    origin = {k: None if isinstance(v, float) and not math.isfinite(v) else v for k, v in asdict(provenance).items()}
    about = {"architecture": model.config.to_dict(), "provenance": origin}
    write_tensors(Path(path), model.state_dict(), _WEIGHTS_FORMAT, about)


def load_weights(path: str | Path, *, device: str | torch.device = "cpu") -> tuple[RGNModel, Provenance]:
    """Read what `save_weights` wrote, on whatever device it was trained.

    Raises
    ------
    DataError
        The file is missing, damaged, of another kind, or holds numbers that are not finite.
    """
    path = Path(path)
    tensors, about = read_tensors(path, _WEIGHTS_FORMAT)
    try:
        config = RGNConfig.from_dict(about["architecture"])
        provenance = Provenance(**about["provenance"])
        # before anything of the size is made that a damaged header asks for
        if config.n_parameters != sum(tensor.numel() for tensor in tensors.values()):
            raise ValueError
        model = RGNModel(config)
        model.load_state_dict(tensors)
    except (KeyError, TypeError, ValueError, RuntimeError, UsageError):
        raise DataError(f"{path} holds no weights of the architecture it names: {DAMAGED}") from None
    if not all(bool(torch.isfinite(tensor).all()) for tensor in tensors.values()):
        raise DataError(f"weights {path} are not finite: train again with a lower learning rate")
    return model.to(device).eval(), provenance
