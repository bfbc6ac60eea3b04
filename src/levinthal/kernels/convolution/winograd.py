"""3x3 convolutions of channels-last maps by minimal filtering, one thread's share of the frames at a time.

Maps are flat C-contiguous arrays of shape (frames, height, width, channels). All functions release the interpreter
lock, write only the frames they are asked for and use no threads of their own.
"""

from __future__ import annotations

import numpy as np

from levinthal.kernels.compiled import compiled
from levinthal.kernels.convolution import transform
from levinthal.kernels.convolution.store import store_biased, store_gated
from levinthal.kernels.products import multiply

KIND_SAME, KIND_DOWN, KIND_UP = 0, 1, 2

# Tiles of a block: as many as share one reading of the weights while the transformed tiles stay in the cache; a
# multiple of the 6 rows the product kernel takes at once. Measured flat from 18 to 36.
_BLOCK = 24


@compiled()
def _extent(kind, tile):  # type: ignore[no-untyped-def]
    """Return (points, patch, outputs) of a tile along one axis."""
    if kind == 0:
        return tile + 2, tile + 2, tile
    if kind == 1:
        return 2 * tile + 1, 2 * tile + 1, tile
    return 2 * tile + 1, tile + 1, 2 * tile


@compiled()
def _corner(kind, start):  # type: ignore[no-untyped-def]
    """Return where the patch begins in the input and the tile in the output, for a tile at `start`."""
    if kind == 0:
        return start - 1, start
    if kind == 1:
        return 2 * start - 1, start
    return start, 2 * start


@compiled()
def _load_patch(x, base, size, channels, row, column, rows, columns, patch):  # type: ignore[no-untyped-def]
    """Copy a rows x columns patch whose corner is (row, column); what lies outside the map is zero."""
    first = max(0, -column)
    last = max(first, min(columns, size - column))
    for i in range(rows):
        r = row + i
        line = patch[i * columns * channels : (i + 1) * columns * channels]
        if r < 0 or r >= size:
            for k in range(line.size):
                line[k] = 0
            continue
        at = base + (r * size + column + first) * channels
        source = x[at : at + (last - first) * channels]
        for k in range(first * channels):
            line[k] = 0
        inside = line[first * channels :]
        for k in range(source.size):
            inside[k] = source[k]
        rest = line[last * channels :]
        for k in range(rest.size):
            rest[k] = 0


@compiled()
def _patch_to_points(kind, tile_r, tile_c, x, base, size, channels, row, column, patch, half, points, t, stride):  # type: ignore[no-untyped-def]
    """Transform the patch with corner (row, column) along both axes; point (p, q) goes to row t of its matrix."""
    n_r, rows, _ = _extent(kind, tile_r)
    n_c, columns, _ = _extent(kind, tile_c)
    line = columns * channels
    if row >= 0 and column >= 0 and row + rows <= size and column + columns <= size:
        at = base + (row * size + column) * channels
        transform.inward(kind, tile_r, x, at, size * channels, half, 0, line, line, 1, 0, 0)
    else:
        _load_patch(x, base, size, channels, row, column, rows, columns, patch)
        transform.inward(kind, tile_r, patch, 0, line, half, 0, line, line, 1, 0, 0)
    transform.inward(kind, tile_c, half, 0, channels, points, t * channels, stride, channels, n_r, line, n_c * stride)


@compiled()
def _products_to_tile(kind, tile_r, tile_c, products, t, stride, channels, half, tile):  # type: ignore[no-untyped-def]
    """Transform products back to a tile of the output."""
    _, _, rows = _extent(kind, tile_r)
    n_c, _, columns = _extent(kind, tile_c)
    line = n_c * channels
    transform.outward(
        kind, tile_r, products, t * channels, n_c * stride, half, 0, line, channels, n_c, stride, channels
    )
    transform.outward(kind, tile_c, half, 0, channels, tile, 0, channels, channels, rows, line, columns * channels)


@compiled()
def _buffers(kind, tile, x, c_in, c_out):  # type: ignore[no-untyped-def]
    """Return room for a patch, a half-transformed one and a tile, and for the points and products of a block."""
    most, patch, outputs = _extent(kind, tile)
    return (
        np.empty(patch * patch * c_in, x.dtype),
        np.empty(most * max(most, patch) * max(c_in, c_out), x.dtype),
        np.empty(outputs * outputs * c_out, x.dtype),
        np.empty((_BLOCK + 1) * most * most * c_in, x.dtype),
        np.empty((_BLOCK + 1) * most * most * c_out, x.dtype),
    )


@compiled()
def _tiles_of(tiling, small_r, small_c):  # type: ignore[no-untyped-def]
    """Return of a class of tiles the sizes, where they begin, and how many lie in a row of them and in a frame."""
    size, larger = tiling[0], tiling[1] * tiling[0]
    across = tiling[1 + small_c]
    return size - small_r, size - small_c, small_r * larger, small_c * larger, across, tiling[1 + small_r] * across


@compiled()
def filter_frames(kind, tiling, x, size_in, u, c_in, bias, relu, gate, y, size_out, c_out, sums, first, last):  # type: ignore[no-untyped-def]
    """Filter frames first to last (exclusive): y = act(filter(x) + bias), or gated where `gate` is given.

    Parameters
    ----------
    kind : int
        `KIND_SAME`, `KIND_DOWN` or `KIND_UP`.
    tiling : (int, int, int)
        `toom.tiles_along` of the small side.
    x : (frames * size_in**2 * c_in,) array
        Input maps.
    u : flat array
        Transformed weights of the four classes of tiles (large or small along rows, along columns), one after the
        other, each (tile_rows + 2, tile_columns + 2, c_out / 16, c_in, 16).
    bias : (c_out,) array or empty
        Added where not empty; then ReLU where `relu`.
    gate : array like y, or empty
        Where not empty, y is set to zero wherever gate is not positive, and the sum of y over frames and positions is
        added to `sums` (c_out,): the backward pass of the ReLU below and its bias.
    y : (frames * size_out**2 * c_out,) array
        Output maps.
    """
    patch, half, tile, points, products = _buffers(kind, tiling[0], x, c_in, c_out)
    weights = 0
    for small_r in range(2):
        for small_c in range(2):
            tile_r, tile_c, begin_r, begin_c, across, per_frame = _tiles_of(tiling, small_r, small_c)
            if per_frame == 0:
                continue
            n_r, _, rows = _extent(kind, tile_r)
            n_c, _, columns = _extent(kind, tile_c)
            in_stride, out_stride = (_BLOCK + 1) * c_in, (_BLOCK + 1) * c_out
            for start in range(first * per_frame, last * per_frame, _BLOCK):
                count = min(_BLOCK, last * per_frame - start)
                for t in range(count):
                    frame, index = divmod(start + t, per_frame)
                    row, _ = _corner(kind, begin_r + index // across * tile_r)
                    column, _ = _corner(kind, begin_c + index % across * tile_c)
                    _patch_to_points(
                        kind, tile_r, tile_c, x, frame * size_in * size_in * c_in, size_in, c_in, row, column,
                        patch, half, points, t, in_stride,
                    )  # fmt: skip
                for p in range(n_r):
                    for q in range(n_c):
                        weight = min(p, tile_r + 1) * (tile_c + 2) + min(q, tile_c + 1)
                        multiply(
                            count, c_out, c_in, points, (p * n_c + q) * in_stride, c_in, 1,
                            u, weights + weight * c_in * c_out, 16, 16 * c_in,
                            products, (p * n_c + q) * out_stride, c_out, 16, False,
                        )  # fmt: skip
                for t in range(count):
                    frame, index = divmod(start + t, per_frame)
                    _, row = _corner(kind, begin_r + index // across * tile_r)
                    _, column = _corner(kind, begin_c + index % across * tile_c)
                    _products_to_tile(kind, tile_r, tile_c, products, t, out_stride, c_out, half, tile)
                    length = min(columns, size_out - column) * c_out
                    for i in range(min(rows, size_out - row)):
                        to = ((frame * size_out + row + i) * size_out + column) * c_out
                        done, target = tile[i * columns * c_out :][:length], y[to : to + length]
                        if gate.size:
                            store_gated(done, gate[to : to + length], target, sums)
                        else:
                            store_biased(done, bias, relu, target)
            weights += (tile_r + 2) * (tile_c + 2) * c_in * c_out


@compiled()
def weight_gradient_frames(kind, tiling, big, size_big, c_big, small, size_small, c_small, du, first, last):  # type: ignore[no-untyped-def]
    """Add to `du` the gradient of the transformed weights over frames first to last.

    `big` is the side the 3x3 windows are taken from, `small` the side with one value for each window; `kind` is
    `KIND_SAME` or `KIND_DOWN`. `du` is laid out as `u` of `filter_frames`, with c_big for c_in and c_small for c_out.
    """
    patch, half, tile, points, products = _buffers(kind, tiling[0], big, c_big, c_small)
    weights = 0
    for small_r in range(2):
        for small_c in range(2):
            tile_r, tile_c, begin_r, begin_c, across, per_frame = _tiles_of(tiling, small_r, small_c)
            if per_frame == 0:
                continue
            n_r, _, _ = _extent(kind, tile_r)
            n_c, _, _ = _extent(kind, tile_c)
            big_stride, small_stride = (_BLOCK + 1) * c_big, (_BLOCK + 1) * c_small
            for start in range(first * per_frame, last * per_frame, _BLOCK):
                count = min(_BLOCK, last * per_frame - start)
                for t in range(count):
                    frame, index = divmod(start + t, per_frame)
                    row, row_small = _corner(kind, begin_r + index // across * tile_r)
                    column, column_small = _corner(kind, begin_c + index % across * tile_c)
                    _patch_to_points(
                        kind, tile_r, tile_c, big, frame * size_big * size_big * c_big, size_big, c_big, row, column,
                        patch, half, points, t, big_stride,
                    )  # fmt: skip
                    base = frame * size_small * size_small * c_small
                    _load_patch(small, base, size_small, c_small, row_small, column_small, tile_r, tile_c, tile)
                    line = tile_c * c_small
                    transform.outward_transposed(kind, tile_r, tile, 0, line, half, 0, line, line, 1, 0, 0)
                    transform.outward_transposed(
                        kind, tile_c, half, 0, c_small,
                        products, t * c_small, small_stride, c_small, n_r, line, n_c * small_stride,
                    )  # fmt: skip
                for p in range(n_r):
                    for q in range(n_c):
                        weight = min(p, tile_r + 1) * (tile_c + 2) + min(q, tile_c + 1)
                        multiply(
                            c_big, c_small, count, points, (p * n_c + q) * big_stride, 1, c_big,
                            products, (p * n_c + q) * small_stride, c_small, 16,
                            du, weights + weight * c_big * c_small, 16, 16 * c_big, True,
                        )  # fmt: skip
            weights += (tile_r + 2) * (tile_c + 2) * c_big * c_small
