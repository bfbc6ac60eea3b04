"""The compiled loops of contact maps; imported only when a map is made, because numba is slow to import.

All kernels release the interpreter's lock and take a range of frames, so that threads can share the work.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import numpy.typing as npt
from llvmlite import ir
from numba import types

from levinthal.kernels.compiled import compiled
from levinthal.kernels.vectors import INT64, Emitter, Place, emitted

# 32 comparisons become one 32-bit mask: LLVM lowers the vector of booleans to PMOVMSKB (x86) or its like elsewhere.
LANES = 32
_U64 = np.uint64


def _write_masks(code: Emitter, x: Place, y: Place, z: Place, i: Any, j: Any, low: Any, high: Any) -> Any:
    """Compare the squared distances from point i to points j .. j+31 with two limits.

    Returns one uint64: in the lower half bit k is d2(i, j+k) < low, in the upper half bit k says that the answers for
    low and high differ, in other words that d2 lies between the limits.
    """
    builder = code.builder
    vector = ir.VectorType(x.scalar, LANES)
    squared = None
    for axis in (x, y, z):
        others = code.load(code.at(axis, j), vector)
        difference = code.subtract(code.splat(code.load(code.at(axis, i)), LANES), others)
        square = code.multiply(difference, difference)
        squared = square if squared is None else code.add(squared, square)

    def mask(limit: Any) -> Any:
        below = builder.fcmp_ordered("<", squared, code.splat(limit, LANES))
        return builder.zext(builder.bitcast(below, ir.IntType(LANES)), INT64)

    below_low = mask(low)
    between = builder.xor(below_low, mask(high))
    return builder.or_(builder.shl(between, INT64(32)), below_low)


_lane_masks = emitted(_write_masks, returns=types.uint64)


@compiled()
def _exact_mask(
    x: npt.NDArray[Any], y: npt.NDArray[Any], z: npt.NDArray[Any], i: int, j: int, count: int, cutoff: float
) -> np.uint64:
    """Decide `count` pairs in float64."""
    mask = _U64(0)
    for k in range(count):
        dx = np.float64(x[j + k]) - np.float64(x[i])
        dy = np.float64(y[j + k]) - np.float64(y[i])
        dz = np.float64(z[j + k]) - np.float64(z[i])
        if math.sqrt(dx * dx + dy * dy + dz * dz) < cutoff:
            mask |= _U64(1) << _U64(k)
    return mask


@compiled()
def pack_frames(
    xyz: npt.NDArray[Any], start: int, stop: int, low: Any, high: Any, cutoff: float, out: npt.NDArray[np.uint8]
) -> int:
    """Write the contact bits of frames start .. stop-1; return -1, or the first frame that is not finite."""
    n = xyz.shape[1]
    n_bytes = out.shape[1]
    x = np.zeros(n + LANES, xyz.dtype)
    y = np.zeros(n + LANES, xyz.dtype)
    z = np.zeros(n + LANES, xyz.dtype)
    words = np.zeros(n_bytes // 4 + 2, np.uint32)
    as_bytes = words.view(np.uint8)
    one, half, low_half = _U64(1), _U64(32), _U64(0xFFFFFFFF)
    for frame in range(start, stop):
        for i in range(n):
            x[i] = xyz[frame, i, 0]
            y[i] = xyz[frame, i, 1]
            z[i] = xyz[frame, i, 2]
        broken = False
        for i in range(n):  # infinity minus infinity is NaN, and NaN differs from zero
            broken |= (x[i] - x[i] != 0) | (y[i] - y[i] != 0) | (z[i] - z[i] != 0)
        if broken:
            return frame
        word = _U64(0)
        pending = _U64(0)
        held = _U64(0)
        for i in range(n - 1):
            j = i + 1
            while j + LANES <= n:
                masks = _lane_masks(x, y, z, i, j, low, high)
                if masks >> half:
                    masks = _exact_mask(x, y, z, i, j, LANES, cutoff)
                pending |= masks << held
                words[word] = pending & low_half
                word += one
                pending >>= half
                j += LANES
            if j < n:
                count = _U64(n - j)
                valid = (one << count) - one
                masks = _lane_masks(x, y, z, i, j, low, high)
                if (masks >> half) & valid:
                    masks = _exact_mask(x, y, z, i, j, n - j, cutoff)
                pending |= (masks & valid) << held
                words[word] = pending & low_half
                held += count
                word += held >> _U64(5)
                pending >>= held & half
                held &= _U64(31)
        words[word] = pending & low_half
        for k in range(n_bytes):
            out[frame, k] = as_bytes[k]
    return -1


@compiled()
def expand_frames(packed: npt.NDArray[np.uint8], start: int, stop: int, n: int, out: npt.NDArray[Any]) -> None:
    """Write the dense symmetric map of each frame; whatever lies beyond residue n-1 becomes 0."""
    size = out.shape[1]
    dense = np.zeros((size, size), np.uint8)
    for i in range(n):
        dense[i, i] = 1
    for frame in range(start, stop):
        pair = 0
        for i in range(n - 1):
            for j in range(i + 1, n):
                bit = (packed[frame, pair >> 3] >> (pair & 7)) & 1
                dense[i, j] = bit
                dense[j, i] = bit
                pair += 1
        for i in range(size):
            for j in range(size):
                out[frame, i, j] = dense[i, j]
