"""Wide dense layers with ReLU on the kernels' threads, as functions torch can differentiate."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from levinthal.kernels.convolution.store import add_and_rectify, gate_columns
from levinthal.kernels.threads import in_parts, n_compute_threads, shares

_ROWS_WORTH_SPLITTING = 64


def _product(a: Tensor, b: Tensor) -> Tensor:
    """Return a @ b, its longer side shared between the threads."""
    out = torch.empty(a.shape[0], b.shape[1], dtype=a.dtype)
    if a.shape[0] >= b.shape[1]:
        in_parts(lambda first, last: torch.mm(a[first:last], b, out=out[first:last]), shares(a.shape[0]))
    else:
        in_parts(lambda first, last: torch.mm(a, b[:, first:last], out=out[:, first:last]), shares(b.shape[1]))
    return out


class _Dense(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
        ctx.save_for_backward(x, weight)
        x, weight = x.detach(), weight.detach()
        y = torch.empty(len(x), len(weight), dtype=x.dtype)
        values, shift = y.numpy(), bias.detach().numpy()

        def rows(first: int, last: int) -> None:
            torch.mm(x[first:last], weight.T, out=y[first:last])
            add_and_rectify(values, shift, first, last, 0, len(shift))

        def columns(first: int, last: int) -> None:
            torch.mm(x, weight[first:last].T, out=y[:, first:last])
            add_and_rectify(values, shift, 0, len(values), first, last)

        # a share of a few rows would read all weights for little work
        if len(x) >= _ROWS_WORTH_SPLITTING * n_compute_threads():
            in_parts(rows, shares(len(x)))
        else:
            in_parts(columns, shares(len(weight)))
        ctx.output = y.detach()
        return y

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor | None, Tensor, Tensor]:
        x, weight = (t.detach() for t in ctx.saved_tensors)
        gated, d_weight = torch.empty_like(ctx.output), torch.empty_like(weight)
        d_bias = torch.zeros(len(weight), dtype=weight.dtype)
        arrays = [t.detach().contiguous().numpy() for t in (gradients[0], ctx.output, gated, d_bias)]

        def work(first: int, last: int) -> None:
            gate_columns(*arrays, first, last)
            torch.mm(gated[:, first:last].T, x, out=d_weight[first:last])

        in_parts(work, shares(len(weight)))
        return _product(gated, weight) if ctx.needs_input_grad[0] else None, d_weight, d_bias


def dense(x: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
    """Return relu(x @ weight.T + bias); differentiable once.

    Parameters
    ----------
    x : Tensor, shape (frames, n_in)
    weight : Tensor, shape (n_out, n_in)
    bias : Tensor, shape (n_out,)
    """
    result: Tensor = _Dense.apply(x, weight, bias)  # type: ignore[no-untyped-call]
    return result
