"""Both directions of an LSTM layer over rows of residues: to train by automatic differentiation, and to predict."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from itertools import pairwise
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

from levinthal.arrays import Integers
from levinthal.kernels.products import PANEL
from levinthal.kernels.recurrence import recurrence
from levinthal.kernels.threads import n_compute_threads, shares, together
from levinthal.workloads.rgn.model.pack import IntegerMatrix, float_panels, integer_panels, integer_size

Array = npt.NDArray[Any]

_PARALLEL_ROWS = 6
"""The fewest sequences that are worth a thread of their own: the kernels take so many rows at a time."""
_SMALL_INPUT = 128
"""Inputs below this are projected in float32 also where weights are integers: it costs next to nothing."""


@dataclass(frozen=True)
class Part:
    """Sequences that one thread takes in one direction, one after the other in rows, in descending order of length.

    Attributes
    ----------
    rows : slice
        Of the layer's rows.
    starts, lengths : int64 arrays (sequences,)
        Residue t of sequence b is row ``rows.start + starts[b] + t``.
    """

    rows: slice
    starts: Integers
    lengths: Integers


@dataclass(frozen=True)
class Layout:
    """How the proteins of a batch lie in an array of rows.

    Attributes
    ----------
    order : int64 array (proteins,)
        The protein whose residues come first, second, ...
    parts : tuple of Part
        Together all rows.
    """

    order: Integers
    parts: tuple[Part, ...]

    @classmethod
    def of(cls, lengths: Integers) -> Layout:
        """Lay out proteins of these lengths for the threads there are; two directions share them."""
        count = max(1, min(n_compute_threads() // 2, len(lengths) // _PARALLEL_ROWS))
        descending = np.argsort(-lengths, kind="stable")
        parts: list[Part] = []
        first = 0
        for k in range(count):
            chosen = lengths[descending[k::count]]
            last = first + int(chosen.sum())
            parts.append(Part(slice(first, last), np.cumsum(chosen) - chosen, chosen))
            first = last
        return cls(np.concatenate([descending[k::count] for k in range(count)]), tuple(parts))


@dataclass(frozen=True)
class FloatWeights:
    """A direction's weights in float panels: inputs (D, 4 H), recurrent (H, 4 H), bias (4 H,)."""

    inputs: Array
    recurrent: Array
    bias: Array

    @classmethod
    def of(cls, inputs: Tensor, recurrent: Tensor, bias: Tensor) -> FloatWeights:
        """Repack weights (4 H, D), (4 H, H) and a bias (4 H,)."""
        return cls(float_panels(inputs.t()), float_panels(recurrent.t()), bias.numpy())


@dataclass(frozen=True)
class IntegerWeights:
    """A direction's weights in 16-bit integers; inputs of few columns stay float panels."""

    inputs: IntegerMatrix | Array
    recurrent: IntegerMatrix
    bias: Array

    @classmethod
    def of(cls, inputs: Tensor, recurrent: Tensor, bias: Tensor) -> IntegerWeights:
        """Repack weights (4 H, D), (4 H, H) and a bias (4 H,)."""
        packed = float_panels(inputs.t()) if inputs.shape[1] < _SMALL_INPUT else integer_panels(inputs.t())
        return cls(packed, integer_panels(recurrent.t()), bias.numpy())


def predict_layer(rows: Tensor, layout: Layout, directions: Sequence[FloatWeights | IntegerWeights]) -> Tensor:
    """Return h of the two directions side by side, (R, 2 H).

    Parameters
    ----------
    rows : Tensor (R, D)
        Contiguous, on the CPU, float32 or float64 as the weights; float32 where they are integers.
    layout : Layout
        Where the sequences lie.
    directions : two of FloatWeights or of IntegerWeights
        Forward, backward.
    """
    inputs = rows.numpy()
    gates = _projected(inputs, directions)
    n_hidden = len(directions[0].bias) // 4
    hidden = np.empty((len(inputs), 2 * n_hidden), inputs.dtype)
    tasks = []
    for part in layout.parts:
        tasks += [partial(_predict, weights, gates[d], hidden, d, part) for d, weights in enumerate(directions)]
    together(tasks)
    return torch.from_numpy(hidden)


def _projected(rows: Array, directions: Sequence[FloatWeights | IntegerWeights]) -> list[Array]:
    """Return rows times the input weights of each direction, (R, >= 4 H) each."""
    targets = [np.empty((len(rows), -(-len(d.bias) // PANEL) * PANEL), rows.dtype) for d in directions]
    bounds = [*pairwise(shares(targets[0].shape[1] // PANEL))]
    tasks = []
    integers: tuple[Array, Array] | None = None
    for direction, target in zip(directions, targets, strict=True):
        if isinstance(direction.inputs, IntegerMatrix):
            integers = integers or _as_integers(rows)
            matrix = direction.inputs
            tasks += [
                partial(recurrence.project_integers, *part, *integers, matrix.values, matrix.scales, target)
                for part in bounds
            ]
        else:
            weights = direction.inputs
            tasks += [partial(recurrence.project, *part, rows, weights, target) for part in bounds]
    together(tasks)
    return targets


def _as_integers(rows: Array) -> tuple[Array, Array]:
    rounded = np.zeros((len(rows), integer_size(rows.shape[1])), np.int16)
    units = np.empty(len(rows), np.float32)
    parts = [slice(*part) for part in pairwise(shares(len(rows)))]
    together([partial(recurrence.quantise, rows[part], rounded[part], units[part]) for part in parts])
    return rounded, units


def _predict(weights: FloatWeights | IntegerWeights, gates: Array, hidden: Array, direction: int, part: Part) -> None:
    n_hidden = len(weights.bias) // 4
    where = (gates[part.rows], hidden[part.rows], direction * n_hidden, part.starts, part.lengths, direction == 1)
    if isinstance(weights, IntegerWeights):
        packed = weights.recurrent
        recurrence.predict_integers(packed.values, packed.scales, packed.k, weights.bias, *where)
    else:
        recurrence.predict(weights.recurrent, weights.bias, *where)


def train_layer(rows: Tensor, layout: Layout, directions: Sequence[tuple[Tensor, Tensor, Tensor]]) -> Tensor:
    """Do as `predict_layer`, differentiable once in rows and weights.

    Parameters
    ----------
    rows : Tensor (R, D)
        On the CPU, float32 or float64 as the weights.
    layout : Layout
        Where the sequences lie.
    directions : two tuples of Tensors
        Weights (4 H, D) of the inputs and (4 H, H) recurrent, and bias (4 H,), of forward and backward.
    """
    tensors = (tensor for each in directions for tensor in each)
    hidden: Tensor = _Layer.apply(layout, rows, *tensors)  # type: ignore[no-untyped-call]
    return hidden


@dataclass(frozen=True)
class _Kept:
    """What a direction keeps of a part for its backward pass."""

    gates: Array
    cells: Array
    previous: Array


class _Layer(torch.autograd.Function):
    """A task for each part and direction goes from its inputs to h, and another back to its gradients, on one core.

    Gradients of weights are one product over all residues after the time loop.
    """

    @staticmethod
    def forward(ctx: Any, layout: Layout, rows: Tensor, *parameters: Tensor) -> Tensor:
        rows = rows.detach().contiguous()
        directions = [FloatWeights.of(*(each.detach() for each in parameters[3 * d : 3 * d + 3])) for d in range(2)]
        n_hidden = len(directions[0].bias) // 4
        hidden = torch.empty(len(rows), 2 * n_hidden, dtype=rows.dtype)
        kept: list[tuple[int, Part, _Kept]] = []
        tasks = []
        for part in layout.parts:
            for d, weights in enumerate(directions):
                inputs, outputs = rows.numpy()[part.rows], hidden.numpy()[part.rows]
                gates = np.empty((len(inputs), -(-4 * n_hidden // PANEL) * PANEL), inputs.dtype)
                cells, previous = (np.empty((len(inputs), n_hidden), inputs.dtype) for _ in range(2))
                kept.append((d, part, _Kept(gates, cells, previous)))
                tasks.append(partial(_forward, weights, inputs, outputs, *kept[-1]))
        together(tasks)
        ctx.save_for_backward(rows, *parameters)
        ctx.kept = kept
        return hidden

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor | None, ...]:
        rows, *parameters = ctx.saved_tensors
        gradient = gradient.contiguous()
        needs_rows = ctx.needs_input_grad[1]
        found: list[list[Tensor]] = [[] for _ in ctx.kept]
        tasks = [
            partial(_backward, rows, parameters[3 * d : 3 * d + 2], gradient, d, part, kept, needs_rows, out)
            for (d, part, kept), out in zip(ctx.kept, found, strict=True)
        ]
        together(tasks)
        of_weights: list[Tensor | None] = []
        for d in range(2):
            for k in range(3):
                terms = [out[k] for (direction, _, _), out in zip(ctx.kept, found, strict=True) if direction == d]
                of_weights.append(sum(terms[1:], start=terms[0]))
        d_rows: Tensor | None = None
        if needs_rows:
            d_rows = torch.cat([found[k][3] + found[k + 1][3] for k in range(0, len(found), 2)])
        return (None, d_rows, *of_weights)


def _forward(weights: FloatWeights, inputs: Array, outputs: Array, direction: int, part: Part, kept: _Kept) -> None:
    recurrence.project(0, kept.gates.shape[1] // PANEL, inputs, weights.inputs, kept.gates)
    recurrence.forward(
        weights.recurrent, weights.bias, kept.gates, kept.cells, kept.previous,
        outputs, direction * kept.cells.shape[1], part.starts, part.lengths, direction == 1,
    )  # fmt: skip


def _backward(
    rows: Tensor,
    weights: Sequence[Tensor],
    gradient: Tensor,
    direction: int,
    part: Part,
    kept: _Kept,
    needs_rows: bool,
    found: list[Tensor],
) -> None:
    """Append the gradients of input weights, recurrent weights, bias and, where asked for, rows to `found`."""
    n_rows, n_hidden = kept.cells.shape
    d_sums = torch.empty(n_rows, 4 * n_hidden, dtype=rows.dtype)
    recurrence.backward(
        float_panels(weights[1].detach()), kept.gates, kept.cells, gradient.numpy()[part.rows], direction * n_hidden,
        d_sums.numpy(), part.starts, part.lengths, direction == 1,
    )  # fmt: skip
    with torch.no_grad():
        transposed = d_sums.t()
        found += [transposed @ rows[part.rows], transposed @ torch.from_numpy(kept.previous), d_sums.sum(0)]
        if needs_rows:
            found.append(d_sums @ weights[0])
