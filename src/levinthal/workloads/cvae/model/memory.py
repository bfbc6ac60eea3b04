"""Training on maps too large to keep whole: convolutions strip by strip, recomputed where the backward pass needs them.

A map of 1,024 residues with 64 channels is 256 MiB, and a training step keeps one of them for each layer at each end.
Two remedies, from cheap to thorough: *recompute* keeps only what goes into encoder and decoder and computes the layers
between again (Chen et al., arXiv 1604.06174); *strips* does so for some rows at a time with the rows around them that
they depend on, so that no layer exists whole. Both give the gradients of the plain computation to rounding.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import cast

import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.utils.checkpoint import checkpoint

from levinthal.errors import UsageError
from levinthal.workloads.cvae.model.config import CVAEConfig

_FLOAT_BYTES = 4
# A map that is kept, its gradient, and what a convolution needs beside them: benchmarks/cvae_ladder.py at 1,024 rows.
_COPIES = 4
_STATE_COPIES = 3  # weight, gradient, RMSprop's running square
_LEAST_STRIP_ROWS = 64


@dataclass(frozen=True)
class MemoryPlan:
    """How a model spares memory in training.

    Attributes
    ----------
    recompute : bool
        Whether the maps within encoder and decoder are computed again in the backward pass instead of kept.
    strip_rows : int
        Rows of the map that are convolved at a time; 0 for all. Strips are always recomputed.
    """

    recompute: bool = False
    strip_rows: int = 0

    def __post_init__(self) -> None:
        if self.strip_rows < 0:
            raise UsageError(f"strips of {self.strip_rows} rows: give 1 or more, or 0 for whole maps")

    @property
    def name(self) -> str:
        """For example "strips of 128 rows"."""
        if self.strip_rows:
            return f"strips of {self.strip_rows} rows"
        return "recompute" if self.recompute else "keep all"


def state_bytes(config: CVAEConfig) -> int:
    """Return the bytes of weights, gradients and RMSprop's running squares: what no plan can spare."""
    return _STATE_COPIES * _FLOAT_BYTES * config.n_parameters


def activation_bytes(config: CVAEConfig, batch_size: int, plan: MemoryPlan | None = None) -> int:
    """Return about how many bytes a training step needs for maps and their gradients, weights aside.

    Parameters
    ----------
    config : CVAEConfig
    batch_size : int
        Frames of a step.
    plan : MemoryPlan, optional
        Without it everything is kept.
    """
    plan = plan or MemoryPlan()
    channels = (1, *config.filters)
    one_end = sum(size**2 * n for size, n in zip(config.sizes[1:], channels[1:], strict=True))
    one_end += sum(size**2 * n for size, n in zip(config.sizes[1:-1], channels[1:-1], strict=True))
    ends = 1 if plan.recompute or plan.strip_rows else 2
    share = min(1.0, (plan.strip_rows + 2 * _halo(config)) / config.size) if plan.strip_rows else 1.0
    whole = 4 * config.size**2 + 2 * config.flat
    return int(batch_size * _FLOAT_BYTES * (_COPIES * share * ends * one_end / 2 + whole))


def _halo(config: CVAEConfig) -> int:
    """Return how many rows beyond a strip its result depends on, at each side."""
    rows, scale = 0, 1
    for kernel, stride in zip(config.kernels, config.strides, strict=True):
        rows += (kernel // 2) * scale
        scale *= stride
    return rows


def plan_memory(config: CVAEConfig, batch_size: int, available_bytes: int) -> MemoryPlan:
    """Return the fastest plan whose maps fit beside weights and optimiser into half of what is available.

    Where none fits, the thriftiest is returned.
    """
    room = max(0, available_bytes // 2 - state_bytes(config))
    plans = [MemoryPlan(), MemoryPlan(recompute=True)]
    rows = -(-config.size // 2)
    while rows >= _LEAST_STRIP_ROWS:
        plans.append(MemoryPlan(True, rows))
        rows //= 2
    for plan in plans:
        if activation_bytes(config, batch_size, plan) <= room:
            return plan
    return plans[-1]


def recomputed(function: object, x: Tensor) -> Tensor:
    """Apply a function of one tensor, keeping nothing but its input for the backward pass."""
    return cast(Tensor, checkpoint(function, x, use_reentrant=False))


def convolve_in_strips(
    x: Tensor, layers: Sequence[nn.Module], sizes: Sequence[int], strip_rows: int, *, relu_last: bool
) -> Tensor:
    """Apply convolutions or transposed convolutions, ReLU between them, to some rows at a time.

    Parameters
    ----------
    x : Tensor, shape (frames, channels, rows, columns)
    layers : sequence of Conv2d or ConvTranspose2d
        Square, the padding half of the kernel.
    sizes : sequence of int
        Rows before the first layer, between layers, and after the last.
    strip_rows : int
        Rows of the largest map that a strip is made of, about.
    relu_last : bool
        Whether ReLU follows the last layer too.

    Returns
    -------
    Tensor, shape (frames, channels, rows, columns)
    """
    n_strips = min(sizes[-1], -(-max(sizes) // strip_rows))
    bounds = [sizes[-1] * k // n_strips for k in range(n_strips + 1)]
    parts = []
    for first, last in pairwise(bounds):
        strip = _Strip(layers, sizes, first, last, relu_last)
        parts.append(recomputed(strip, x[:, :, strip.rows[0][0] : strip.rows[0][1]]))
    return torch.cat(parts, dim=2)


class _Strip:
    """Rows `first` to `last` of the last layer's result, from the rows of the input that they depend on."""

    def __init__(
        self, layers: Sequence[nn.Module], sizes: Sequence[int], first: int, last: int, relu_last: bool
    ) -> None:
        self.layers, self.sizes, self.relu_last = layers, sizes, relu_last
        self.rows = [(first, last)]  # of each map, from the input to the result
        for layer, size in zip(reversed(layers), reversed(sizes[:-1]), strict=True):
            self.rows.insert(0, _rows_needed(layer, *self.rows[0], size))

    def __call__(self, x: Tensor) -> Tensor:
        for k, layer in enumerate(self.layers):
            x = _apply(layer, x, self.rows[k], self.rows[k + 1], self.sizes[k])
            if self.relu_last or k + 1 < len(self.layers):
                x = functional.relu(x)
        return x


def _geometry(layer: nn.Module) -> tuple[int, int, int]:
    """Return rows of the kernel, stride and padding."""
    convolution = cast(nn.Conv2d, layer)
    return convolution.kernel_size[0], convolution.stride[0], cast(tuple[int, int], convolution.padding)[0]


def _rows_needed(layer: nn.Module, first: int, last: int, size: int) -> tuple[int, int]:
    """Return the rows of the input, of which there are `size`, that some rows of the result depend on."""
    kernel, stride, padding = _geometry(layer)
    if isinstance(layer, nn.ConvTranspose2d):
        low, high = -(-(first + padding - kernel + 1) // stride), (last - 1 + padding) // stride + 1
    else:
        low, high = first * stride - padding, (last - 1) * stride - padding + kernel
    low = min(max(low, 0), size - 1)
    return low, max(min(high, size), low + 1)


def _apply(layer: nn.Module, x: Tensor, given: tuple[int, int], wanted: tuple[int, int], size: int) -> Tensor:
    """Apply a layer to the rows `given` of its input and return the rows `wanted` of its result."""
    kernel, stride, padding = _geometry(layer)
    if isinstance(layer, nn.ConvTranspose2d):
        left_over = layer.output_padding[1]
        at_end = left_over if given[1] == size else 0
        y = functional.conv_transpose2d(x, layer.weight, layer.bias, stride, (0, padding), (at_end, left_over))
        begins = given[0] * stride - padding
        return y[:, :, wanted[0] - begins : wanted[1] - begins]
    convolution = cast(nn.Conv2d, layer)
    above = max(0, padding - wanted[0] * stride)
    below = max(0, (wanted[1] - 1) * stride - padding + kernel - size)
    if above or below:
        x = functional.pad(x, (0, 0, above, below))
    return functional.conv2d(x, convolution.weight, convolution.bias, stride, (0, padding))
