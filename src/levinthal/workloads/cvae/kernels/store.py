"""What happens to a line of finished sums on its way to memory: bias, ReLU, or the backward pass of a ReLU."""

from __future__ import annotations

import numba

__all__ = ["store_biased", "store_gated", "store_rows"]


@numba.njit(nogil=True, cache=True)
def store_biased(line, bias, relu, target):  # type: ignore[no-untyped-def]
    """Write line + bias (or line, where bias is empty) to target, after ReLU where `relu`; (positions * channels,)."""
    channels = bias.size
    if channels == 0:
        for k in range(line.size):
            target[k] = line[k]
        return
    zero = line.dtype.type(0)
    for start in range(0, line.size, channels):
        source, goal = line[start : start + channels], target[start : start + channels]
        if relu:
            for c in range(channels):
                value = source[c] + bias[c]
                goal[c] = value if value > zero else zero
        else:
            for c in range(channels):
                goal[c] = source[c] + bias[c]


@numba.njit(nogil=True, cache=True)
def store_gated(line, gate, target, sums):  # type: ignore[no-untyped-def]
    """Write line where gate is positive, else zero, to target, and add it up by channel in sums (channels,)."""
    channels = sums.size
    zero = line.dtype.type(0)
    for start in range(0, line.size, channels):
        source, goal = line[start : start + channels], target[start : start + channels]
        allowed = gate[start : start + channels]
        for c in range(channels):
            value = source[c] if allowed[c] > zero else zero
            goal[c] = value
            sums[c] += value


@numba.njit(nogil=True, cache=True)
def store_rows(rows, bias):  # type: ignore[no-untyped-def]
    """Replace rows (n * width,) by relu(rows + bias) in place."""
    width = bias.size
    zero = rows.dtype.type(0)
    for start in range(0, rows.size, width):
        row = rows[start : start + width]
        for c in range(width):
            value = row[c] + bias[c]
            row[c] = value if value > zero else zero
