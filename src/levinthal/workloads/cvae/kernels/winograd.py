"""3x3 convolutions of channels-last maps by minimal filtering, one thread's share of the frames at a time.

Maps are flat C-contiguous arrays of shape (frames, height, width, channels). All functions release the interpreter
lock, write only the frames they are asked for and use no threads of their own.
"""

from __future__ import annotations

import numba
import numpy as np

from levinthal.workloads.cvae.kernels import transform
from levinthal.workloads.cvae.kernels.gemm import multiply
from levinthal.workloads.cvae.kernels.store import store_biased, store_gated
from levinthal.workloads.cvae.kernels.toom import DOWN, SAME, UP

__all__ = ["KIND_DOWN", "KIND_SAME", "KIND_UP", "filter_frames", "weight_gradient_frames"]

KIND_SAME, KIND_DOWN, KIND_UP = 0, 1, 2

_POINTS = np.array([s.inward.shape[0] for s in (SAME, DOWN, UP)])
_PATCH = np.array([s.inward.shape[1] for s in (SAME, DOWN, UP)])
_TILE = np.array([s.outward.shape[0] for s in (SAME, DOWN, UP)])
_STEP = np.array([s.step for s in (SAME, DOWN, UP)])
_ORIGIN = np.array([s.origin for s in (SAME, DOWN, UP)])
_WEIGHT_OF = np.array([[*s.weight_of_point, *[0] * 9][:9] for s in (SAME, DOWN, UP)])
# tiles per block: the transformed tiles and products of a block (36 or 81 points each) should stay in the cache
_BLOCK = np.array([36, 18, 18])

_same_in, _same_out, _same_out_t = transform.same_in, transform.same_out, transform.same_out_transposed
_down_in, _down_out, _down_out_t = transform.down_in, transform.down_out, transform.down_out_transposed
_up_in, _up_out = transform.up_in, transform.up_out


@numba.njit(nogil=True, cache=True)
def _load_patch(x, base, height, width, channels, row, column, size, patch):  # type: ignore[no-untyped-def]
    """Copy a size x size patch whose corner is (row, column); what lies outside the map is zero."""
    first = max(0, -column)
    last = max(first, min(size, width - column))
    for i in range(size):
        r = row + i
        line = patch[i * size * channels : (i + 1) * size * channels]
        if r < 0 or r >= height:
            for k in range(line.size):
                line[k] = 0
            continue
        at = base + (r * width + column + first) * channels
        source = x[at : at + (last - first) * channels]
        for k in range(first * channels):
            line[k] = 0
        inside = line[first * channels :]
        for k in range(source.size):
            inside[k] = source[k]
        rest = line[last * channels :]
        for k in range(rest.size):
            rest[k] = 0


@numba.njit(nogil=True, cache=True)
def _patch_to_points(kind, x, at, row_stride, channels, n, size, half, points, t, point_stride):  # type: ignore[no-untyped-def]
    """Transform a patch that starts at x[at] along both axes; `n` points, patch of `size`."""
    for q in range(size):
        if kind == 0:
            _same_in(x, at + q * channels, row_stride, half, q * channels, size * channels, channels)
        elif kind == 1:
            _down_in(x, at + q * channels, row_stride, half, q * channels, size * channels, channels)
        else:
            _up_in(x, at + q * channels, row_stride, half, q * channels, size * channels, channels)
    for p in range(n):
        to = p * n * point_stride + t * channels
        if kind == 0:
            _same_in(half, p * size * channels, channels, points, to, point_stride, channels)
        elif kind == 1:
            _down_in(half, p * size * channels, channels, points, to, point_stride, channels)
        else:
            _up_in(half, p * size * channels, channels, points, to, point_stride, channels)


@numba.njit(nogil=True, cache=True)
def _points_to_tile(kind, points, t, point_stride, channels, n, size, half, tile):  # type: ignore[no-untyped-def]
    """Transform products back to a size x size tile."""
    for q in range(n):
        at = q * point_stride + t * channels
        if kind == 0:
            _same_out(points, at, n * point_stride, half, q * channels, n * channels, channels)
        elif kind == 1:
            _down_out(points, at, n * point_stride, half, q * channels, n * channels, channels)
        else:
            _up_out(points, at, n * point_stride, half, q * channels, n * channels, channels)
    for i in range(size):
        if kind == 0:
            _same_out(half, i * n * channels, channels, tile, i * size * channels, channels, channels)
        elif kind == 1:
            _down_out(half, i * n * channels, channels, tile, i * size * channels, channels, channels)
        else:
            _up_out(half, i * n * channels, channels, tile, i * size * channels, channels, channels)


@numba.njit(nogil=True, cache=True)
def filter_frames(kind, x, size_in, u, c_in, bias, relu, gate, y, size_out, c_out, sums, first, last):  # type: ignore[no-untyped-def]
    """Filter frames first to last (exclusive): y = act(filter(x) + bias), or gated where `gate` is given.

    Parameters
    ----------
    kind : int
        `KIND_SAME`, `KIND_DOWN` or `KIND_UP`.
    x : (frames * size_in**2 * c_in,) array
        Input maps.
    u : (36 * c_in * c_out,) array
        Transformed weights, (6, 6, c_in, c_out).
    bias : (c_out,) array or empty
        Added where not empty; then ReLU where `relu`.
    gate : array like y, or empty
        Where not empty, y is set to zero wherever gate is not positive, and the sum of y over frames and positions is
        added to `sums` (c_out,): the backward pass of the ReLU below and its bias.
    y : (frames * size_out**2 * c_out,) array
        Output maps.
    """
    n, patch_size, tile_size = _POINTS[kind], _PATCH[kind], _TILE[kind]
    step, origin, block = _STEP[kind], _ORIGIN[kind], _BLOCK[kind]
    across = (size_out + tile_size - 1) // tile_size
    per_frame = across * across
    in_stride, out_stride = (block + 1) * c_in, (block + 1) * c_out
    points = np.empty(n * n * in_stride, x.dtype)
    products = np.empty(n * n * out_stride, x.dtype)
    patch = np.empty(patch_size * patch_size * c_in, x.dtype)
    half = np.empty(n * max(patch_size, tile_size) * max(c_in, c_out), x.dtype)
    tile = np.empty(tile_size * tile_size * c_out, x.dtype)
    total = last * per_frame
    for start in range(first * per_frame, total, block):
        count = min(block, total - start)
        for t in range(count):
            frame, index = divmod(start + t, per_frame)
            row = index // across * step + origin
            column = index % across * step + origin
            base = frame * size_in * size_in * c_in
            if row >= 0 and column >= 0 and row + patch_size <= size_in and column + patch_size <= size_in:
                at = base + (row * size_in + column) * c_in
                _patch_to_points(kind, x, at, size_in * c_in, c_in, n, patch_size, half, points, t, in_stride)
            else:
                _load_patch(x, base, size_in, size_in, c_in, row, column, patch_size, patch)
                _patch_to_points(kind, patch, 0, patch_size * c_in, c_in, n, patch_size, half, points, t, in_stride)
        for p in range(n):
            for q in range(n):
                weight = (_WEIGHT_OF[kind, p] * 6 + _WEIGHT_OF[kind, q]) * c_in * c_out
                multiply(
                    count, c_out, c_in, points, (p * n + q) * in_stride, c_in, 1,
                    u, weight, c_out, products, (p * n + q) * out_stride, c_out, False,
                )  # fmt: skip
        for t in range(count):
            frame, index = divmod(start + t, per_frame)
            row = index // across * tile_size
            column = index % across * tile_size
            _points_to_tile(kind, products, t, out_stride, c_out, n, tile_size, half, tile)
            columns = min(tile_size, size_out - column)
            for i in range(min(tile_size, size_out - row)):
                to = ((frame * size_out + row + i) * size_out + column) * c_out
                at = i * tile_size * c_out
                done, target = tile[at : at + columns * c_out], y[to : to + columns * c_out]
                if gate.size:
                    store_gated(done, gate[to : to + columns * c_out], target, sums)
                else:
                    store_biased(done, bias, relu, target)


@numba.njit(nogil=True, cache=True)
def weight_gradient_frames(kind, big, size_big, c_big, small, size_small, c_small, du, first, last):  # type: ignore[no-untyped-def]
    """Add to du (6, 6, c_big, c_small) the gradient of the transformed weights over frames first to last.

    `big` is the side the 3x3 windows are taken from, `small` the side with one value for each window; `kind` is
    `KIND_SAME` or `KIND_DOWN`.
    """
    n, patch_size, tile_size = _POINTS[kind], _PATCH[kind], _TILE[kind]
    step, origin, block = _STEP[kind], _ORIGIN[kind], _BLOCK[kind]
    across = (size_small + tile_size - 1) // tile_size
    per_frame = across * across
    big_stride, small_stride = (block + 1) * c_big, (block + 1) * c_small
    points = np.empty(n * n * big_stride, big.dtype)
    products = np.empty(n * n * small_stride, big.dtype)
    patch = np.empty(patch_size * patch_size * c_big, big.dtype)
    half = np.empty(n * patch_size * max(c_big, c_small), big.dtype)
    tile = np.empty(tile_size * tile_size * c_small, big.dtype)
    total = last * per_frame
    for start in range(first * per_frame, total, block):
        count = min(block, total - start)
        for t in range(count):
            frame, index = divmod(start + t, per_frame)
            row = index // across * step + origin
            column = index % across * step + origin
            base = frame * size_big * size_big * c_big
            if row >= 0 and column >= 0 and row + patch_size <= size_big and column + patch_size <= size_big:
                at = base + (row * size_big + column) * c_big
                _patch_to_points(kind, big, at, size_big * c_big, c_big, n, patch_size, half, points, t, big_stride)
            else:
                _load_patch(big, base, size_big, size_big, c_big, row, column, patch_size, patch)
                _patch_to_points(kind, patch, 0, patch_size * c_big, c_big, n, patch_size, half, points, t, big_stride)
            row = index // across * tile_size
            column = index % across * tile_size
            base = frame * size_small * size_small * c_small
            _load_patch(small, base, size_small, size_small, c_small, row, column, tile_size, tile)
            for q in range(tile_size):
                if kind == 0:
                    _same_out_t(tile, q * c_small, tile_size * c_small, half, q * c_small, tile_size * c_small, c_small)
                else:
                    _down_out_t(tile, q * c_small, tile_size * c_small, half, q * c_small, tile_size * c_small, c_small)
            for p in range(n):
                to = p * n * small_stride + t * c_small
                at = p * tile_size * c_small
                if kind == 0:
                    _same_out_t(half, at, c_small, products, to, small_stride, c_small)
                else:
                    _down_out_t(half, at, c_small, products, to, small_stride, c_small)
        for p in range(n):
            for q in range(n):
                weight = (_WEIGHT_OF[kind, p] * 6 + _WEIGHT_OF[kind, q]) * c_big * c_small
                multiply(
                    c_big, c_small, count, points, (p * n + q) * big_stride, 1, c_big,
                    products, (p * n + q) * small_stride, c_small, du, weight, c_small, True,
                )  # fmt: skip
