"""How the gradients of ranks are summed: torch's DistributedDataParallel, and factors for the wide dense layers.

Nearly all parameters of the network lie in the two dense layers beside the convolutions (106x106: 46.0 of 46.2
million), and what small networks lose on several devices they lose by exchanging those. The gradient of such a weight
is a product of two thin matrices, what goes into the layer and the gradient of what comes out of it, a row a frame.
Where a batch has fewer frames than the layer has outputs, ranks gather the rows and each computes the whole product:
exact, and less to send (sufficient factors: Xie et al. 2016, "Lighter-communication distributed machine learning via
sufficient factor broadcasting").
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Literal

import torch
from torch import Tensor, distributed, nn
from torch.nn import functional

from levinthal.workloads.cvae.model.network import CVAEModel
from levinthal.workloads.training.process_group import rank_and_size

Factors = Literal["auto", "always", "never"]
"""Whether the wide dense layers send factors; "auto" does where they are smaller than the gradient."""


class GradientExchange:
    """Makes a model train data-parallel in the process group; all ranks begin with the weights of the first.

    Parameters
    ----------
    model : CVAEModel
        On the device it will be trained on.
    batch_size : int
        Frames of a step, over all ranks.
    factors : {"auto", "always", "never"}
        See `Factors`.
    **options
        Arguments of DistributedDataParallel, for experiments: buckets of other sizes, a static graph and fp16 gained
        nothing (`benchmarks/data_parallel.py`).

    Attributes
    ----------
    network : DistributedDataParallel
        To be called instead of the model. Gradients are averaged over the ranks.
    by_factors : bool
        Whether the wide dense layers send factors.
    """

    def __init__(self, model: CVAEModel, batch_size: int, factors: Factors = "auto", **options: Any) -> None:
        self.rank, self.n_ranks = rank_and_size()
        self.model = model
        self.rows = -(-batch_size // self.n_ranks)
        # a ring moves a gradient twice, and factors once for each frame
        smaller = batch_size < 2 * model.config.dense
        self.by_factors = smaller if factors == "auto" else factors == "always"
        self._together = True
        if self.by_factors:
            names = [f"{name}.weight" for name in model.WIDE_LAYERS]
            for name in names:
                distributed.broadcast(model.get_parameter(name).detach(), 0)
            # torch's way to say that somebody else sums these
            nn.parallel.DistributedDataParallel._set_params_and_buffers_to_ignore_for_model(model, names)  # type: ignore[no-untyped-call]
            model.wide_linear = self.linear
        self.network = nn.parallel.DistributedDataParallel(model, gradient_as_bucket_view=True, **options)

    @contextmanager
    def suspended(self) -> Iterator[None]:
        """Leave the gradients of the other ranks out within the block."""
        self._together = False
        try:
            with self.network.no_sync():
                yield
        finally:
            self._together = True

    def linear(self, x: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
        """Return ``x @ weight.T + bias``; the gradient of the weight is the mean over the ranks already.

        Parameters
        ----------
        x : Tensor, shape (frames, n_in)
        weight : Tensor, shape (n_out, n_in)
        bias : Tensor, shape (n_out,)
        """
        result: Tensor = _FactorLinear.apply(x, weight, bias, self)  # type: ignore[no-untyped-call]
        return result

    def weight_gradient(self, outer: Tensor, inner: Tensor) -> Tensor:
        """Return the mean over the ranks of ``outer.T @ inner``, both with a row for each of this rank's frames."""
        if not self._together:
            return outer.T @ inner
        return (self._gathered(outer).T @ self._gathered(inner)).div_(self.n_ranks)

    def _gathered(self, rows: Tensor) -> Tensor:
        everyone = rows.new_empty(self.n_ranks * self.rows, rows.shape[1])
        parts = torch.split(everyone, self.rows)
        mine = parts[self.rank]
        mine[: len(rows)] = rows
        mine[len(rows) :] = 0  # a rank with a smaller share adds rows of zeros, which add nothing
        if distributed.get_backend() == "nccl":
            distributed.all_gather_into_tensor(everyone, mine)
            return everyone
        # gloo's all_gather takes two to three times as long as sending to each other
        others = [rank for rank in range(self.n_ranks) if rank != self.rank]
        under_way = [distributed.isend(mine, other) for other in others]
        under_way += [distributed.irecv(parts[other], other) for other in others]
        for work in under_way:
            if work is not None:
                work.wait()
        return everyone


class _FactorLinear(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor, weight: Tensor, bias: Tensor, exchange: GradientExchange) -> Tensor:
        ctx.save_for_backward(x, weight)
        ctx.exchange = exchange
        return functional.linear(x, weight, bias)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor | None, ...]:
        x, weight = ctx.saved_tensors
        outer = gradients[0]
        passed = outer @ weight.to(outer.dtype) if ctx.needs_input_grad[0] else None
        d_weight = ctx.exchange.weight_gradient(outer, x.to(outer.dtype)).to(weight.dtype)
        return passed, d_weight, outer.sum(0).to(weight.dtype), None
