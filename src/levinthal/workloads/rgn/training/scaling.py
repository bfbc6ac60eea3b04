"""The RGN's part in scaling studies: the records of a run, and a trainer for each rank."""

from __future__ import annotations

import json
from collections.abc import Iterable
from types import MappingProxyType

import torch
from torch import Tensor

from levinthal.errors import DataError
from levinthal.files.writing import write_whole
from levinthal.harness import Choice, Rank, Run, ScalingCase
from levinthal.harness.results.store import read_json
from levinthal.kernels.choice import kernels_allowed
from levinthal.proteins.records.cache import RecordCache
from levinthal.workloads.rgn.data.corpus import Corpus
from levinthal.workloads.rgn.data.proteins import ProteinSet
from levinthal.workloads.rgn.model.network import RGNModel
from levinthal.workloads.rgn.training.settings import TrainingSettings
from levinthal.workloads.rgn.training.stepper import Stepper, precision_on

CASES = MappingProxyType({"families": ScalingCase({}, (16, 64))})
"""A single panel: the size of a problem lies in the records, which are those of the settings."""

_RECORDS = "training_records.json"


def store_records(run: Run, corpus: Corpus) -> None:
    """Leave in `run.folder` where the training records are."""
    about = {"path": str(corpus.train.path), "label": corpus.origin.label}
    write_whole(run.folder / _RECORDS, json.dumps(about) + "\n")


def choice_of_execution(rank: Rank) -> Choice:
    """Return precision and implementation, which follow from the device and from what was asked for."""
    compiled = kernels_allowed() and rank.device.type == "cpu"
    precision = precision_on(rank.device, rank.precision)
    return Choice(taken={"precision": precision, "implementation": "kernels" if compiled else "torch"})


class RGNTrainer:
    """Training steps of one rank; see `levinthal.harness.Trainer`.

    Parameters
    ----------
    rank : Rank
    model : RGNModel
    settings : TrainingSettings
        The batch size is over all ranks.
    max_length : int
        Longer records are left out.

    Raises
    ------
    DataError
        There are fewer records than a batch has proteins.
    """

    def __init__(self, rank: Rank, model: RGNModel, settings: TrainingSettings, max_length: int) -> None:
        about = read_json(rank.folder / _RECORDS)
        train_set = ProteinSet.from_cache(RecordCache(about["path"]), label=about["label"], max_length=max_length)
        self.n_items = len(train_set)
        if self.n_items < settings.batch_size:
            raise DataError(f"a batch of {settings.batch_size} of {self.n_items} proteins: choose a smaller batch")
        self._stepper = Stepper(model.to(rank.device), train_set, settings)
        self._n_ranks = rank.n_ranks
        self.execution = f"{self._stepper.precision} {rank.choice['implementation']}"

    @property
    def loading_s(self) -> float:
        """How long steps have spent on making batches so far."""
        return self._stepper.loading_s

    def step(self, *, synchronise: bool = True) -> Tensor:
        """Take a step; the loss is known for the whole batch, and this rank's part of it is an equal one."""
        return torch.tensor(self._stepper.step(synchronise=synchronise).loss_nm / self._n_ranks)

    def parameters(self) -> Iterable[Tensor]:
        """Return the model's parameters."""
        return self._stepper.model.parameters()

    def close(self) -> None:
        """Nothing works in the background."""
