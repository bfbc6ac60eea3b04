"""Training of the recurrent geometric network: one loop for every device and number of ranks, free of benchmarking.

The loss of a batch is sum(L_eff dRMSD) / sum(L_eff), L_eff being a protein's resolved residues (AlQuraishi 2019).
Within an initialised `torch.distributed` process group (`ranks.py`) the ranks share each batch; losses and gradients
are those of the whole batch, whatever the number of ranks.
"""

from __future__ import annotations

import math
import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, distributed, nn

from levinthal.errors import DataError, UsageError
from levinthal.proteins.geometry.distance_rmsd import distance_rmsd
from levinthal.workloads.rgn.data.batches import Batch, ProteinSet, make_batch, plan_epoch, share_of_rank
from levinthal.workloads.rgn.model.network import Prediction, RGNModel
from levinthal.workloads.rgn.training.checkpoint import (
    Checkpoint,
    Provenance,
    has_checkpoint,
    load_checkpoint,
    save_checkpoint,
    save_weights,
)
from levinthal.workloads.rgn.training.curriculum import torsion_distance, window_drmsd_nm
from levinthal.workloads.rgn.training.history import History, Step, Validation
from levinthal.workloads.rgn.training.optimiser import Adam, Update
from levinthal.workloads.rgn.training.settings import TrainingSettings
from levinthal.workloads.rgn.training.validation import device_of, evaluate, predicted
from levinthal.workloads.training.process_group import rank_and_size, sum_over_ranks

__all__ = ["BEST_WEIGHTS", "TrainingSteps", "train"]

BEST_WEIGHTS = "best.safetensors"
"""File in the checkpoint folder that holds the weights of the best validation."""

_MOST_SKIPPED = 50
_REASONS = ("caller", "time", "epochs", "steps", "target")
"""Why training ends; of several the last."""
_RESUMABLE = ("batch_size", "max_padded_residues", "seed", "precision", "optimiser", "curriculum")


def train(
    model: RGNModel,
    train_set: ProteinSet,
    settings: TrainingSettings,
    *,
    validation: ProteinSet | None = None,
    device: str | torch.device = "cpu",
    on_step: Callable[[Step], bool | None] | None = None,
    on_validation: Callable[[Validation], bool | None] | None = None,
    checkpoint_folder: Path | None = None,
    resume: bool = False,
) -> History:
    """Train `model` in place.

    Parameters
    ----------
    model : RGNModel
        Moved to `device`.
    train_set, validation : ProteinSet
        What to learn from, and what to measure on.
    settings : TrainingSettings
    device : str or torch.device
    on_step, on_validation : callable, optional
        Called after each step and each validation; training ends when one returns True.
    checkpoint_folder : Path, optional
        Where to keep the state of training, and the weights of the best validation (`BEST_WEIGHTS`).
    resume : bool
        Go on from the checkpoint in that folder, if there is one; in deterministic mode the losses are then those of
        training that was never interrupted, to the last digit.

    Returns
    -------
    History

    Raises
    ------
    UsageError
        Precision or device that this machine does not have; resume without a folder.
    DataError
        No examples, features the model does not take, a checkpoint that is damaged or of another training, or gradients
        that are not finite for 50 steps on end.
    """
    if resume and checkpoint_folder is None:
        raise UsageError("there is nothing to resume from: give checkpoint_folder")
    if len(train_set) == 0 or (validation is not None and len(validation) == 0):
        raise DataError("there are no proteins to train or validate on: give at least one record of each")
    model.to(device)
    place = device_of(model)
    precision = _precision_on(place, settings.precision)
    with (
        _deterministic(settings.deterministic, place),
        torch.random.fork_rng(devices=[place] if place.type == "cuda" else []),
    ):
        loop = _Loop(model, train_set, settings, validation, precision, checkpoint_folder)
        if resume:
            loop.resume()
        history = loop.run(on_step, on_validation)
    model.eval()
    return history


class TrainingSteps:
    """Steps of a training without an end, for whoever measures them; validates and keeps nothing.

    Parameters
    ----------
    model : RGNModel
        On the device it is trained on.
    train_set : ProteinSet
    settings : TrainingSettings

    Attributes
    ----------
    model : RGNModel
    precision : str
    """

    def __init__(self, model: RGNModel, train_set: ProteinSet, settings: TrainingSettings) -> None:
        self.model = model
        self.precision = _precision_on(device_of(model), settings.precision)
        self._loop = _Loop(model, train_set, settings, None, self.precision, None)

    @property
    def loading_s(self) -> float:
        """How long making batches took so far."""
        return self._loop.loading_s

    def take(self, *, synchronise: bool = True) -> Tensor:
        """Take a step and return the loss of the whole batch, in nm; see `levinthal.harness.Trainer`."""
        loop = self._loop
        network = loop.network
        lone = isinstance(network, nn.parallel.DistributedDataParallel) and not synchronise
        with network.no_sync() if lone else nullcontext():  # type: ignore[operator]
            step = loop.advance()
        return torch.tensor(step.loss_nm)


class _Loop:
    """State of training between steps, and what a step does to it."""

    def __init__(
        self,
        model: RGNModel,
        train_set: ProteinSet,
        settings: TrainingSettings,
        validation: ProteinSet | None,
        precision: Literal["fp32", "bf16"],
        folder: Path | None,
    ) -> None:
        self.model, self.train_set, self.validation = model, train_set, validation
        self.settings, self.precision, self.folder = settings, precision, folder
        self.device = device_of(model)
        self.rank, self.n_ranks = rank_and_size()
        self.adam = Adam(model.named_parameters(), settings.optimiser)
        self.epoch, self.next_batch = 0, 0
        self.steps: list[Step] = []
        self.validations: list[Validation] = []
        self.skipped_on_end = 0
        self._before_s, self._start_s = 0.0, time.perf_counter()
        self._kept_at = -1
        self._planned: tuple[int, list[npt.NDArray[np.int64]]] | None = None
        self.loading_s = 0.0
        self.network: nn.Module = model
        if self.n_ranks > 1:
            # also makes all ranks start from the weights of the first
            self.network = nn.parallel.DistributedDataParallel(model, gradient_as_bucket_view=True)

    def run(
        self, on_step: Callable[[Step], bool | None] | None, on_validation: Callable[[Validation], bool | None] | None
    ) -> History:
        settings = self.settings
        stopped_by = self._limit_reached()
        while stopped_by is None:
            step = self.advance()
            end_of_epoch = self.next_batch == 0
            asked = on_step is not None and on_step(step) is True
            stopped_by = self._agree(self._limit_reached() or ("caller" if asked else None))
            interval = settings.validation_interval
            due = end_of_epoch if interval is None else step.step % interval == 0
            if self.validation is not None and (due or stopped_by is not None):
                held_out = self._validate(self.validation)
                asked = on_validation is not None and on_validation(held_out) is True
                reached = settings.target_drmsd_nm is not None and held_out.drmsd_nm <= settings.target_drmsd_nm
                stopped_by = self._agree("target" if reached else stopped_by or ("caller" if asked else None))
            interval = settings.checkpoint_interval
            if (due if interval is None else step.step % interval == 0) or stopped_by is not None:
                self._keep()
        return History(tuple(self.steps), tuple(self.validations), self.precision, self.elapsed_s, stopped_by)

    @property
    def elapsed_s(self) -> float:
        return self._before_s + time.perf_counter() - self._start_s

    # -- a step

    def advance(self) -> Step:
        """Take the next step, in the epoch under way or the next one."""
        if self._planned is None or self._planned[0] != self.epoch:
            self._planned = self.epoch, self._plan()
        plan = self._planned[1]
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
        number = len(self.steps) + 1
        share, n_counted = share_of_rank(indices, self.rank, self.n_ranks)
        batch = make_batch(self.train_set, share, n_counted=n_counted)
        self.loading_s += time.perf_counter() - start_s
        sizes = self.train_set.lengths[indices]
        padded = batch.padded_residues
        batch = batch.to(self.device)
        # dropout depends on (seed, step, rank) alone: there is no state of a generator to keep
        noise = np.random.SeedSequence([self.settings.seed, number, self.rank])
        torch.manual_seed(int(noise.generate_state(1, np.uint64)[0] >> np.uint64(1)))
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
        self.steps.append(step)
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
        self.skipped_on_end = self.skipped_on_end + 1 if step.skipped else 0
        if self.skipped_on_end >= _MOST_SKIPPED:
            raise DataError(
                f"gradients were not finite for {_MOST_SKIPPED} steps up to step {step.step}: lower learning_rate, set "
                "clip_norm_pm, or check the coordinates of the records"
            )

    def _progress(self) -> float:
        done = len(self.steps)
        by_steps = done / self.settings.steps if self.settings.steps else 0.0
        per_epoch = max(1, math.ceil(len(self.train_set) / self.settings.batch_size))
        by_epochs = 0.0
        if self.settings.epochs:
            by_epochs = (self.epoch + min(1.0, self.next_batch / per_epoch)) / self.settings.epochs
        return max(by_steps, by_epochs)

    # -- when to stop

    def _limit_reached(self) -> str | None:
        settings = self.settings
        if settings.steps is not None and len(self.steps) >= settings.steps:
            return "steps"
        if settings.epochs is not None and self.epoch >= settings.epochs:
            return "epochs"
        if settings.time_limit_s is not None and self.elapsed_s >= settings.time_limit_s:
            return "time"
        return None

    def _agree(self, reason: str | None) -> str | None:
        """Stop all ranks when one of them would: clocks and callers differ."""
        if self.n_ranks == 1:
            return reason
        code = torch.tensor(0 if reason is None else 1 + _REASONS.index(reason), device=self.device)
        distributed.all_reduce(code, distributed.ReduceOp.MAX)
        return None if code == 0 else _REASONS[int(code) - 1]

    # -- what is kept

    def _validate(self, proteins: ProteinSet) -> Validation:
        start_s = time.perf_counter()
        found = evaluate(self.model, proteins, batch_size=self.settings.batch_size, precision=self.precision)
        best = min((v.drmsd_nm for v in self.validations), default=math.inf)
        held_out = Validation(
            len(self.steps),
            self.elapsed_s,
            time.perf_counter() - start_s,
            found.mean_nm,
            found.loss_nm,
            found.by_group_nm,
        )
        self.validations.append(held_out)
        if held_out.drmsd_nm < best and self.folder is not None and self.rank == 0:
            save_weights(self.folder / BEST_WEIGHTS, self.model, self._provenance())
        return held_out

    def _provenance(self) -> Provenance:
        history = History(tuple(self.steps), tuple(self.validations), self.precision, self.elapsed_s, "caller")
        held_out = self.validations[-1].drmsd_nm if self.validations else None
        return Provenance(self.train_set.label, len(self.steps), history.recent_loss_nm, held_out)

    def _fingerprint(self) -> dict[str, Any]:
        known = self.settings.to_dict()
        ends = ("steps", "epochs") if self.settings.has_course else ()
        same = {name: known[name] for name in (*_RESUMABLE, *ends)}
        return {**same, "precision": self.precision, "proteins": self.train_set.fingerprint}

    def _keep(self) -> None:
        if self.folder is None or self.rank != 0 or self._kept_at == len(self.steps):
            return
        self._kept_at = len(self.steps)
        save_checkpoint(
            self.folder,
            Checkpoint(
                fingerprint=self._fingerprint(),
                epoch=self.epoch,
                next_batch=self.next_batch,
                elapsed_s=self.elapsed_s,
                n_updates=self.adam.n_updates,
                steps=tuple(self.steps),
                validations=tuple(self.validations),
                weights=self.model.state_dict(),
                moments=self.adam.state(),
            ),
        )

    def resume(self) -> None:
        assert self.folder is not None
        if not has_checkpoint(self.folder):
            return
        kept = load_checkpoint(self.folder)
        mine = self._fingerprint()
        for name in mine:
            if kept.fingerprint.get(name) != mine[name]:
                raise DataError(
                    f"the checkpoint in {self.folder} is of another training ({name} is "
                    f"{kept.fingerprint.get(name)}, not {mine[name]}): use another folder, or do not resume"
                )
        kept.restore(self.model, self.folder)
        self.adam.load_state(kept.moments, kept.n_updates)
        self.epoch, self.next_batch, self._before_s = kept.epoch, kept.next_batch, kept.elapsed_s
        self.steps, self.validations = list(kept.steps), list(kept.validations)
        self._start_s, self._kept_at = time.perf_counter(), len(self.steps)


def _precision_on(device: torch.device, precision: str) -> Literal["fp32", "bf16"]:
    has_bf16 = device.type == "cpu" or (device.type == "cuda" and torch.cuda.is_bf16_supported())
    if precision == "bf16" and not has_bf16:
        raise UsageError("this device has no bf16: choose precision fp32")
    return "bf16" if precision == "bf16" or (precision == "auto" and device.type == "cuda" and has_bf16) else "fp32"


@contextmanager
def _deterministic(wanted: bool, device: torch.device) -> Iterator[None]:
    """Compute on one thread with algorithms that give the same digits each time; settings are restored."""
    if not wanted:
        yield
        return
    threads, before = torch.get_num_threads(), torch.are_deterministic_algorithms_enabled()
    torch.set_num_threads(1)
    os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")
    torch.use_deterministic_algorithms(True, warn_only=device.type != "cpu")
    try:
        yield
    finally:
        torch.use_deterministic_algorithms(before)
        torch.set_num_threads(threads)
