"""A trained CVAE at work: its loss on frames, latent points of frames, and maps of latent points."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from levinthal.arrays import Singles
from levinthal.errors import DataError
from levinthal.workloads.cvae.data.loader import Loader
from levinthal.workloads.cvae.data.maps import MapSource
from levinthal.workloads.cvae.model.network import CVAEModel, evidence_loss
from levinthal.workloads.cvae.model.precision import Execution, execution_context


@dataclass(frozen=True)
class Evaluation:
    """Loss on frames, in nats a frame; ``total = reconstruction + beta * kl``."""

    total: float
    reconstruction: float
    kl: float


def check_frames(model: CVAEModel, source: MapSource) -> None:
    """Refuse frames that a model does not take.

    Raises
    ------
    DataError
        Maps of another size than the model's, or no frames.
    """
    if source.size != model.config.size:
        raise DataError(
            f"maps are {source.size} x {source.size}, the model takes {model.config.size} x {model.config.size}: "
            "pad the maps to the model's size or build the model for theirs"
        )
    if len(source) == 0:
        raise DataError("there are no frames: give at least one contact map")


def _batches(model: CVAEModel, source: MapSource, batch_size: int) -> Iterator[tuple[Tensor, Tensor]]:
    """Yield maps and what they are to be decoded to, in order, on the model's device and in its type."""
    check_frames(model, source)
    like = next(model.parameters())
    groups = (np.arange(start, min(start + batch_size, len(source))) for start in range(0, len(source), batch_size))
    # nothing is to be expanded ahead of the only batch
    for batch in Loader(source, ahead=2 if len(source) > batch_size else 0).batches(groups):
        maps = torch.from_numpy(batch.maps).to(like)
        yield maps, maps if batch.targets is batch.maps else torch.from_numpy(batch.targets).to(like)


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
) -> tuple[Singles, Singles]:
    """Return mean and log-variance of the posterior of each frame, both (frames, latent)."""
    model.eval()
    with execution_context(model, _execution_for(model, execution)):
        parts = [model.encode(maps) for maps, _ in _batches(model, source, batch_size)]
    mean, log_var = (torch.cat([part[i] for part in parts]).float().cpu().numpy() for i in (0, 1))
    return mean, log_var


@torch.no_grad()
def decode(
    model: CVAEModel, latent: npt.ArrayLike, *, batch_size: int = 256, execution: Execution | None = None
) -> Singles:
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
