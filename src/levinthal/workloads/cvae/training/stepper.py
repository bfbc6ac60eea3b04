"""Optimiser steps on batches of a source, by one process or shared by the ranks of a process group.

What a step does depends on (seed, step) alone: the order of frames, the latent noise and dropout are drawn again for
each. Training that was killed goes on at any step, and ranks exchange nothing but gradients: each
takes its share of every batch and of its noise, and the sum over the ranks is the gradient of the whole batch.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterator, Mapping
from contextlib import nullcontext
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from levinthal.arrays import Integers
from levinthal.errors import UsageError
from levinthal.harness.contract.seeds import seed_of
from levinthal.workloads.cvae.data.loader import Batch, Loader, shuffled
from levinthal.workloads.cvae.data.maps import MapSource
from levinthal.workloads.cvae.model.network import CVAEModel, evidence_loss
from levinthal.workloads.cvae.model.optimiser import OptimizerSettings, RMSprop
from levinthal.workloads.cvae.model.precision import Execution, execution_context
from levinthal.workloads.cvae.training.data_parallel import Factors, GradientExchange
from levinthal.workloads.training.process_group import rank_and_size

_ORDER, _NOISE, _DROPOUT = range(3)
_SAMPLED_FRAMES = 16


class Stepper:
    """Draws batches and takes optimiser steps.

    Parameters
    ----------
    model : CVAEModel
        Trained in place, on the device it is on. The ranks of a process group begin with the weights of the first.
    source : MapSource
        Frames; drawn in a new order each epoch, a last batch that is not full is left out.
    batch_size : int
        Frames of a step, over all ranks; no more than there are.
    optimizer : OptimizerSettings
    seed : int
    execution : Execution
    factors : {"auto", "always", "never"}
        How the wide layers' gradients travel between ranks; see `GradientExchange`.
    ddp_options : mapping, optional
        Arguments of DistributedDataParallel, for experiments.

    Attributes
    ----------
    taken : int
        Steps taken so far.
    share : int
        Frames of a batch that this rank computes.
    """

    def __init__(
        self,
        model: CVAEModel,
        source: MapSource,
        batch_size: int,
        optimizer: OptimizerSettings,
        seed: int,
        execution: Execution,
        *,
        factors: Factors = "auto",
        ddp_options: Mapping[str, Any] | None = None,
    ) -> None:
        self.rank, self.n_ranks = rank_and_size()
        if batch_size < self.n_ranks:
            raise UsageError(f"a batch of {batch_size} frames cannot be shared by {self.n_ranks} ranks: raise it")
        self.model, self.source, self.batch_size, self.execution = model, source, batch_size, execution
        self.seed, self.taken = seed, 0
        self.device = next(model.parameters()).device
        self.loader = Loader(source)
        self.optimizer = RMSprop(model.parameters(), optimizer)
        self.network: nn.Module = model
        self.exchange: GradientExchange | None = None
        if self.n_ranks > 1:
            self.exchange = GradientExchange(model, batch_size, factors, **(ddp_options or {}))
            self.network = self.exchange.network
        first_frame, last_frame = (batch_size * k // self.n_ranks for k in (self.rank, self.rank + 1))
        self.share = last_frame - first_frame
        self._share = slice(first_frame, last_frame)
        self._batches: Iterator[Batch] | None = None

    @property
    def steps_per_epoch(self) -> int:
        """Steps of one pass over the frames."""
        return len(self.source) // self.batch_size

    def step(self, *, synchronise: bool = True) -> Tensor:
        """Take a step and return total, reconstruction and KL of this rank's frames, weighted with its share.

        Parameters
        ----------
        synchronise : bool
            False leaves the gradients of the other ranks out: a step to measure communication by, not to train with.

        Returns
        -------
        Tensor, shape (3,)
            On the device, in float64; the sum over the ranks is the loss of the batch.
        """
        if self._batches is None:
            self._batches = self.loader.batches(self._groups(self.taken))
        batch = next(self._batches)
        maps = torch.from_numpy(batch.maps).to(self.device, non_blocking=True)
        targets = maps if batch.targets is batch.maps else torch.from_numpy(batch.targets).to(self.device)
        generator = torch.Generator(self.device).manual_seed(seed_of(self.seed, _NOISE, self.taken))
        # the noise of the whole batch, so that it does not depend on how many ranks share it
        noise = torch.randn(self.batch_size, self.model.config.latent, device=self.device, generator=generator)
        if self.model.config.dropout > 0:
            torch.manual_seed(seed_of(self.seed, _DROPOUT, self.taken, self.rank))
        self.model.train()
        self.optimizer.zero_grad()
        share = len(maps) / self.batch_size
        alone = nullcontext() if synchronise or self.exchange is None else self.exchange.suspended()
        with execution_context(self.model, self.execution), alone:
            losses = evidence_loss(self.network(maps, noise[self._share]), targets, self.model.config.beta)
            # gradients are averaged over the ranks
            (losses.total * (share * self.n_ranks)).backward()  # type: ignore[no-untyped-call]
            self.optimizer.step(self.taken)
        self.taken += 1
        return torch.stack(losses).detach().double() * share

    def close(self) -> None:
        """End the thread that expands batches, and leave the model to train alone."""
        self.model.wide_linear = None
        if self._batches is not None:
            self._batches.close()  # type: ignore[attr-defined]
            self._batches = None

    def _groups(self, first: int) -> Iterator[Integers]:
        """Yield this rank's frames of each step from `first` on, without end."""
        step, n = first, self.batch_size
        while True:
            epoch, k = divmod(step, self.steps_per_epoch)
            order = shuffled(len(self.source), np.random.default_rng([_ORDER, self.seed, epoch]))
            for at in range(k, self.steps_per_epoch):
                # in ascending order before they are shared, as a single process reads them
                yield np.sort(order[at * n : (at + 1) * n])[self._share]
            step += self.steps_per_epoch - k


def fingerprint_of(source: MapSource) -> dict[str, int]:
    """Return what distinguishes a source of frames from another: number, size, and a checksum of some of them."""
    frames = np.unique(np.linspace(0, len(source) - 1, _SAMPLED_FRAMES).astype(np.int64))
    return {"n": len(source), "size": source.size, "crc32": zlib.crc32(source.batch(frames).tobytes())}
