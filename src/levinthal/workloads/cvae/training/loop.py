"""Training of the CVAE: one loop for every device, free of benchmarking."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, distributed

from levinthal.errors import DataError, UsageError
from levinthal.workloads.cvae.data.loader import Loader
from levinthal.workloads.cvae.data.maps import MapSource
from levinthal.workloads.cvae.model.allocator import keep_freed_memory
from levinthal.workloads.cvae.model.network import CVAEModel, evidence_loss
from levinthal.workloads.cvae.model.optimiser import OptimizerSettings
from levinthal.workloads.cvae.model.precision import Execution, candidates, choose_execution, execution_context
from levinthal.workloads.cvae.training.checkpoint import (
    Checkpoint,
    ForeignCheckpointError,
    has_checkpoint,
    load_checkpoint,
    save_checkpoint,
)
from levinthal.workloads.cvae.training.history import Epoch, Evaluation, History
from levinthal.workloads.cvae.training.stepper import Stepper, fingerprint_of
from levinthal.workloads.training.process_group import rank_and_size, sum_over_ranks

__all__ = ["Epoch", "Evaluation", "History", "decode", "encode", "evaluate", "reconstruct", "train"]

OnStep = Callable[[int, Tensor], None]
Floats = npt.NDArray[np.float32]


@contextmanager
def _deterministic(wanted: bool) -> Iterator[None]:
    """Compute on one thread with algorithms that give the same digits each time; settings are restored."""
    if not wanted:
        yield
        return
    threads, before = torch.get_num_threads(), torch.are_deterministic_algorithms_enabled()
    torch.set_num_threads(1)
    torch.use_deterministic_algorithms(True)
    try:
        yield
    finally:
        torch.use_deterministic_algorithms(before)
        torch.set_num_threads(threads)


def train(
    model: CVAEModel,
    source: MapSource,
    *,
    validation: MapSource | None = None,
    epochs: int | None = None,
    steps: int | None = None,
    batch_size: int = 256,
    optimizer: OptimizerSettings | None = None,
    seed: int = 0,
    device: str | torch.device = "cpu",
    precision: str = "auto",
    deterministic: bool = False,
    on_step: OnStep | None = None,
    on_epoch: Callable[[Epoch], bool | None] | None = None,
    checkpoint_folder: Path | None = None,
    checkpoint_interval: int | None = None,
    resume: bool = False,
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
    epochs, steps : int
        How long; exactly one is given.
    batch_size : int
        Frames a step, over all ranks; no more than there are.
    optimizer : OptimizerSettings, optional
        RMSprop as in the paper's lineage.
    seed : int
        Of the order of frames, the latent noise and dropout; the weights' seed is `CVAEModel`'s.
    device : str or torch.device
    precision : {"auto", "fp32", "bf16"}
        "auto" measures which is faster here; see `precision.choose_execution`.
    deterministic : bool
        One thread, fp32 unless bf16 is asked for, nothing measured: the same digits each time on the same machine.
    on_step : callable, optional
        Called after each step with its number (from 1) and the loss of this rank's frames, a tensor on the device.
    on_epoch : callable, optional
        Called after each epoch; training ends when it returns True (on every rank).
    checkpoint_folder : Path, optional
        Where to keep the state of training, in one file that is replaced.
    checkpoint_interval : int, optional
        Steps between two states; without it only the last is kept.
    resume : bool
        Go on from the state in that folder, if there is one; in deterministic mode the losses are then those of
        training that was never interrupted, to the last digit.

    Returns
    -------
    History

    Raises
    ------
    UsageError
        Not exactly one of epochs and steps, a value out of range, or resume without a folder.
    DataError
        Maps of another size than the model's, no frames, a loss that is not finite, or a checkpoint that is damaged
        or (`checkpoint.ForeignCheckpointError`) of another training.
    """
    if (epochs is None) == (steps is None):
        raise UsageError("training needs exactly one of epochs and steps")
    if (epochs or steps or 0) < 1 or batch_size < 1:
        raise UsageError("epochs, steps and batch_size must be at least 1")
    if checkpoint_interval is not None and checkpoint_interval < 1:
        raise UsageError("checkpoint_interval must be at least 1")
    if resume and checkpoint_folder is None:
        raise UsageError("there is nothing to resume from: give checkpoint_folder")
    for frames in (source, validation):
        if frames is not None:
            _check(model, frames)
    model.to(device)
    place = next(model.parameters()).device
    keep_freed_memory()
    with _deterministic(deterministic), torch.random.fork_rng(devices=[place] if place.type == "cuda" else []):
        if deterministic:
            execution = Execution(
                "bf16" if precision == "bf16" else "fp32", compiled=precision != "bf16" and model.can_compile
            )
        else:
            execution = execution_of_ranks(model, precision, batch_size)
        batch_size = min(batch_size, len(source))
        stepper = Stepper(model, source, batch_size, optimizer or OptimizerSettings(), seed, execution)
        keeper = _Keeper(stepper, checkpoint_folder, checkpoint_interval)
        try:
            if resume:
                keeper.resume()
            total = steps if steps is not None else stepper.steps_per_epoch * (epochs or 0)
            history = _loop(stepper, keeper, total, validation, on_step, on_epoch)
        finally:
            stepper.close()
    model.eval()
    return history


def execution_of_ranks(model: CVAEModel, precision: str, batch_size: int) -> Execution:
    """Return the fastest way to compute, as the first rank measures it: all ranks compute in the same way."""
    if rank_and_size()[1] == 1:
        return choose_execution(model, precision, batch_size)
    allowed = candidates(model, precision)
    chosen = allowed.index(replace(choose_execution(model, precision, batch_size), measured_frames_per_s=()))
    code = torch.tensor(chosen, device=next(model.parameters()).device)
    distributed.broadcast(code, 0)
    return allowed[int(code)]


def _loop(
    stepper: Stepper,
    keeper: _Keeper,
    total: int,
    validation: MapSource | None,
    on_step: OnStep | None,
    on_epoch: Callable[[Epoch], bool | None] | None,
) -> History:
    """Train until `total` steps are taken, or `on_epoch` says enough."""
    resumed_at, stopped = stepper.taken, False
    while stepper.taken < total and not stopped:
        end = min((stepper.taken // stepper.steps_per_epoch + 1) * stepper.steps_per_epoch, total)
        n_steps = end - (keeper.epochs[-1].steps if keeper.epochs else 0)
        waited_s, start = stepper.loader.waited_s, time.perf_counter()
        while stepper.taken < end:
            losses = stepper.step()
            keeper.sums += losses
            if on_step is not None:
                on_step(stepper.taken, losses[0].float() * (stepper.batch_size / stepper.share))
            if keeper.due and stepper.taken < end:
                keeper.keep(keeper.train_s + time.perf_counter() - start)
        means = (sum_over_ranks(keeper.sums, stepper.device) / n_steps).tolist()
        if not all(map(math.isfinite, means)):
            raise DataError(
                f"the loss was not finite within steps {end - n_steps + 1} to {end}: lower learning_rate or set "
                "clip_norm"
            )
        train_s = keeper.train_s + time.perf_counter() - start
        start = time.perf_counter()
        held_out = None
        if validation is not None:
            held_out = evaluate(stepper.model, validation, batch_size=stepper.batch_size, execution=stepper.execution)
        epoch = Epoch(
            steps=end,
            frames=end * stepper.batch_size,
            train=Evaluation(*means),
            validation=held_out,
            train_s=train_s,
            validation_s=time.perf_counter() - start,
            loading_s=stepper.loader.waited_s - waited_s,
        )
        keeper.close_epoch(epoch)
        stopped = on_epoch is not None and on_epoch(epoch) is True
        if keeper.due or stopped or end == total:
            keeper.keep(0.0)
    return History(stepper.execution, tuple(keeper.epochs), resumed_at)


class _Keeper:
    """What of the training under way is not in the weights, and the file that holds all of it."""

    def __init__(self, stepper: Stepper, folder: Path | None, interval: int | None) -> None:
        self.stepper, self.folder, self.interval = stepper, folder, interval
        self.epochs: list[Epoch] = []
        self.sums = torch.zeros(3, device=stepper.device, dtype=torch.float64)
        self.train_s = 0.0

    @property
    def due(self) -> bool:
        """Whether the state is to be kept after the step that was taken last."""
        return self.interval is not None and self.stepper.taken % self.interval == 0

    def close_epoch(self, epoch: Epoch) -> None:
        self.epochs.append(epoch)
        self.sums.zero_()
        self.train_s = 0.0

    def keep(self, train_s: float) -> None:
        """Write the state, by the first rank; `train_s` is the time of the epoch under way."""
        if self.folder is None:
            return
        total, reconstruction, kl = sum_over_ranks(self.sums.clone(), self.stepper.device).tolist()
        if self.stepper.rank != 0:
            return
        save_checkpoint(
            self.folder,
            Checkpoint(
                fingerprint=self._fingerprint(),
                steps=self.stepper.taken,
                sums=(total, reconstruction, kl),
                train_s=train_s,
                epochs=tuple(self.epochs),
                weights=self.stepper.model.state_dict(),
                moments=tuple(self.stepper.optimizer.state()),
            ),
        )

    def resume(self) -> None:
        """Take up the state in the folder, if there is one.

        Raises
        ------
        DataError
            The checkpoint is damaged or (`ForeignCheckpointError`) of another training.
        """
        if self.folder is None or not has_checkpoint(self.folder):
            return
        kept, mine = load_checkpoint(self.folder), self._fingerprint()
        for name, value in mine.items():
            if kept.fingerprint.get(name) != value:
                raise ForeignCheckpointError(
                    f"the checkpoint in {self.folder} is of another training ({name} is {kept.fingerprint.get(name)}, "
                    f"not {value}): use another folder, or do not resume"
                )
        try:
            self.stepper.model.load_state_dict(kept.weights)
            self.stepper.optimizer.load_state(kept.moments)
        except (RuntimeError, ValueError):
            raise ForeignCheckpointError(
                f"the checkpoint in {self.folder} is of another model: do not resume"
            ) from None
        self.stepper.taken, self.epochs, self.train_s = kept.steps, list(kept.epochs), kept.train_s
        if self.stepper.rank == 0:  # the other ranks add nothing to a sum that is whole
            self.sums += torch.tensor(kept.sums, device=self.sums.device, dtype=torch.float64)

    def _fingerprint(self) -> dict[str, Any]:
        stepper = self.stepper
        return {
            "architecture": stepper.model.config.to_dict(),
            "optimizer": asdict(stepper.optimizer.settings),
            "batch_size": stepper.batch_size,
            "seed": stepper.seed,
            "frames": fingerprint_of(stepper.source),
        }


def _check(model: CVAEModel, source: MapSource) -> None:
    if source.size != model.config.size:
        raise DataError(
            f"maps are {source.size} x {source.size}, the model takes {model.config.size} x {model.config.size}: "
            "pad the maps to the model's size or build the model for theirs"
        )
    if len(source) == 0:
        raise DataError("there are no frames: give at least one contact map")


def _batches(model: CVAEModel, source: MapSource, batch_size: int) -> Iterator[tuple[Tensor, Tensor]]:
    """Yield maps and what they are to be decoded to, in order, on the model's device."""
    _check(model, source)
    device = next(model.parameters()).device
    groups = (np.arange(start, min(start + batch_size, len(source))) for start in range(0, len(source), batch_size))
    for batch in Loader(source).batches(groups):
        maps = torch.from_numpy(batch.maps).to(device)
        yield maps, maps if batch.targets is batch.maps else torch.from_numpy(batch.targets).to(device)


def _execution_for(model: CVAEModel, execution: Execution | None) -> Execution:
    return execution or Execution("fp32", compiled=model.can_compile)


@torch.no_grad()
def evaluate(
    model: CVAEModel,
    source: MapSource,
    *,
    batch_size: int = 256,
    seed: int = 0,
    execution: Execution | None = None,
) -> Evaluation:
    """Return the mean loss over frames, without dropout; the latent noise is drawn from `seed`, the same each time."""
    execution = _execution_for(model, execution)
    device = next(model.parameters()).device
    training = model.training
    model.eval()
    # drawn at once, so that it does not depend on the batches
    noise = torch.randn(len(source), model.config.latent, generator=torch.Generator().manual_seed(seed)).to(device)
    sums = torch.zeros(3, dtype=torch.float64, device=device)
    with execution_context(model, execution):
        batches = zip(_batches(model, source, batch_size), torch.split(noise, batch_size), strict=True)
        for (maps, targets), drawn in batches:
            sums += len(maps) * torch.stack(evidence_loss(model(maps, drawn), targets, model.config.beta))
    model.train(training)
    return Evaluation(*(sums / len(source)).tolist())


@torch.no_grad()
def encode(
    model: CVAEModel, source: MapSource, *, batch_size: int = 256, execution: Execution | None = None
) -> tuple[Floats, Floats]:
    """Return mean and log-variance of the posterior of each frame, both (frames, latent)."""
    model.eval()
    with execution_context(model, _execution_for(model, execution)):
        parts = [model.encode(maps) for maps, _ in _batches(model, source, batch_size)]
    mean, log_var = (torch.cat([part[i] for part in parts]).float().cpu().numpy() for i in (0, 1))
    return mean, log_var


@torch.no_grad()
def decode(
    model: CVAEModel, latent: npt.ArrayLike, *, batch_size: int = 256, execution: Execution | None = None
) -> Floats:
    """Return logits (points, size, size) of latent points (points, latent)."""
    points = torch.as_tensor(np.asarray(latent, np.float32))
    if points.ndim != 2 or points.shape[1] != model.config.latent:
        raise DataError(f"latent points have the shape {tuple(points.shape)}: give (points, {model.config.latent})")
    model.eval()
    device = next(model.parameters()).device
    with execution_context(model, _execution_for(model, execution)):
        parts = [model.decode(part.to(device)).float().cpu() for part in torch.split(points, batch_size)]
    size = model.config.size
    return torch.cat(parts).numpy() if len(points) else np.empty((0, size, size), np.float32)


def reconstruct(model: CVAEModel, source: MapSource, *, batch_size: int = 256) -> Floats:
    """Return the logits (frames, size, size) that the posterior mean of each frame decodes to."""
    return decode(model, encode(model, source, batch_size=batch_size)[0], batch_size=batch_size)
