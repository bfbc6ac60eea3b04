"""Small constant matrices applied to vectors of channels, unrolled into the compiled code.

`inward(kind, tile, source, at, stride, target, to, target_stride, n, count, at_step, to_step)` computes, for each of
`n` neighbouring elements, target_i = sum_j matrix[i, j] source_j, where source_j starts at ``source[at + j * stride]``
and target_i at ``target[to + i * target_stride]``; and does so `count` times, `at_step` and `to_step` further on each
time. Zeros cost nothing; rows that differ only in the sign of some columns (points p and -p) share their sums.
"""

from __future__ import annotations

from typing import Any

import numba
import numpy as np
from llvmlite import ir
from numba.core import cgutils, types
from numba.extending import intrinsic

from levinthal.kernels.convolution.toom import Matrix, down, same, up

__all__ = ["inward", "outward", "outward_transposed"]

_LANES = 8


class _Emitter:
    """Emit vector arithmetic on values that may be absent (zero)."""

    def __init__(self, builder: Any, vector: ir.VectorType, suffix: str) -> None:
        self.builder, self.vector = builder, vector
        self.fma = cgutils.get_or_insert_function(
            builder.module, ir.FunctionType(vector, [vector] * 3), f"llvm.fma.v{_LANES}{suffix}"
        )

    def constant(self, value: float) -> ir.Constant:
        return ir.Constant(self.vector, [float(value)] * _LANES)

    def combine(self, coefficients: list[float], values: list[Any]) -> Any:
        """Return sum_j coefficients[j] values[j], or None where all coefficients are zero."""
        total = None
        for coefficient, value in sorted(zip(coefficients, values, strict=True), key=lambda t: t[0] != 1.0):
            if coefficient == 0.0:
                continue
            if total is None:
                total = value if coefficient == 1.0 else self.builder.fmul(self.constant(coefficient), value)
            elif coefficient == 1.0:
                total = self.builder.fadd(total, value)
            elif coefficient == -1.0:
                total = self.builder.fsub(total, value)
            else:
                total = self.builder.call(self.fma, [self.constant(coefficient), value, total])
        return total


def _rows(matrix: Matrix) -> list[list[float]]:
    return [[float(v) for v in row] for row in matrix]


def _emit(emitter: _Emitter, matrix: Matrix, values: list[Any]) -> list[Any]:
    """Return the rows of matrix @ values; a row and its mirror (signs flipped in some columns) share two sums."""
    rows = _rows(matrix)
    done: dict[int, Any] = {}
    builder = emitter.builder
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
            done[i] = emitter.combine(row, values)
            continue
        kept = [a if a == b else 0.0 for a, b in zip(row, rows[mirror], strict=True)]
        flipped = [a if a != b else 0.0 for a, b in zip(row, rows[mirror], strict=True)]
        even, odd = emitter.combine(kept, values), emitter.combine(flipped, values)
        if even is None or odd is None:
            done[i], done[mirror] = emitter.combine(row, values), emitter.combine(rows[mirror], values)
        else:
            done[i], done[mirror] = builder.fadd(even, odd), builder.fsub(even, odd)
    return [done[i] for i in range(len(rows))]


def _transform(matrix: Matrix) -> Any:
    """Build the intrinsic that applies `matrix`."""

    @intrinsic  # type: ignore[untyped-decorator]
    def apply(
        typing: Any, source: Any, at: Any, stride: Any, target: Any, to: Any, target_stride: Any, n: Any,
        count: Any, at_step: Any, to_step: Any,
    ) -> Any:  # fmt: skip
        signature = types.void(source, at, stride, target, to, target_stride, n, count, at_step, to_step)

        def generate(context: Any, builder: Any, signature: Any, args: Any) -> Any:
            scalar = context.get_data_type(signature.args[0].dtype)
            single = signature.args[0].dtype == types.float32
            vector = ir.VectorType(scalar, _LANES)
            index = ir.IntType(64)
            emitter = _Emitter(builder, vector, "f32" if single else "f64")
            align = 4 if single else 8
            source = context.make_array(signature.args[0])(context, builder, args[0]).data
            target = context.make_array(signature.args[3])(context, builder, args[3]).data
            _, at, stride, _, to, target_stride, n, count, at_step, to_step = args

            def pointer(start: Any, step: Any, j: int, base: Any) -> Any:
                offset = builder.add(start, builder.mul(step, index(j)))
                return builder.bitcast(builder.gep(base, [offset]), vector.as_pointer())

            with cgutils.for_range(builder, count) as outer:
                first = builder.add(at, builder.mul(outer.index, at_step))
                goal = builder.add(to, builder.mul(outer.index, to_step))
                with cgutils.for_range(builder, builder.udiv(n, index(_LANES))) as loop:
                    channel = builder.mul(loop.index, index(_LANES))
                    here, there = builder.add(first, channel), builder.add(goal, channel)
                    values = [
                        builder.load(pointer(here, stride, j, source), align=align) for j in range(matrix.shape[1])
                    ]
                    for i, value in enumerate(_emit(emitter, matrix, values)):
                        builder.store(value, pointer(there, target_stride, i, target), align=align)
            return context.get_dummy_value()

        return signature, generate

    return apply


_same4_in, _same4_out = _transform(same(4).inward), _transform(same(4).outward)
_same4_back = _transform(same(4).outward.T)
_same5_in, _same5_out = _transform(same(5).inward), _transform(same(5).outward)
_same5_back = _transform(same(5).outward.T)
_same6_in, _same6_out = _transform(same(6).inward), _transform(same(6).outward)
_same6_back = _transform(same(6).outward.T)
_down4_in, _down4_out = _transform(down(4).inward), _transform(down(4).outward)
_down4_back = _transform(down(4).outward.T)
_down5_in, _down5_out = _transform(down(5).inward), _transform(down(5).outward)
_down5_back = _transform(down(5).outward.T)
_down6_in, _down6_out = _transform(down(6).inward), _transform(down(6).outward)
_down6_back = _transform(down(6).outward.T)
_up4_in, _up4_out = _transform(up(4).inward), _transform(up(4).outward)
_up5_in, _up5_out = _transform(up(5).inward), _transform(up(5).outward)
_up6_in, _up6_out = _transform(up(6).inward), _transform(up(6).outward)


@numba.njit(nogil=True, cache=True, inline="never")
def _run_same4_in(source, at, stride, target, to, target_stride, n, count, at_step, to_step):  # type: ignore[no-untyped-def]
    _same4_in(source, at, stride, target, to, target_stride, n, count, at_step, to_step)


@numba.njit(nogil=True, cache=True, inline="never")
def _run_same4_out(source, at, stride, target, to, target_stride, n, count, at_step, to_step):  # type: ignore[no-untyped-def]
    _same4_out(source, at, stride, target, to, target_stride, n, count, at_step, to_step)


@numba.njit(nogil=True, cache=True, inline="never")
def _run_same4_back(source, at, stride, target, to, target_stride, n, count, at_step, to_step):  # type: ignore[no-untyped-def]
    _same4_back(source, at, stride, target, to, target_stride, n, count, at_step, to_step)


@numba.njit(nogil=True, cache=True, inline="never")
def _run_same5_in(source, at, stride, target, to, target_stride, n, count, at_step, to_step):  # type: ignore[no-untyped-def]
    _same5_in(source, at, stride, target, to, target_stride, n, count, at_step, to_step)


@numba.njit(nogil=True, cache=True, inline="never")
def _run_same5_out(source, at, stride, target, to, target_stride, n, count, at_step, to_step):  # type: ignore[no-untyped-def]
    _same5_out(source, at, stride, target, to, target_stride, n, count, at_step, to_step)


@numba.njit(nogil=True, cache=True, inline="never")
def _run_same5_back(source, at, stride, target, to, target_stride, n, count, at_step, to_step):  # type: ignore[no-untyped-def]
    _same5_back(source, at, stride, target, to, target_stride, n, count, at_step, to_step)


@numba.njit(nogil=True, cache=True, inline="never")
def _run_same6_in(source, at, stride, target, to, target_stride, n, count, at_step, to_step):  # type: ignore[no-untyped-def]
    _same6_in(source, at, stride, target, to, target_stride, n, count, at_step, to_step)


@numba.njit(nogil=True, cache=True, inline="never")
def _run_same6_out(source, at, stride, target, to, target_stride, n, count, at_step, to_step):  # type: ignore[no-untyped-def]
    _same6_out(source, at, stride, target, to, target_stride, n, count, at_step, to_step)


@numba.njit(nogil=True, cache=True, inline="never")
def _run_same6_back(source, at, stride, target, to, target_stride, n, count, at_step, to_step):  # type: ignore[no-untyped-def]
    _same6_back(source, at, stride, target, to, target_stride, n, count, at_step, to_step)


@numba.njit(nogil=True, cache=True, inline="never")
def _run_down4_in(source, at, stride, target, to, target_stride, n, count, at_step, to_step):  # type: ignore[no-untyped-def]
    _down4_in(source, at, stride, target, to, target_stride, n, count, at_step, to_step)


@numba.njit(nogil=True, cache=True, inline="never")
def _run_down4_out(source, at, stride, target, to, target_stride, n, count, at_step, to_step):  # type: ignore[no-untyped-def]
    _down4_out(source, at, stride, target, to, target_stride, n, count, at_step, to_step)


@numba.njit(nogil=True, cache=True, inline="never")
def _run_down4_back(source, at, stride, target, to, target_stride, n, count, at_step, to_step):  # type: ignore[no-untyped-def]
    _down4_back(source, at, stride, target, to, target_stride, n, count, at_step, to_step)


@numba.njit(nogil=True, cache=True, inline="never")
def _run_down5_in(source, at, stride, target, to, target_stride, n, count, at_step, to_step):  # type: ignore[no-untyped-def]
    _down5_in(source, at, stride, target, to, target_stride, n, count, at_step, to_step)


@numba.njit(nogil=True, cache=True, inline="never")
def _run_down5_out(source, at, stride, target, to, target_stride, n, count, at_step, to_step):  # type: ignore[no-untyped-def]
    _down5_out(source, at, stride, target, to, target_stride, n, count, at_step, to_step)


@numba.njit(nogil=True, cache=True, inline="never")
def _run_down5_back(source, at, stride, target, to, target_stride, n, count, at_step, to_step):  # type: ignore[no-untyped-def]
    _down5_back(source, at, stride, target, to, target_stride, n, count, at_step, to_step)


@numba.njit(nogil=True, cache=True, inline="never")
def _run_down6_in(source, at, stride, target, to, target_stride, n, count, at_step, to_step):  # type: ignore[no-untyped-def]
    _down6_in(source, at, stride, target, to, target_stride, n, count, at_step, to_step)


@numba.njit(nogil=True, cache=True, inline="never")
def _run_down6_out(source, at, stride, target, to, target_stride, n, count, at_step, to_step):  # type: ignore[no-untyped-def]
    _down6_out(source, at, stride, target, to, target_stride, n, count, at_step, to_step)


@numba.njit(nogil=True, cache=True, inline="never")
def _run_down6_back(source, at, stride, target, to, target_stride, n, count, at_step, to_step):  # type: ignore[no-untyped-def]
    _down6_back(source, at, stride, target, to, target_stride, n, count, at_step, to_step)


@numba.njit(nogil=True, cache=True, inline="never")
def _run_up4_in(source, at, stride, target, to, target_stride, n, count, at_step, to_step):  # type: ignore[no-untyped-def]
    _up4_in(source, at, stride, target, to, target_stride, n, count, at_step, to_step)


@numba.njit(nogil=True, cache=True, inline="never")
def _run_up4_out(source, at, stride, target, to, target_stride, n, count, at_step, to_step):  # type: ignore[no-untyped-def]
    _up4_out(source, at, stride, target, to, target_stride, n, count, at_step, to_step)


@numba.njit(nogil=True, cache=True, inline="never")
def _run_up5_in(source, at, stride, target, to, target_stride, n, count, at_step, to_step):  # type: ignore[no-untyped-def]
    _up5_in(source, at, stride, target, to, target_stride, n, count, at_step, to_step)


@numba.njit(nogil=True, cache=True, inline="never")
def _run_up5_out(source, at, stride, target, to, target_stride, n, count, at_step, to_step):  # type: ignore[no-untyped-def]
    _up5_out(source, at, stride, target, to, target_stride, n, count, at_step, to_step)


@numba.njit(nogil=True, cache=True, inline="never")
def _run_up6_in(source, at, stride, target, to, target_stride, n, count, at_step, to_step):  # type: ignore[no-untyped-def]
    _up6_in(source, at, stride, target, to, target_stride, n, count, at_step, to_step)


@numba.njit(nogil=True, cache=True, inline="never")
def _run_up6_out(source, at, stride, target, to, target_stride, n, count, at_step, to_step):  # type: ignore[no-untyped-def]
    _up6_out(source, at, stride, target, to, target_stride, n, count, at_step, to_step)


@numba.njit(nogil=True, cache=True)
def inward(kind, tile, source, at, stride, target, to, target_stride, n, count, at_step, to_step):  # type: ignore[no-untyped-def]
    """Transform a patch of the input to points; kinds 0 same, 1 down, 2 up."""
    which = 3 * kind + tile
    if which == 4:
        _run_same4_in(source, at, stride, target, to, target_stride, n, count, at_step, to_step)
    elif which == 5:
        _run_same5_in(source, at, stride, target, to, target_stride, n, count, at_step, to_step)
    elif which == 6:
        _run_same6_in(source, at, stride, target, to, target_stride, n, count, at_step, to_step)
    elif which == 7:
        _run_down4_in(source, at, stride, target, to, target_stride, n, count, at_step, to_step)
    elif which == 8:
        _run_down5_in(source, at, stride, target, to, target_stride, n, count, at_step, to_step)
    elif which == 9:
        _run_down6_in(source, at, stride, target, to, target_stride, n, count, at_step, to_step)
    elif which == 10:
        _run_up4_in(source, at, stride, target, to, target_stride, n, count, at_step, to_step)
    elif which == 11:
        _run_up5_in(source, at, stride, target, to, target_stride, n, count, at_step, to_step)
    elif which == 12:
        _run_up6_in(source, at, stride, target, to, target_stride, n, count, at_step, to_step)


@numba.njit(nogil=True, cache=True)
def outward(kind, tile, source, at, stride, target, to, target_stride, n, count, at_step, to_step):  # type: ignore[no-untyped-def]
    """Transform points to a tile of the output; kinds 0 same, 1 down, 2 up."""
    which = 3 * kind + tile
    if which == 4:
        _run_same4_out(source, at, stride, target, to, target_stride, n, count, at_step, to_step)
    elif which == 5:
        _run_same5_out(source, at, stride, target, to, target_stride, n, count, at_step, to_step)
    elif which == 6:
        _run_same6_out(source, at, stride, target, to, target_stride, n, count, at_step, to_step)
    elif which == 7:
        _run_down4_out(source, at, stride, target, to, target_stride, n, count, at_step, to_step)
    elif which == 8:
        _run_down5_out(source, at, stride, target, to, target_stride, n, count, at_step, to_step)
    elif which == 9:
        _run_down6_out(source, at, stride, target, to, target_stride, n, count, at_step, to_step)
    elif which == 10:
        _run_up4_out(source, at, stride, target, to, target_stride, n, count, at_step, to_step)
    elif which == 11:
        _run_up5_out(source, at, stride, target, to, target_stride, n, count, at_step, to_step)
    elif which == 12:
        _run_up6_out(source, at, stride, target, to, target_stride, n, count, at_step, to_step)


@numba.njit(nogil=True, cache=True)
def outward_transposed(kind, tile, source, at, stride, target, to, target_stride, n, count, at_step, to_step):  # type: ignore[no-untyped-def]
    """Transform a tile of the output to points, by the transpose of `outward`; kinds 0 same, 1 down, 2 up."""
    which = 3 * kind + tile
    if which == 4:
        _run_same4_back(source, at, stride, target, to, target_stride, n, count, at_step, to_step)
    elif which == 5:
        _run_same5_back(source, at, stride, target, to, target_stride, n, count, at_step, to_step)
    elif which == 6:
        _run_same6_back(source, at, stride, target, to, target_stride, n, count, at_step, to_step)
    elif which == 7:
        _run_down4_back(source, at, stride, target, to, target_stride, n, count, at_step, to_step)
    elif which == 8:
        _run_down5_back(source, at, stride, target, to, target_stride, n, count, at_step, to_step)
    elif which == 9:
        _run_down6_back(source, at, stride, target, to, target_stride, n, count, at_step, to_step)
