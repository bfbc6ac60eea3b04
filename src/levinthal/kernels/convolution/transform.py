"""Small constant matrices applied to vectors of channels, unrolled into the compiled code.

`inward(kind, tile, source, at, stride, target, to, target_stride, n, count, at_step, to_step)` computes, for each of
`n` neighbouring elements, target_i = sum_j matrix[i, j] source_j, where source_j starts at ``source[at + j * stride]``
and target_i at ``target[to + i * target_stride]``; and does so `count` times, `at_step` and `to_step` further on each
time. Kinds are 0 same, 1 down, 2 up. Zeros cost nothing; rows that differ only in the sign of some columns (points p
and -p) share their sums.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import numpy as np
from llvmlite import ir

from levinthal.kernels.compiled import compiled
from levinthal.kernels.convolution.toom import TILES, Matrix, Scheme, down, same, up
from levinthal.kernels.vectors import INT64, Emitter, Place, emitted

_LANES = 8


def _combine(code: Emitter, coefficients: Sequence[float], values: Sequence[Any]) -> Any:
    """Return sum_j coefficients[j] values[j], or None where all coefficients are zero."""
    builder, total = code.builder, None
    for coefficient, value in sorted(zip(coefficients, values, strict=True), key=lambda t: t[0] != 1.0):
        if coefficient == 0.0:
            continue
        if total is None:
            total = value if coefficient == 1.0 else builder.fmul(code.constant(value.type, coefficient), value)
        elif coefficient == 1.0:
            total = builder.fadd(total, value)
        elif coefficient == -1.0:
            total = builder.fsub(total, value)
        else:
            total = code.fma(code.constant(value.type, coefficient), value, total)
    return total


def _rows_times(code: Emitter, matrix: Matrix, values: Sequence[Any]) -> list[Any]:
    """Return the rows of matrix @ values; a row and its mirror (signs flipped in some columns) share two sums."""
    rows = [[float(v) for v in row] for row in matrix]
    done: dict[int, Any] = {}
    for i, row in enumerate(rows):
        if i in done:
            continue
        mirror = next(
            (
                k
                for k in range(i + 1, len(rows))
                if k not in done and np.array_equal(np.abs(row), np.abs(rows[k])) and sum(map(bool, row)) > 2
            ),
            None,
        )
        if mirror is None:
            done[i] = _combine(code, row, values)
            continue
        kept = [a if a == b else 0.0 for a, b in zip(row, rows[mirror], strict=True)]
        flipped = [a if a != b else 0.0 for a, b in zip(row, rows[mirror], strict=True)]
        even, odd = _combine(code, kept, values), _combine(code, flipped, values)
        if even is None or odd is None:
            done[i], done[mirror] = _combine(code, row, values), _combine(code, rows[mirror], values)
        else:
            done[i], done[mirror] = code.builder.fadd(even, odd), code.builder.fsub(even, odd)
    return [done[i] for i in range(len(rows))]


def _write(
    code: Emitter, matrix: Matrix, source: Place, at: Any, stride: Any, target: Place, to: Any, target_stride: Any,
    n: Any, count: Any, at_step: Any, to_step: Any,
) -> None:  # fmt: skip
    """Write the code that applies one matrix."""
    builder = code.builder
    vector = ir.VectorType(source.scalar, _LANES)

    def line(place: Place, start: Any, step: Any, j: int) -> Place:
        return code.at(place, builder.add(start, code.times(step, j)))

    with code.loop(count) as outer:
        first = builder.add(at, builder.mul(outer.index, at_step))
        goal = builder.add(to, builder.mul(outer.index, to_step))
        with code.loop(builder.udiv(n, INT64(_LANES))) as loop:
            channel = code.times(loop.index, _LANES)
            here, there = builder.add(first, channel), builder.add(goal, channel)
            values = [code.load(line(source, here, stride, j), vector) for j in range(matrix.shape[1])]
            for i, value in enumerate(_rows_times(code, matrix, values)):
                code.store(value, line(target, there, target_stride, i))


def _of_kinds(choose: Callable[[Scheme], Matrix], schemes: Sequence[Callable[[int], Scheme]] = (same, down, up)) -> Any:
    """Return the code that applies the matrix chosen from the scheme of a kind and a tile size."""
    matrices = {kind * len(TILES) + tile: choose(scheme(tile)) for kind, scheme in enumerate(schemes) for tile in TILES}

    def write(
        code: Emitter, kind: Any, tile: Any, source: Place, at: Any, stride: Any, target: Place, to: Any,
        target_stride: Any, n: Any, count: Any, at_step: Any, to_step: Any,
    ) -> None:  # fmt: skip
        arguments = (source, at, stride, target, to, target_stride, n, count, at_step, to_step)
        which = code.builder.add(code.times(kind, len(TILES)), tile)
        code.choose(which, {case: partial(_write, code, matrix, *arguments) for case, matrix in matrices.items()})

    return emitted(write)


_inward, _outward = _of_kinds(lambda scheme: scheme.inward), _of_kinds(lambda scheme: scheme.outward)
_outward_transposed = _of_kinds(lambda scheme: scheme.outward.T, (same, down))


@compiled()
def inward(kind, tile, source, at, stride, target, to, target_stride, n, count, at_step, to_step):  # type: ignore[no-untyped-def]
    """Transform a patch of the input to points."""
    _inward(kind, tile, source, at, stride, target, to, target_stride, n, count, at_step, to_step)


@compiled()
def outward(kind, tile, source, at, stride, target, to, target_stride, n, count, at_step, to_step):  # type: ignore[no-untyped-def]
    """Transform points to a tile of the output."""
    _outward(kind, tile, source, at, stride, target, to, target_stride, n, count, at_step, to_step)


@compiled()
def outward_transposed(kind, tile, source, at, stride, target, to, target_stride, n, count, at_step, to_step):  # type: ignore[no-untyped-def]
    """Transform a tile of the output to points, by the transpose of `outward`; kinds 0 same, 1 down."""
    _outward_transposed(kind, tile, source, at, stride, target, to, target_stride, n, count, at_step, to_step)
