"""The state of a training on disk: killed at any step, it goes on as if it had never stopped.

Whatever is random depends on (seed, step) alone, so that no state of a random generator is kept. A training writes its
own `Progress`, a dataclass, beside weights and moments; `Form` says how that becomes plain data and back.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Generic, TypeVar

from torch import Tensor, nn

from levinthal.errors import DataError
from levinthal.files.reading import refused
from levinthal.workloads.training.tensor_file import DAMAGED, below, read_tensors, write_tensors

CHECKPOINT = "training.safetensors"
"""File in the checkpoint folder that holds the state of training."""

P = TypeVar("P")


class ForeignCheckpointError(DataError):
    """A checkpoint is whole, but of another training."""


@dataclass(frozen=True)
class Keeping:
    """Where a training keeps its state, and whether it goes on from there.

    Attributes
    ----------
    folder : Path
        Made if need be; the state is one file in it that is replaced.
    resume : bool
        Go on from the state in the folder, if there is one; in deterministic mode the losses are then those of training
        that was never interrupted, to the last digit.
    """

    folder: Path
    resume: bool = False


@dataclass(frozen=True, eq=False)
class Checkpoint(Generic[P]):
    """All that a training needs to go on.

    Attributes
    ----------
    fingerprint : mapping
        Settings and data that must be the same to go on, as plain data.
    progress : P
        How far it is and what has happened.
    weights, moments : mapping of str to Tensor
        Of the model and of the optimiser.
    """

    fingerprint: Mapping[str, Any]
    progress: P
    weights: Mapping[str, Tensor]
    moments: Mapping[str, Tensor]


@dataclass(frozen=True)
class Form(Generic[P]):
    """How the checkpoints of one kind of training are written.

    Attributes
    ----------
    name : str
        And version, for example "levinthal.cvae.training/1".
    pack : callable
        From progress to plain data that JSON holds, and tensors by name.
    unpack : callable
        And back; KeyError, TypeError and ValueError say that something is missing or wrong.
    """

    name: str
    pack: Callable[[P], tuple[Mapping[str, Any], Mapping[str, Tensor]]]
    unpack: Callable[[Mapping[str, Any], Mapping[str, Tensor]], P]


def save_checkpoint(folder: Path, form: Form[P], checkpoint: Checkpoint[P]) -> None:
    """Write the state of a training to a folder, which is made if need be; a reader sees the old state or the new one.

    Raises
    ------
    WriteError
        The folder cannot be written to.
    """
    plain, tensors = form.pack(checkpoint.progress)
    tensors = {
        **{f"weights/{name}": tensor for name, tensor in checkpoint.weights.items()},
        **{f"moments/{name}": tensor for name, tensor in checkpoint.moments.items()},
        **tensors,
    }
    write_tensors(folder / CHECKPOINT, tensors, form.name, {"fingerprint": dict(checkpoint.fingerprint), **plain})


def load_checkpoint(folder: Path, form: Form[P]) -> Checkpoint[P]:
    """Read what `save_checkpoint` wrote.

    Raises
    ------
    DataError
        The file is missing, damaged or of another kind.
    """
    path = folder / CHECKPOINT
    tensors, about = read_tensors(path, form.name)
    with refused(DataError, path, "lacks parts of a checkpoint", DAMAGED):
        return Checkpoint(
            dict(about["fingerprint"]),
            form.unpack(about, tensors),
            below("weights/", tensors),
            below("moments/", tensors),
        )


def resume(folder: Path, form: Form[P], fingerprint: Mapping[str, Any], model: nn.Module) -> Checkpoint[P] | None:
    """Give a model the weights of the checkpoint in a folder and return it; None where there is none.

    Raises
    ------
    DataError
        The checkpoint is damaged or (`ForeignCheckpointError`) of another training: its fingerprint differs in one of
        the keys asked for, or its weights fit another model.
    """
    if not (folder / CHECKPOINT).is_file():
        return None
    kept = load_checkpoint(folder, form)
    for name, value in fingerprint.items():
        if kept.fingerprint.get(name) != value:
            raise ForeignCheckpointError(
                f"the checkpoint in {folder} is of another training ({name} is {kept.fingerprint.get(name)}, not "
                f"{value}): use another folder, or do not resume"
            )
    try:
        model.load_state_dict(kept.weights)
    except RuntimeError:
        raise ForeignCheckpointError(
            f"the checkpoint in {folder} is of another model: use its settings, or do not resume"
        ) from None
    return kept
