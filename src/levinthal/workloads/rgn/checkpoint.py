"""Weights and the state of training on disk: safetensors with a JSON header, written whole or not at all.

Nothing in a file is executed. Dropout and the order of examples depend on (seed, step) alone, so that a checkpoint
needs no state of a random generator.
"""

from __future__ import annotations

import json
import math
import os
import zlib
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor, nn

from levinthal.errors import DataError, UsageError
from levinthal.workloads.rgn.config import RGNConfig
from levinthal.workloads.rgn.history import Step, Validation, steps_as_rows, steps_from_rows
from levinthal.workloads.rgn.model import RGNModel

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
_WHAT_TO_DO = "it is damaged or no file of Levinthal's: use another, or train again"


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
    _write(folder / CHECKPOINT, tensors, _TRAINING_FORMAT, about)


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
    tensors, about = _read(path, _TRAINING_FORMAT)
    try:
        return Checkpoint(
            fingerprint=dict(about["fingerprint"]),
            epoch=int(about["epoch"]),
            next_batch=int(about["next_batch"]),
            elapsed_s=float(about["elapsed_s"]),
            n_updates=int(about["n_updates"]),
            steps=tuple(steps_from_rows(tensors["steps"].numpy())),
            validations=tuple(Validation(**each) for each in about["validations"]),
            weights=_below("weights/", tensors),
            moments=_below("moments/", tensors),
        )
    except (KeyError, TypeError, ValueError):
        raise DataError(f"{path} lacks parts of a checkpoint: {_WHAT_TO_DO}") from None


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
    _write(Path(path), model.state_dict(), _WEIGHTS_FORMAT, about)


def load_weights(path: str | Path, *, device: str | torch.device = "cpu") -> tuple[RGNModel, Provenance]:
    """Read what `save_weights` wrote, on whatever device it was trained.

    Raises
    ------
    DataError
        The file is missing, damaged, of another kind, or holds numbers that are not finite.
    """
    path = Path(path)
    tensors, about = _read(path, _WEIGHTS_FORMAT)
    try:
        config = RGNConfig.from_dict(about["architecture"])
        provenance = Provenance(**about["provenance"])
        # before anything of the size is made that a damaged header asks for
        if config.n_parameters != sum(tensor.numel() for tensor in tensors.values()):
            raise ValueError
        model = RGNModel(config)
        model.load_state_dict(tensors)
    except (KeyError, TypeError, ValueError, RuntimeError, UsageError):
        raise DataError(f"{path} holds no weights of the architecture it names: {_WHAT_TO_DO}") from None
    if not all(bool(torch.isfinite(tensor).all()) for tensor in tensors.values()):
        raise DataError(f"weights {path} are not finite: train again with a lower learning rate")
    return model.to(device).eval(), provenance


def _below(prefix: str, tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    return {name.removeprefix(prefix): tensor for name, tensor in tensors.items() if name.startswith(prefix)}


def _write(path: Path, tensors: Mapping[str, Tensor], form: str, about: Mapping[str, Any]) -> None:
    # a copy, since safetensors refuses tensors that share memory
    copies = {name: tensor.detach().to("cpu", copy=True).contiguous() for name, tensor in tensors.items()}
    metadata = {"format": form, "about": json.dumps(about), "crc32": _crc32(copies)}
    partial = path.with_name(path.name + ".partial")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        save_file(copies, partial, metadata)
        with partial.open("rb") as file:
            os.fsync(file.fileno())
        partial.replace(path)
    except (OSError, SafetensorError) as error:
        with suppress(OSError):
            partial.unlink(missing_ok=True)
        raise DataError(f"{path} cannot be written: {error}: choose a folder with space that is yours") from None


def _read(path: Path, form: str) -> tuple[dict[str, Tensor], dict[str, Any]]:
    try:
        with safe_open(path, framework="pt", device="cpu") as file:
            metadata = file.metadata() or {}
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 - not a mapping
    except FileNotFoundError:
        raise DataError(f"{path} does not exist: name a file that training wrote") from None
    except (OSError, SafetensorError) as error:
        raise DataError(f"{path} cannot be read ({error}): {_WHAT_TO_DO}") from None
    if metadata.get("format") != form:
        raise DataError(f"{path} is of format {metadata.get('format')!r}, expected {form!r}: {_WHAT_TO_DO}")
    if metadata.get("crc32") != _crc32(tensors):
        raise DataError(f"{path} does not hold what was written to it: {_WHAT_TO_DO}")
    try:
        about = json.loads(metadata["about"])
    except (KeyError, ValueError):
        raise DataError(f"{path} has no readable description: {_WHAT_TO_DO}") from None
    if not isinstance(about, dict):
        raise DataError(f"{path} has no readable description: {_WHAT_TO_DO}")
    return tensors, about


def _crc32(tensors: Mapping[str, Tensor]) -> str:
    checksum = 0
    for name in sorted(tensors):
        checksum = zlib.crc32(name.encode(), checksum)
        checksum = zlib.crc32(tensors[name].reshape(-1).view(torch.uint8).numpy().data, checksum)
    return f"{checksum:08x}"
