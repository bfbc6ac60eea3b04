"""Training of the recurrent geometric network: one loop for every device and number of ranks, free of benchmarking.

Within an initialised `torch.distributed` process group (`ranks.py`) the ranks share each batch.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from typing import Any

import torch

from levinthal.errors import DataError
from levinthal.workloads.rgn.data.proteins import ProteinSet
from levinthal.workloads.rgn.model.network import RGNModel
from levinthal.workloads.rgn.training.history import FORM, History, Progress, Step, Validation
from levinthal.workloads.rgn.training.settings import TrainingSettings
from levinthal.workloads.rgn.training.stepper import Stepper
from levinthal.workloads.rgn.training.validation import device_of, evaluate
from levinthal.workloads.rgn.training.weights import Provenance, save_weights
from levinthal.workloads.training.checkpoint import Checkpoint, Keeping, resume, save_checkpoint
from levinthal.workloads.training.process_group import largest_of_ranks
from levinthal.workloads.training.reproducible import reproducible

BEST_WEIGHTS = "best.safetensors"
"""File in the checkpoint folder that holds the weights of the best validation."""

_REASONS = ("caller", "time", "epochs", "steps", "target")
"""Why training ends; of several the last."""
_RESUMABLE = ("batch_size", "max_padded_residues", "seed", "precision", "optimiser", "curriculum")

OnStep = Callable[[Step], bool | None]
OnValidation = Callable[[Validation], bool | None]


def train(
    model: RGNModel,
    train_set: ProteinSet,
    settings: TrainingSettings,
    *,
    validation: ProteinSet | None = None,
    device: str | torch.device = "cpu",
    on_step: OnStep | None = None,
    on_validation: OnValidation | None = None,
    keep: Keeping | None = None,
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
    keep : Keeping, optional
        Where to keep the state of training and the weights of the best validation (`BEST_WEIGHTS`), and whether to go
        on from that state.

    Returns
    -------
    History

    Raises
    ------
    UsageError
        Precision or device that this machine does not have.
    DataError
        No examples, features the model does not take, a checkpoint that is damaged or of another training, or gradients
        that are not finite for 50 steps on end.
    """
    if len(train_set) == 0 or (validation is not None and len(validation) == 0):
        raise DataError("there are no proteins to train or validate on: give at least one record of each")
    model.to(device)
    with reproducible(settings.deterministic, device_of(model)):
        loop = _Loop(Stepper(model, train_set, settings), validation, keep)
        loop.resume()
        history = loop.run(on_step, on_validation)
    model.eval()
    return history


class _Loop:
    """Steps and validations until an end is reached, and what is kept of them."""

    def __init__(self, stepper: Stepper, validation: ProteinSet | None, keep: Keeping | None) -> None:
        self.stepper, self.validation, self.keep = stepper, validation, keep
        self.settings = stepper.settings
        self.steps: list[Step] = []
        self.validations: list[Validation] = []
        self._before_s, self._start_s = 0.0, time.perf_counter()
        self._kept_at, self._resumed_at = -1, 0

    @property
    def elapsed_s(self) -> float:
        return self._before_s + time.perf_counter() - self._start_s

    def run(self, on_step: OnStep | None, on_validation: OnValidation | None) -> History:
        settings, stepper = self.settings, self.stepper
        stopped_by = self._limit_reached()
        while stopped_by is None:
            step = stepper.step()
            self.steps.append(step)
            end_of_epoch = stepper.next_batch == 0
            asked = on_step is not None and on_step(step) is True
            stopped_by = self._agree(self._limit_reached() or ("caller" if asked else None))
            interval = settings.validation_interval
            due = end_of_epoch if interval is None else step.step % interval == 0
            if self.validation is not None and (due or stopped_by is not None):
                held_out = self._validate(self.validation)
                asked = on_validation is not None and on_validation(held_out) is True
                reached = settings.target_drmsd_nm is not None and held_out.loss_nm <= settings.target_drmsd_nm
                stopped_by = self._agree("target" if reached else stopped_by or ("caller" if asked else None))
            interval = settings.checkpoint_interval
            if (due if interval is None else step.step % interval == 0) or stopped_by is not None:
                self._write()
        return self._history(stopped_by)

    def _history(self, stopped_by: str) -> History:
        steps, validations = tuple(self.steps), tuple(self.validations)
        return History(steps, validations, self.stepper.precision, self.elapsed_s, stopped_by, self._resumed_at)

    def _limit_reached(self) -> str | None:
        settings = self.settings
        if settings.steps is not None and self.stepper.taken >= settings.steps:
            return "steps"
        if settings.epochs is not None and self.stepper.epoch >= settings.epochs:
            return "epochs"
        if settings.time_limit_s is not None and self.elapsed_s >= settings.time_limit_s:
            return "time"
        return None

    def _agree(self, reason: str | None) -> str | None:
        """Stop all ranks when one of them would: clocks and callers differ."""
        code = largest_of_ranks(0 if reason is None else 1 + _REASONS.index(reason), self.stepper.device)
        return None if code == 0 else _REASONS[code - 1]

    def _validate(self, proteins: ProteinSet) -> Validation:
        stepper, start_s = self.stepper, time.perf_counter()
        found = evaluate(stepper.model, proteins, batch_size=self.settings.batch_size, precision=stepper.precision)
        best = min((v.drmsd_nm for v in self.validations), default=math.inf)
        held_out = Validation(
            stepper.taken,
            self.elapsed_s,
            time.perf_counter() - start_s,
            found.mean_nm,
            found.loss_nm,
            found.by_group_nm,
        )
        self.validations.append(held_out)
        if held_out.drmsd_nm < best and self.keep is not None and stepper.rank == 0:
            save_weights(self.keep.folder / BEST_WEIGHTS, stepper.model, self._provenance())
        return held_out

    def _provenance(self) -> Provenance:
        return Provenance.of(self._history("caller"), self.stepper.train_set.label)

    def _fingerprint(self) -> dict[str, Any]:
        known = self.settings.to_dict()
        ends = ("steps", "epochs") if self.settings.has_course else ()
        same = {name: known[name] for name in (*_RESUMABLE, *ends)}
        return {**same, "precision": self.stepper.precision, "proteins": self.stepper.train_set.fingerprint}

    def _write(self) -> None:
        stepper = self.stepper
        if self.keep is None or stepper.rank != 0 or self._kept_at == stepper.taken:
            return
        self._kept_at = stepper.taken
        progress = Progress(
            epoch=stepper.epoch,
            next_batch=stepper.next_batch,
            elapsed_s=self.elapsed_s,
            n_updates=stepper.adam.n_updates,
            steps=tuple(self.steps),
            validations=tuple(self.validations),
        )
        state = Checkpoint(self._fingerprint(), progress, stepper.model.state_dict(), stepper.adam.state())
        save_checkpoint(self.keep.folder, FORM, state)

    def resume(self) -> None:
        """Take up the state in the folder, if that is wanted and there is one."""
        if self.keep is None or not self.keep.resume:
            return
        stepper = self.stepper
        kept = resume(self.keep.folder, FORM, self._fingerprint(), stepper.model)
        if kept is None:
            return
        progress = kept.progress
        stepper.adam.load_state(kept.moments, progress.n_updates)
        stepper.taken, stepper.epoch, stepper.next_batch = len(progress.steps), progress.epoch, progress.next_batch
        self.steps, self.validations = list(progress.steps), list(progress.validations)
        self._before_s, self._start_s, self._kept_at = progress.elapsed_s, time.perf_counter(), stepper.taken
        self._resumed_at = stepper.taken
