"""Stacks of 3x3 convolutions with ReLU between them, as functions torch can differentiate.

The stack keeps its maps channels-last; each thread takes its share of the frames through all layers. In the backward
pass the gradient of a ReLU is applied where the gradient is produced, and the bias gradients are summed there.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache, reduce
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from levinthal.kernels.convolution.store import store_gated
from levinthal.kernels.convolution.thin import gather_frames, spread_frames, thin_weight_gradient_frames
from levinthal.kernels.convolution.toom import down, same, tiles_along, up
from levinthal.kernels.convolution.winograd import (
    KIND_DOWN,
    KIND_SAME,
    KIND_UP,
    filter_frames,
    weight_gradient_frames,
)
from levinthal.kernels.products import PANEL
from levinthal.kernels.threads import in_parts, shares

Flat = npt.NDArray[Any]

_SHARES = 64
"""Equal shares of the work on weights, dealt out to the threads."""


@dataclass(frozen=True)
class Layer:
    """One 3x3 convolution of padding 1, or its transpose.

    Attributes
    ----------
    transposed : bool
        False: from the big side to the small one (a convolution); True: from small to big.
    size_big, size_small : int
        Rows (and columns) of both sides; ``size_small = ceil(size_big / stride)``.
    channels_big, channels_small : int
        Channels of both sides. The weight has shape (channels_small, channels_big, 3, 3), which is torch's for
        `Conv2d` and for `ConvTranspose2d`.
    stride : int
        1 or 2.
    relu : bool
        Whether ReLU follows.
    """

    transposed: bool
    size_big: int
    size_small: int
    channels_big: int
    channels_small: int
    stride: int
    relu: bool

    @property
    def thin(self) -> bool:
        """Whether the big side is a map of one channel."""
        return self.channels_big == 1

    @property
    def shape_in(self) -> tuple[int, int]:
        """Rows and channels of the input."""
        return (self.size_small, self.channels_small) if self.transposed else (self.size_big, self.channels_big)

    @property
    def shape_out(self) -> tuple[int, int]:
        """Rows and channels of the output."""
        return (self.size_big, self.channels_big) if self.transposed else (self.size_small, self.channels_small)


def supports(layer: Layer, kernel: int) -> bool:
    """Return whether the kernels can compute the layer."""
    whole = layer.channels_small % PANEL == 0
    if layer.thin:
        return kernel == 3 and whole and layer.stride == 1
    return kernel == 3 and whole and layer.channels_big % PANEL == 0 and layer.stride in (1, 2)


def _flat(tensor: Tensor) -> Flat:
    return tensor.detach().contiguous().view(-1).numpy()


@cache
def _both_axes(stride: int, size_small: int, to_big: bool, dtype: torch.dtype) -> Tensor:
    """Return the matrix (weights of all classes of tiles, 9) from the taps to the transformed weights."""
    scheme = same if stride == 1 else up if to_big else down
    tile, large, small = tiles_along(size_small)
    sizes = [size for size, count in ((tile, large), (tile - 1, small)) if count]
    axis = [scheme(size).weight for size in sizes]
    return torch.from_numpy(np.vstack([np.kron(rows, columns) for rows in axis for columns in axis])).to(dtype)


def _panels(taps: Tensor) -> Tensor:
    """Return taps (3, 3, n_in, n_out) as (9, n_out / 16 * n_in * 16): the columns of the products in panels."""
    n_in, n_out = taps.shape[2:]
    return taps.reshape(9, n_in, n_out // PANEL, PANEL).transpose(1, 2).reshape(9, -1)


class _Side:
    """The transformed weights of a layer for one direction, and how to run it over a range of frames."""

    def __init__(self, layer: Layer, weight: Tensor, to_big: bool) -> None:
        self.layer, self.to_big = layer, to_big
        weight = weight.detach()
        if layer.thin:
            taps = weight.permute(2, 3, 1, 0).reshape(9, layer.channels_small)
            if to_big:
                columns = torch.zeros(layer.channels_small, 16, dtype=weight.dtype)
                columns[:, :9] = taps.T
                self.weight = _flat(columns)
            else:
                self.weight = _flat(taps)
            return
        if layer.stride == 1:
            self.kind = KIND_SAME
            taps = weight.flip(2, 3).permute(2, 3, 0, 1) if to_big else weight.permute(2, 3, 1, 0)
        else:
            self.kind = KIND_UP if to_big else KIND_DOWN
            taps = weight.permute(2, 3, 0, 1) if to_big else weight.permute(2, 3, 1, 0)
        self.axes = _both_axes(layer.stride, layer.size_small, to_big, weight.dtype)
        self.taps = _panels(taps)
        self.transformed = weight.new_empty(len(self.axes), self.taps.shape[1])
        self.weight = _flat(self.transformed)
        self.tiling = tiles_along(layer.size_small)

    def transform(self, first: int, last: int, of: int) -> None:
        """Fill a part of the transformed weights, from `first` to `last` of `of` equal ones."""
        if not self.layer.thin:
            rows = slice(len(self.axes) * first // of, len(self.axes) * last // of)
            torch.mm(self.axes[rows], self.taps, out=self.transformed[rows])

    def run(self, x: Flat, bias: Flat, relu: bool, gate: Flat, y: Flat, sums: Flat, first: int, last: int) -> None:
        """Fill frames first to last of y; see `winograd.filter_frames`."""
        layer = self.layer
        big, small = (layer.size_big, layer.channels_big), (layer.size_small, layer.channels_small)
        source, target = (small, big) if self.to_big else (big, small)
        if not layer.thin:
            filter_frames(
                self.kind, self.tiling, x, source[0], self.weight, source[1], bias, relu, gate,
                y, target[0], target[1], sums, first, last,
            )  # fmt: skip
        elif self.to_big:
            gather_frames(x, self.weight, bias[0] if bias.size else x.dtype.type(0), y, layer.size_big,
                          layer.channels_small, first, last)  # fmt: skip
        else:
            spread_frames(x, self.weight, bias, relu, gate, y, layer.size_big, layer.channels_small, sums, first, last)


def _n_sums(layer: Layer) -> int:
    """Return how many numbers the kernels sum for the gradient of a layer's weight."""
    if layer.thin:
        return 10 * layer.channels_small
    rows = len(_both_axes(layer.stride, layer.size_small, False, torch.float32))
    return rows * layer.channels_big * layer.channels_small


def _weight_gradient(layer: Layer, big: Flat, small: Flat, into: Flat, first: int, last: int) -> None:
    if layer.thin:
        thin_weight_gradient_frames(big, small, into, layer.size_big, layer.channels_small, first, last)
    else:
        weight_gradient_frames(
            KIND_SAME if layer.stride == 1 else KIND_DOWN, tiles_along(layer.size_small),
            big, layer.size_big, layer.channels_big, small, layer.size_small, layer.channels_small, into, first, last,
        )  # fmt: skip


class _WeightGradient:
    """Adds the threads' sums for a layer and brings them to (channels_small, channels_big, 3, 3)."""

    def __init__(self, layer: Layer, parts: list[Flat], like: Tensor) -> None:
        self.layer, self.parts = layer, [torch.from_numpy(part) for part in parts]
        if not layer.thin:
            self.axes = _both_axes(layer.stride, layer.size_small, False, like.dtype)
            self.parts = [part.view(len(self.axes), -1) for part in self.parts]
            self.taps = like.new_empty(9, layer.channels_big * layer.channels_small)

    def reduce(self, first: int, last: int, of: int) -> None:
        """Finish a part, from `first` to `last` of `of` equal ones."""
        if not self.layer.thin:
            columns = slice(self.taps.shape[1] * first // of, self.taps.shape[1] * last // of)
            total = reduce(torch.add, [part[:, columns] for part in self.parts])
            torch.mm(self.axes.T, total, out=self.taps[:, columns])

    def result(self) -> Tensor:
        """Return the gradient."""
        big, small = self.layer.channels_big, self.layer.channels_small
        if self.layer.thin:
            total = reduce(torch.add, self.parts).view(10, small)[:9]
            return total.T.reshape(small, 1, 3, 3)
        taps = self.taps.view(3, 3, small // PANEL, big, PANEL)
        return taps.permute(2, 4, 3, 0, 1).reshape(small, big, 3, 3)


class _Stack(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor, layers: tuple[Layer, ...], *parameters: Tensor) -> Tensor:
        n = len(x)
        weights, biases = parameters[0::2], parameters[1::2]
        sides, opposite = (
            [_Side(layer, w, layer.transposed != other) for layer, w in zip(layers, weights, strict=True)]
            for other in (False, True)
        )
        # the first layer needs the opposite direction only for the gradient of x
        needed = opposite[0 if ctx.needs_input_grad[0] else 1 :] if any(ctx.needs_input_grad) else []

        def transform(first: int, last: int) -> None:
            for side in (*sides, *needed):
                side.transform(first, last, _SHARES)

        in_parts(transform, shares(_SHARES))
        maps = [x.detach().contiguous()]
        for layer in layers:
            size, channels = layer.shape_out
            maps.append(torch.empty(n, size, size, channels, dtype=x.dtype))
        flats, shifts = [_flat(m) for m in maps], [_flat(b) for b in biases]
        nothing = np.empty(0, flats[0].dtype)

        def work(first: int, last: int) -> None:
            for i, (layer, side) in enumerate(zip(layers, sides, strict=True)):
                side.run(flats[i], shifts[i], layer.relu, nothing, flats[i + 1], nothing, first, last)

        in_parts(work, shares(n))
        ctx.layers, ctx.opposite = layers, opposite
        ctx.save_for_backward(*maps[:-1], maps[-1] if layers[-1].relu else maps[-1].new_empty(0), *weights)
        return maps[-1]

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor | None, ...]:
        layers: tuple[Layer, ...] = ctx.layers
        depth = len(layers)
        saved = ctx.saved_tensors  # asked for once: recomputation hands them out only once
        maps, weights = saved[: depth + 1], saved[depth + 1 :]
        (gradient,) = gradients
        n, dtype = len(maps[0]), _flat(gradient).dtype
        wanted_x = ctx.needs_input_grad[0]
        sides: list[_Side] = ctx.opposite
        flats = [_flat(m) for m in maps[:-1]]
        passed = [torch.empty_like(m) if i or wanted_x else m.new_empty(0) for i, m in enumerate(maps[:-1])]
        outer = _flat(gradient)
        each = outer.size // max(n, 1)
        grads = [*(_flat(p) for p in passed), np.empty_like(outer) if layers[-1].relu else outer]
        nothing = np.empty(0, dtype)

        def work(first: int, last: int) -> tuple[list[Flat], list[Flat]]:
            d_weights, d_biases = [], []
            for layer in layers:
                d_weights.append(np.zeros(_n_sums(layer), dtype))
                d_biases.append(np.zeros(layer.shape_out[1], dtype))
            if layers[-1].relu:
                store_gated(*(a[first * each : last * each] for a in (outer, _flat(maps[-1]), grads[-1])), d_biases[-1])
            for i in range(depth - 1, -1, -1):
                layer, above, below = layers[i], grads[i + 1], flats[i]
                big, small = (above, below) if layer.transposed else (below, above)
                _weight_gradient(layer, big, small, d_weights[i], first, last)
                if i > 0:
                    sides[i].run(above, nothing, False, below, grads[i], d_biases[i - 1], first, last)
                elif wanted_x:
                    sides[0].run(above, nothing, False, nothing, grads[0], nothing, first, last)
            return d_weights, d_biases

        parts = in_parts(work, shares(n))
        finishing = [
            _WeightGradient(layer, [part[0][i] for part in parts], weight)
            for i, (layer, weight) in enumerate(zip(layers, weights, strict=True))
        ]

        def finish(first: int, last: int) -> None:
            for one in finishing:
                one.reduce(first, last, _SHARES)

        in_parts(finish, shares(_SHARES))
        result: list[Tensor | None] = [passed[0] if wanted_x else None, None]
        for i, layer in enumerate(layers):
            bias = torch.from_numpy(reduce(np.add, [part[1][i] for part in parts]))
            result += [finishing[i].result(), bias if layer.relu else gradient.sum((0, 1, 2))]
        return tuple(result)


def convolution_stack(x: Tensor, layers: Sequence[Layer], parameters: Sequence[Tensor]) -> Tensor:
    """Apply layers one after the other; differentiable once.

    Parameters
    ----------
    x : Tensor, shape (frames, size, size, channels)
        Input maps on the CPU, float32 or float64.
    layers : sequence of Layer
        All layers but the last have ReLU.
    parameters : sequence of Tensor
        Weight (channels_small, channels_big, 3, 3) and bias of each layer in turn.

    Returns
    -------
    Tensor, shape (frames, size, size, channels) of the last layer
    """
    if not all(layer.relu for layer in layers[:-1]):
        raise ValueError("only the last layer of a stack may go without ReLU")
    result: Tensor = _Stack.apply(x, tuple(layers), *parameters)  # type: ignore[no-untyped-call]
    return result
