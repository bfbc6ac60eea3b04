"""Weights on disk with the architecture they are of and where they come from; nothing in a file is executed."""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass
from pathlib import Path

import torch

from levinthal.errors import DataError
from levinthal.files.reading import refused
from levinthal.workloads.rgn.model.config import RGNConfig
from levinthal.workloads.rgn.model.network import RGNModel
from levinthal.workloads.rgn.training.history import History
from levinthal.workloads.training.tensor_file import DAMAGED, read_tensors, write_tensors

_FORMAT = "levinthal.rgn.weights/1"


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

    @property
    def is_real(self) -> bool:
        """Whether the weights have learned from real proteins."""
        return self.steps > 0 and self.label not in ("untrained", "synthetic")

    @classmethod
    def of(cls, history: History, label: str) -> Provenance:
        """Return what a training on data of that label reached."""
        held_out = history.validations[-1].drmsd_nm if history.validations else None
        return cls(label, len(history.steps), history.recent_loss_nm, held_out)


def save_weights(path: str | Path, model: RGNModel, provenance: Provenance) -> None:
    """Write weights, architecture and provenance to one file, to predict with on any machine.

    Raises
    ------
    WriteError
        The file cannot be written.
    """
    # JSON has no NaN, and null says the same
    origin = {k: None if isinstance(v, float) and not math.isfinite(v) else v for k, v in asdict(provenance).items()}
    about = {"architecture": model.config.to_dict(), "provenance": origin}
    write_tensors(Path(path), model.state_dict(), _FORMAT, about)


def load_weights(path: str | Path, *, device: str | torch.device = "cpu") -> tuple[RGNModel, Provenance]:
    """Read what `save_weights` wrote, on whatever device it was trained.

    Raises
    ------
    DataError
        The file is missing, damaged, of another kind, or holds numbers that are not finite.
    """
    path = Path(path)
    tensors, about = read_tensors(path, _FORMAT)
    with refused(DataError, path, "holds no weights of the architecture it names", DAMAGED):
        config = RGNConfig.from_dict(about["architecture"])
        provenance = Provenance(**about["provenance"])
        # before anything of the size is made that a damaged header asks for
        n_numbers = sum(tensor.numel() for tensor in tensors.values())
        if config.n_layers > len(tensors) or config.n_parameters != n_numbers:
            raise ValueError("they are of another size")
        model = RGNModel(config)
        model.load_state_dict(tensors)
    if not all(bool(torch.isfinite(tensor).all()) for tensor in tensors.values()):
        raise DataError(f"weights {path} are not finite: train again with a lower learning rate")
    return model.to(device).eval(), provenance
