"""Training of the CVAE: one loop for every device, free of benchmarking."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from levinthal.errors import DataError, UsageError
from levinthal.workloads.cvae.allocator import keep_freed_memory
from levinthal.workloads.cvae.data import MapSource
from levinthal.workloads.cvae.model import CVAEModel, evidence_loss
from levinthal.workloads.cvae.optimiser import OptimizerSettings, RMSprop
from levinthal.workloads.cvae.precision import Execution, choose_execution, execution_context

__all__ = ["Epoch", "Evaluation", "History", "decode", "encode", "evaluate", "reconstruct", "train"]

OnStep = Callable[[int, Tensor], None]
Floats = npt.NDArray[np.float32]


@dataclass(frozen=True)
class Evaluation:
    """Loss on frames that are not trained on, in nats a frame; ``total = reconstruction + beta * kl``."""

    total: float
    reconstruction: float
    kl: float


@dataclass(frozen=True)
class Epoch:
    """One pass over the training frames (the last may be shorter).

    Attributes
    ----------
    steps, frames : int
        Optimiser steps and frames trained on, since the start of training.
    train : Evaluation
        Mean over the steps of this epoch, while the weights moved.
    validation : Evaluation or None
        After the epoch, on all validation frames.
    train_s, validation_s : float
        Seconds of each in this epoch.
    """

    steps: int
    frames: int
    train: Evaluation
    validation: Evaluation | None
    train_s: float
    validation_s: float


@dataclass(frozen=True)
class History:
    """What happened in training, and how it was computed."""

    execution: Execution
    epochs: tuple[Epoch, ...] = field(default=())

    @property
    def frames_per_s(self) -> float:
        """Training frames a second over all epochs, without validation."""
        return self.epochs[-1].frames / sum(epoch.train_s for epoch in self.epochs)


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
) -> History:
    """Train `model` in place.

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
        Frames a step; no more than there are.
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
        Called after each step with its number (from 1) and the loss, a tensor on the device.
    on_epoch : callable, optional
        Called after each epoch; training ends when it returns True.

    Returns
    -------
    History

    Raises
    ------
    UsageError
        Not exactly one of epochs and steps, or a value out of range.
    DataError
        Maps of another size than the model's, no frames, or a loss that is not finite.
    """
    if (epochs is None) == (steps is None):
        raise UsageError("training needs exactly one of epochs and steps")
    if (epochs or steps or 0) < 1 or batch_size < 1:
        raise UsageError("epochs, steps and batch_size must be at least 1")
    for frames in (source, validation):
        if frames is not None:
            _check(model, frames)
    model.to(device)
    place = next(model.parameters()).device
    keep_freed_memory()
    with _deterministic(deterministic), torch.random.fork_rng(devices=[place] if place.type == "cuda" else []):
        torch.manual_seed(seed)
        if deterministic:
            execution = Execution(
                "bf16" if precision == "bf16" else "fp32", compiled=precision != "bf16" and model.can_compile
            )
        else:
            execution = choose_execution(model, precision, batch_size)
        batch_size = min(batch_size, len(source))
        per_epoch = len(source) // batch_size
        total = steps if steps is not None else per_epoch * (epochs or 0)
        stepper = _Stepper(model, source, batch_size, optimizer or OptimizerSettings(), seed, execution)
        done: list[Epoch] = []
        at = 0
        while at < total:
            count = min(per_epoch, total - at)
            losses, train_s = stepper.run(at, count, on_step)
            at += count
            start = time.perf_counter()
            held_out = None
            if validation is not None:
                held_out = evaluate(model, validation, batch_size=batch_size, execution=execution)
            epoch = Epoch(at, at * batch_size, losses, held_out, train_s, time.perf_counter() - start)
            done.append(epoch)
            if on_epoch is not None and on_epoch(epoch):
                break
    model.eval()
    return History(execution, tuple(done))


class _Stepper:
    """Draws batches and takes optimiser steps."""

    def __init__(
        self,
        model: CVAEModel,
        source: MapSource,
        batch_size: int,
        optimizer: OptimizerSettings,
        seed: int,
        execution: Execution,
    ) -> None:
        self.model, self.source, self.batch_size, self.execution = model, source, batch_size, execution
        self.device = next(model.parameters()).device
        self.optimizer = RMSprop(model.parameters(), optimizer)
        self.order = np.random.default_rng(seed)
        self.noise = torch.Generator(self.device).manual_seed(seed)
        self.maps = np.empty((batch_size, source.size, source.size), np.float32)

    def run(self, done: int, count: int, on_step: OnStep | None) -> tuple[Evaluation, float]:
        """Take `count` steps over a new order of the frames; return the mean losses and the seconds it took."""
        start = time.perf_counter()
        model, n = self.model.train(), self.batch_size
        order = self.order.permutation(len(self.source))
        sums = torch.zeros(3, device=self.device, dtype=torch.float64)
        with execution_context(model, self.execution):
            for k in range(count):
                # ascending order within a batch reads memory once through and changes nothing else
                frames = np.sort(order[k * n : (k + 1) * n])
                maps = torch.from_numpy(self.source.batch(frames, self.maps)).to(self.device, non_blocking=True)
                noise = torch.randn(n, model.config.latent, device=self.device, generator=self.noise)
                self.optimizer.zero_grad()
                losses = evidence_loss(model(maps, noise), maps, model.config.beta)
                losses.total.backward()  # type: ignore[no-untyped-call]
                self.optimizer.step()
                sums += torch.stack(losses).detach()
                if on_step is not None:
                    on_step(done + k + 1, losses.total.detach())
        means = (sums / count).tolist()
        if not all(map(math.isfinite, means)):
            raise DataError(
                f"the loss was not finite within steps {done + 1} to {done + count}: lower learning_rate or set "
                "clip_norm"
            )
        return Evaluation(*means), time.perf_counter() - start


def _check(model: CVAEModel, source: MapSource) -> None:
    if source.size != model.config.size:
        raise DataError(
            f"maps are {source.size} x {source.size}, the model takes {model.config.size} x {model.config.size}: "
            "pad the maps to the model's size or build the model for theirs"
        )
    if len(source) == 0:
        raise DataError("there are no frames: give at least one contact map")


def _batches(model: CVAEModel, source: MapSource, batch_size: int) -> Iterator[Tensor]:
    _check(model, source)
    device = next(model.parameters()).device
    for start in range(0, len(source), batch_size):
        frames = np.arange(start, min(start + batch_size, len(source)))
        yield torch.from_numpy(source.batch(frames)).to(device)


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
        for maps, drawn in zip(_batches(model, source, batch_size), torch.split(noise, batch_size), strict=True):
            sums += len(maps) * torch.stack(evidence_loss(model(maps, drawn), maps, model.config.beta))
    model.train(training)
    return Evaluation(*(sums / len(source)).tolist())


@torch.no_grad()
def encode(
    model: CVAEModel, source: MapSource, *, batch_size: int = 256, execution: Execution | None = None
) -> tuple[Floats, Floats]:
    """Return mean and log-variance of the posterior of each frame, both (frames, latent)."""
    model.eval()
    with execution_context(model, _execution_for(model, execution)):
        parts = [model.encode(maps) for maps in _batches(model, source, batch_size)]
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
