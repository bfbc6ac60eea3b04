"""Training of the CVAE: one loop for every device, free of benchmarking."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from levinthal.errors import DataError, UsageError
from levinthal.workloads.cvae.data.maps import MapSource
from levinthal.workloads.cvae.inference import Evaluation, check_frames, evaluate
from levinthal.workloads.cvae.model.network import CVAEModel
from levinthal.workloads.cvae.model.precision import Execution, candidates, choose_execution
from levinthal.workloads.cvae.training.checkpoint import Keeper
from levinthal.workloads.cvae.training.early_stopping import EarlyStopping
from levinthal.workloads.cvae.training.history import Epoch, History
from levinthal.workloads.cvae.training.settings import TrainingSettings
from levinthal.workloads.cvae.training.stepper import Stepper
from levinthal.workloads.training.allocator import keep_freed_memory
from levinthal.workloads.training.checkpoint import Keeping
from levinthal.workloads.training.process_group import choice_of_first, sum_over_ranks
from levinthal.workloads.training.reproducible import reproducible

OnStep = Callable[[int, Tensor], object]
OnEpoch = Callable[[Epoch], bool | None]


def train(
    model: CVAEModel,
    source: MapSource,
    settings: TrainingSettings,
    *,
    validation: MapSource | None = None,
    device: str | torch.device = "cpu",
    on_step: OnStep | None = None,
    on_epoch: OnEpoch | None = None,
    keep: Keeping | None = None,
) -> History:
    """Train `model` in place.

    Within an initialised `torch.distributed` process group the ranks share each batch; the losses are then those of
    one process with the same batches, but for rounding (and for dropout, which each rank draws for itself).

    Parameters
    ----------
    model : CVAEModel
        Moved to `device`.
    source, validation : MapSource
        Frames to train on (drawn in a new order each epoch; a last batch that is not full is left out) and to evaluate
        on after each epoch.
    settings : TrainingSettings
        With `patience` there must be frames to evaluate on.
    device : str or torch.device
    on_step : callable, optional
        Called after each step with its number (from 1) and the loss of this rank's frames, a tensor on the device.
    on_epoch : callable, optional
        Called after each epoch; training ends when it returns True (on every rank).
    keep : Keeping, optional
        Where to keep the state of training, and whether to go on from it.

    Returns
    -------
    History

    Raises
    ------
    UsageError
        A precision that this machine does not have, or patience without frames to evaluate on.
    DataError
        Maps of another size than the model's, no frames, a loss that is not finite, or a checkpoint that is damaged
        or (`ForeignCheckpointError`) of another training.
    """
    if settings.patience is not None and validation is None:
        raise UsageError("training with patience needs frames to evaluate on: give validation")
    for frames in (source, validation):
        if frames is not None:
            check_frames(model, frames)
    model.to(device)
    where = next(model.parameters()).device
    keep_freed_memory()
    batch_size, precision = min(settings.batch_size, len(source)), settings.precision
    with reproducible(settings.deterministic, where):
        if settings.deterministic:
            execution = Execution(
                "bf16" if precision == "bf16" else "fp32", compiled=precision != "bf16" and model.can_compile
            )
        else:
            execution = execution_of_ranks(model, precision, settings.batch_size)
        stepper = Stepper(model, source, batch_size, settings.optimizer, settings.seed, execution)
        try:
            keeper = Keeper(stepper, keep, settings.checkpoint_interval)
            keeper.resume()
            total = settings.steps or stepper.steps_per_epoch * (settings.epochs or 0)
            stopping = _stopping(stepper, keeper, settings.patience)
            history = _Loop(stepper, keeper, total, validation, stopping).run(on_step, on_epoch)
            if stopping is not None:
                stopping.restore()
                history = replace(history, best_epoch=stopping.best_epoch)
        finally:
            stepper.close()
    model.eval()
    return history


def _stopping(stepper: Stepper, keeper: Keeper, patience: int | None) -> EarlyStopping | None:
    if patience is None:
        return None
    folder = keeper.keep.folder if keeper.keep is not None and stepper.rank == 0 else None
    stopping = EarlyStopping(stepper.model, patience, folder)
    stopping.take_up(keeper.epochs)
    return stopping


def execution_of_ranks(model: CVAEModel, precision: str, batch_size: int) -> Execution:
    """Return the fastest way to compute, as the first rank measures it: all ranks compute in the same way."""
    chosen, allowed = choose_execution(model, precision, batch_size), candidates(model, precision)
    mine = allowed.index(replace(chosen, measured_frames_per_s=()))
    first = choice_of_first(mine, next(model.parameters()).device)
    return chosen if first == mine else allowed[first]


@dataclass(frozen=True)
class _Loop:
    """Epochs until `total` steps are taken, or the caller says enough."""

    stepper: Stepper
    keeper: Keeper
    total: int
    validation: MapSource | None
    stopping: EarlyStopping | None

    def run(self, on_step: OnStep | None, on_epoch: OnEpoch | None) -> History:
        stepper, keeper = self.stepper, self.keeper
        resumed_at, stopped = stepper.taken, self.stopping is not None and self.stopping.enough
        while stepper.taken < self.total and not stopped:
            epoch = self._epoch(on_step)
            keeper.close_epoch(epoch)
            stopped = on_epoch is not None and on_epoch(epoch) is True
            if self.stopping is not None:
                self.stopping.see(epoch)
                stopped = stopped or self.stopping.enough
            if keeper.due or stopped or stepper.taken == self.total:
                keeper.write(0.0)
        return History(stepper.execution, tuple(keeper.epochs), resumed_at)

    def _epoch(self, on_step: OnStep | None) -> Epoch:
        stepper, keeper = self.stepper, self.keeper
        end = min((stepper.taken // stepper.steps_per_epoch + 1) * stepper.steps_per_epoch, self.total)
        n_steps = end - (keeper.epochs[-1].steps if keeper.epochs else 0)
        waited_s, start_s = stepper.loader.waited_s, time.perf_counter()
        while stepper.taken < end:
            losses = stepper.step()
            keeper.sums += losses
            if on_step is not None:
                on_step(stepper.taken, losses[0].float() * (stepper.batch_size / stepper.share))
            if keeper.due and stepper.taken < end:
                keeper.write(keeper.train_s + time.perf_counter() - start_s)
        means = (sum_over_ranks(keeper.sums, stepper.device) / n_steps).tolist()
        if not all(map(math.isfinite, means)):
            raise DataError(
                f"the loss was not finite within steps {end - n_steps + 1} to {end}: lower learning_rate or set "
                "clip_norm"
            )
        train_s = keeper.train_s + time.perf_counter() - start_s
        start_s = time.perf_counter()
        held_out = None
        if self.validation is not None:
            held_out = evaluate(
                stepper.model, self.validation, batch_size=stepper.batch_size, execution=stepper.execution
            )
        return Epoch(
            steps=end,
            frames=end * stepper.batch_size,
            train=Evaluation(*means),
            validation=held_out,
            train_s=train_s,
            validation_s=time.perf_counter() - start_s,
            loading_s=stepper.loader.waited_s - waited_s,
        )
