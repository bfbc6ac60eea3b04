"""The student's part in scaling studies: labels of a run, and a trainer for each rank."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from types import MappingProxyType

import torch
from torch import Tensor

from levinthal.errors import DataError
from levinthal.harness import Rank, ScalingCase
from levinthal.workloads.potential.learning.labels import read_labels
from levinthal.workloads.potential.learning.training import Trainer, TrainingTask, make_student
from levinthal.workloads.potential.molecule import read_molecule
from levinthal.workloads.potential.settings import PotentialSettings

LABELS = "labels.safetensors"
CASES: Mapping[str, ScalingCase] = MappingProxyType({"first labels": ScalingCase({}, (32, 128))})
"""A single panel: the labels are those that a run begins with."""


class PotentialTrainer:
    """Training steps of one rank; see `levinthal.harness.Trainer`.

    Raises
    ------
    DataError
        There are fewer labels than a batch has structures.
    """

    execution = "fp32 torch"
    loading_s = 0.0

    def __init__(self, rank: Rank, settings: PotentialSettings) -> None:
        labels = read_labels(rank.folder / LABELS)
        self.n_items = len(labels)
        if self.n_items < settings.batch_size:
            raise DataError(f"a batch of {settings.batch_size} of {self.n_items} labels: raise trajectories")
        molecule, seed = read_molecule(settings.molecule, 1, 0), rank.seed % 2**31
        module = make_student(settings.model, molecule, labels, None, seed).to(rank.device)
        task = TrainingTask(
            settings.model, molecule, labels, labels, None, settings.training_steps, settings.batch_size,
            settings.learning_rate, seed, str(rank.device),
        )  # fmt: skip
        self._trainer, self._number, self._n_ranks = Trainer(module, task), 0, rank.n_ranks

    def step(self, *, synchronise: bool = True) -> Tensor:
        """Take a step; the losses of the ranks add up to that of the batch."""
        self._number += 1
        return torch.tensor(self._trainer.step(self._number - 1, synchronise=synchronise))

    def parameters(self) -> Iterable[Tensor]:
        """Return the student's parameters."""
        parameters: Iterable[Tensor] = self._trainer.module.parameters()
        return parameters

    def close(self) -> None:
        """Nothing works in the background."""
