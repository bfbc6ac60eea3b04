"""Optimiser steps on batches of proteins, by one process or shared by the ranks of a process group.

The loss of a batch is sum(L_eff dRMSD) / sum(L_eff), L_eff being a protein's resolved residues (AlQuraishi 2019).
Losses and gradients are those of the whole batch, whatever the number of ranks. What a step does depends on
(seed, step) alone, so that training that was killed goes on at any step.
"""

from __future__ import annotations

import math
import time
from contextlib import nullcontext
from typing import Literal

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn

from levinthal.errors import DataError, UsageError
from levinthal.harness.contract.seeds import seed_of
from levinthal.proteins.geometry.distance_rmsd import distance_rmsd
from levinthal.workloads.rgn.data.batches import Batch, make_batch, plan_epoch, share_of_rank
from levinthal.workloads.rgn.data.proteins import ProteinSet
from levinthal.workloads.rgn.model.network import Prediction, RGNModel
from levinthal.workloads.rgn.training.curriculum import torsion_distance, window_drmsd_nm
from levinthal.workloads.rgn.training.history import Step
from levinthal.workloads.rgn.training.optimiser import Adam, Update
from levinthal.workloads.rgn.training.settings import TrainingSettings
from levinthal.workloads.rgn.training.validation import device_of, predicted
from levinthal.workloads.training.process_group import rank_and_size, sum_over_ranks

_MOST_SKIPPED = 50


class Stepper:
    """Draws batches and takes optimiser steps; validates and keeps nothing.

    Parameters
    ----------
    model : RGNModel
        Trained in place, on the device it is on. The ranks of a process group begin with the weights of the first.
    train_set : ProteinSet
    settings : TrainingSettings

    Attributes
    ----------
    precision : {"fp32", "bf16"}
        Of the layers.
    taken : int
        Steps taken so far.
    epoch, next_batch : int
        Position in the order of examples.
    loading_s : float
        How long making batches took so far.
    """

    def __init__(self, model: RGNModel, train_set: ProteinSet, settings: TrainingSettings) -> None:
        self.model, self.train_set, self.settings = model, train_set, settings
        self.device = device_of(model)
        self.precision = precision_on(self.device, settings.precision)
        self.rank, self.n_ranks = rank_and_size()
        self.adam = Adam(model.named_parameters(), settings.optimiser)
        self.taken, self.epoch, self.next_batch = 0, 0, 0
        self.loading_s = 0.0
        self._skipped_on_end = 0
        self._planned: tuple[int, list[npt.NDArray[np.int64]]] | None = None
        self.network: nn.Module = model
        if self.n_ranks > 1:
            # also makes all ranks start from the weights of the first
            self.network = nn.parallel.DistributedDataParallel(model, gradient_as_bucket_view=True)

    def step(self, *, synchronise: bool = True) -> Step:
        """Take the next step, in the epoch under way or the next one.

        Parameters
        ----------
        synchronise : bool
            False leaves the gradients of the other ranks out: a step to measure communication by, not to train with.

        Raises
        ------
        DataError
            Gradients were not finite for 50 steps on end.
        """
        if self._planned is None or self._planned[0] != self.epoch:
            self._planned = self.epoch, self._plan()
        plan = self._planned[1]
        alone = self.n_ranks > 1 and not synchronise
        with self.network.no_sync() if alone else nullcontext():  # type: ignore[operator]
            step = self._step(plan[self.next_batch])
        self.next_batch += 1
        if self.next_batch == len(plan):
            self.epoch, self.next_batch = self.epoch + 1, 0
        return step

    def _plan(self) -> list[npt.NDArray[np.int64]]:
        return plan_epoch(
            self.train_set.lengths,
            self.settings.batch_size,
            seed=self.settings.seed,
            epoch=self.epoch,
            max_padded_residues=self.settings.max_padded_residues,
        )

    def _step(self, indices: npt.NDArray[np.int64]) -> Step:
        start_s = time.perf_counter()
        number = self.taken + 1
        share, n_counted = share_of_rank(indices, self.rank, self.n_ranks)
        batch = make_batch(self.train_set, share, n_counted=n_counted)
        self.loading_s += time.perf_counter() - start_s
        sizes = self.train_set.lengths[indices]
        padded = batch.padded_residues
        batch = batch.to(self.device)
        # dropout depends on (seed, step, rank) alone: there is no state of a generator to keep
        torch.manual_seed(seed_of(self.settings.seed, number, self.rank))
        self.network.train()
        self.adam.zero_grad()
        window = 0
        if (course := self.settings.curriculum) is not None:
            window = course.window(self._progress(), int(self.train_set.lengths.max()))
        prediction = predicted(self.network, batch, self.precision)
        drmsd_nm, weights = self._losses(prediction, batch, window)
        weighted = (weights * drmsd_nm).sum()
        torsions, n_torsions, torsion_weight_nm = self._torsions(prediction, batch)
        sums = torch.stack(
            [weighted.detach(), weights.sum(), drmsd_nm.new_tensor(padded), n_torsions.to(drmsd_nm.dtype)]
        ).double()
        total, weight, padded_residues, n_known = sum_over_ranks(sums, self.device).tolist()
        if weight > 0:
            objective_nm = weighted / weight
            if n_known > 0:
                objective_nm = objective_nm + torsion_weight_nm * torsions / n_known
            # the process group averages gradients over ranks: times n_ranks that is the mean over the batch
            (objective_nm * self.n_ranks).backward()
            update = self.adam.step(self.settings.optimiser.learning_rate_at(self._progress()))
            loss_nm = total / weight
        else:
            update, loss_nm = Update(math.nan, clipped=False, skipped=True), math.nan
        if self.device.type == "cuda":
            torch.cuda.synchronize(self.device)
        duration_s = time.perf_counter() - start_s
        step = Step(number, loss_nm, window, duration_s, int(sizes.sum()), int(padded_residues), *update)
        self.taken = number
        self._check_finite(step)
        return step

    def _torsions(self, prediction: Prediction, batch: Batch) -> tuple[Tensor, Tensor, float]:
        """Return the torsion distance of the batch, of how many residues, and what it counts now."""
        course = self.settings.curriculum
        weight_nm = 0.0 if course is None else course.torsions_nm(self._progress())
        if weight_nm == 0.0:
            nothing = prediction.dihedrals_rad.new_zeros(())
            return nothing, nothing, 0.0
        distance, n_residues = torsion_distance(prediction.dihedrals_rad, batch.backbone_nm, batch.mask)
        counted = batch.weights > 0
        return (distance * counted).sum(), (n_residues * counted).sum(), weight_nm

    def _losses(self, prediction: Prediction, batch: Batch, window: int) -> tuple[Tensor, Tensor]:
        """Return dRMSD and weight of each protein, or of each stretch of each."""
        ca_nm = prediction.atoms_nm[:, :, 1].contiguous()
        if window == 0:
            return distance_rmsd(ca_nm, batch.ca_nm, batch.mask), batch.weights
        drmsd_nm, weights = window_drmsd_nm(ca_nm, batch.ca_nm, batch.mask, batch.lengths, window)
        return drmsd_nm, weights * (batch.weights > 0)[:, None]

    def _check_finite(self, step: Step) -> None:
        self._skipped_on_end = self._skipped_on_end + 1 if step.skipped else 0
        if self._skipped_on_end >= _MOST_SKIPPED:
            raise DataError(
                f"gradients were not finite for {_MOST_SKIPPED} steps up to step {step.step}: lower learning_rate, set "
                "clip_norm_pm, or check the coordinates of the records"
            )

    def _progress(self) -> float:
        done = self.taken
        by_steps = done / self.settings.steps if self.settings.steps else 0.0
        per_epoch = max(1, math.ceil(len(self.train_set) / self.settings.batch_size))
        by_epochs = 0.0
        if self.settings.epochs:
            by_epochs = (self.epoch + min(1.0, self.next_batch / per_epoch)) / self.settings.epochs
        return max(by_steps, by_epochs)


def precision_on(device: torch.device, precision: str) -> Literal["fp32", "bf16"]:
    """Return the precision of layers on a device where `auto`, `fp32` or `bf16` was asked for.

    Raises
    ------
    UsageError
        The device has no bf16.
    """
    has_bf16 = device.type == "cpu" or (device.type == "cuda" and torch.cuda.is_bf16_supported())
    if precision == "bf16" and not has_bf16:
        raise UsageError("this device has no bf16: choose precision fp32")
    return "bf16" if precision == "bf16" or (precision == "auto" and device.type == "cuda" and has_bf16) else "fp32"
