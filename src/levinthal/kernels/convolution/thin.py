"""3x3 convolutions of stride 1 between one channel and many, one thread's share of the frames at a time.

The one-channel side is called the map, (frames, size, size); the other side has shape (frames, size, size, channels).
Weights are (9, channels), tap 3 a + b holding the weight between map[i + a - 1, j + b - 1] and side[i, j].
"""

from __future__ import annotations

import numpy as np

from levinthal.kernels.compiled import compiled
from levinthal.kernels.convolution.store import store_biased, store_gated
from levinthal.kernels.products import multiply


@compiled()
def _windows(maps, base, size, row, width, windows):  # type: ignore[no-untyped-def]
    """Write the 3x3 windows of one row of a map into the first nine columns of (size, width); zero outside the map."""
    for a in range(3):
        r = row + a - 1
        inside = 0 <= r < size
        for b in range(3):
            tap = 3 * a + b
            for j in range(size):
                c = j + b - 1
                value = maps.dtype.type(0)
                if inside and 0 <= c < size:
                    value = maps[base + r * size + c]
                windows[j * width + tap] = value


@compiled()
def spread_frames(maps, weight, bias, relu, gate, side, size, channels, sums, first, last):  # type: ignore[no-untyped-def]
    """Filter maps to many channels: side = act(filter(map) + bias), or gated as `winograd.filter_frames` does."""
    windows = np.empty(size * 9, maps.dtype)
    line = np.empty(size * channels, maps.dtype)
    for frame in range(first, last):
        for row in range(size):
            to = (frame * size + row) * size * channels
            _windows(maps, frame * size * size, size, row, 9, windows)
            multiply(size, channels, 9, windows, 0, 9, 1, weight, 0, channels, 16, line, 0, channels, 16, False)
            target = side[to : to + size * channels]
            if gate.size:
                store_gated(line, gate[to : to + size * channels], target, sums)
            else:
                store_biased(line, bias, relu, target)


@compiled()
def gather_frames(side, weight_columns, bias, maps, size, channels, first, last):  # type: ignore[no-untyped-def]
    """Filter many channels to a map: map[i + a - 1, j + b - 1] += sum_c side[i, j, c] weight[3 a + b, c], plus bias.

    `weight_columns` is the weight as (channels, 16), its last seven columns zero.
    """
    taps = np.empty(size * 16, side.dtype)
    for frame in range(first, last):
        base = frame * size * size
        maps[base : base + size * size] = bias
        for row in range(size):
            at = (base + row * size) * channels
            multiply(size, 16, channels, side, at, channels, 1, weight_columns, 0, 16, 16, taps, 0, 16, 16, False)
            for a in range(3):
                r = row + a - 1
                if r < 0 or r >= size:
                    continue
                for b in range(3):
                    for j in range(max(0, 1 - b), min(size, size + 1 - b)):
                        maps[base + r * size + j + b - 1] += taps[j * 16 + 3 * a + b]


@compiled()
def thin_weight_gradient_frames(maps, side, dweight, size, channels, first, last):  # type: ignore[no-untyped-def]
    """Add to dweight (10, channels) the gradient over frames first to last; the tenth row stays zero.

    Ten rows are six and four of the product kernel; nine would be six, two and one, which take longer.
    """
    windows = np.zeros(size * 10, maps.dtype)
    for frame in range(first, last):
        for row in range(size):
            _windows(maps, frame * size * size, size, row, 10, windows)
            at = (frame * size + row) * size * channels
            multiply(10, channels, size, windows, 0, 1, 10, side, at, channels, 16, dweight, 0, channels, 16, True)
