"""Whether the model is computed right on this machine, and its loss falls: the gates of a size too short to learn."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor, nn

from levinthal.arrays import Integers
from levinthal.workloads.cvae.data.maps import MapSource
from levinthal.workloads.cvae.inference import Evaluation, evaluate
from levinthal.workloads.cvae.model.network import CVAEModel, evidence_loss
from levinthal.workloads.cvae.model.precision import Execution, execution_context
from levinthal.workloads.training.judging import deviation, gradients_of

if TYPE_CHECKING:
    from levinthal.workloads.cvae.data.features import Features

__all__ = ["gradient_deviation", "held_out_loss"]

_FRAMES = 16
_MOST_FRAMES = 256


def gradient_deviation(model: CVAEModel, source: MapSource, execution: Execution, seed: int) -> float:
    """Return how far the gradients of one batch are from those of plain torch in double precision.

    Parameters
    ----------
    model : CVAEModel
        Is not changed.
    source : MapSource
        The batch is 16 frames spread over it.
    execution : Execution
        How the model is trained.
    seed : int
        Of the latent noise.
    """
    frames = _spread(len(source), _FRAMES)
    maps = torch.from_numpy(source.batch(frames))
    noise = torch.randn(len(frames), model.config.latent, generator=torch.Generator().manual_seed(seed))

    def loss(how: Execution) -> Callable[[nn.Module], Tensor]:
        def of(copied: nn.Module) -> Tensor:
            assert isinstance(copied, CVAEModel)
            like = next(copied.parameters())
            with execution_context(copied, how):
                return evidence_loss(copied(maps.to(like), noise.to(like)), maps.to(like), copied.config.beta).total

        return of

    plain = gradients_of(model, loss(Execution("fp64")), double=True)
    return deviation(gradients_of(model, loss(execution)), plain)


def held_out_loss(model: CVAEModel, data: Features, lag: int, batch_size: int) -> Evaluation:
    """Return the mean loss of at most 256 validation frames, spread over them; the noise is the same each time."""
    some = data.split.validation
    if lag == 0:
        some = some[_spread(len(some), _MOST_FRAMES)]
    return evaluate(model, data.source(some, lag), batch_size=batch_size)


def _spread(n: int, most: int) -> Integers:
    return np.unique(np.linspace(0, n - 1, min(n, most)).astype(np.int64))
