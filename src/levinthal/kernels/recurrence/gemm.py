"""Products of a few rows with a large matrix in panels, callable from compiled code: C (m, n) = A (m, k) B (k, n).

B lies in panels of 16 columns, each contiguous, so that it is read from memory in order. Two forms:

- floats: rows of A times panels of B with fused multiply-add; every element of C is summed in the order of k, whatever
  m is, so that a row alone gives the same bits as in a batch;
- 16-bit integers: pairs of neighbours in k are multiplied and added exactly in 32 bits (``vpmaddwd`` on x86), and every
  `SUM_LENGTH` elements the sums move on to float32: half the bytes and twice the products per instruction of float32.
  How `levinthal.kernels.recurrence.pack` scales the weights excludes overflow.
"""

from __future__ import annotations

from typing import Any

import llvmlite.binding as llvm
import numba
from llvmlite import ir
from numba.core import cgutils, types
from numba.extending import intrinsic

__all__ = ["INTEGER_STEP", "PANEL", "SUM_LENGTH", "multiply", "multiply_integers"]

PANEL = 16
"""Columns in a panel of B."""
SUM_LENGTH = 64
"""Products that are added in 32-bit integers before the sum moves on to float32."""
INTEGER_STEP = 8
"""The k of an integer product must be a multiple of this."""

_HAS_AVX2 = bool(llvm.get_host_cpu_features().get("avx2", False))
_INDEX = ir.IntType(64)
_INT32 = ir.IntType(32)


def _splat(builder: Any, scalar: Any, lanes: int) -> Any:
    """Return a vector with the scalar in every lane."""
    vector = ir.VectorType(scalar.type, lanes)
    undefined = ir.Constant(vector, ir.Undefined)
    first = builder.insert_element(undefined, scalar, _INT32(0))
    return builder.shuffle_vector(first, undefined, ir.Constant(ir.VectorType(_INT32, lanes), [0] * lanes))


def _pairwise_products(builder: Any, a: Any, b: Any) -> Any:
    """Return a[2i] b[2i] + a[2i+1] b[2i+1] of two vectors of 16 int16 as 8 int32."""
    wide = ir.VectorType(_INT32, 8)
    if _HAS_AVX2:
        name = "llvm.x86.avx2.pmadd.wd"
        function = cgutils.get_or_insert_function(builder.module, ir.FunctionType(wide, [a.type, a.type]), name)
        return builder.call(function, [a, b])
    halves = []
    for parity in (0, 1):
        lanes = ir.Constant(ir.VectorType(_INT32, 8), list(range(parity, 16, 2)))
        x, y = (builder.sext(builder.shuffle_vector(v, v, lanes), wide) for v in (a, b))
        halves.append(builder.mul(x, y))
    return builder.add(*halves)


def _float_block(rows: int, panels: int) -> Any:
    """Build the intrinsic that computes `rows` rows of `panels` neighbouring panels of C."""

    @intrinsic  # type: ignore[untyped-decorator]
    def block(typing: Any, a: Any, a0: Any, a_row: Any, b: Any, b0: Any, c: Any, c0: Any, c_row: Any, k: Any) -> Any:
        signature = types.void(a, a0, a_row, b, b0, c, c0, c_row, k)

        def generate(context: Any, builder: Any, signature: Any, args: Any) -> Any:
            single = signature.args[0].dtype == types.float32
            vector = ir.VectorType(context.get_data_type(signature.args[0].dtype), PANEL)
            letter, align = ("f32", 4) if single else ("f64", 8)
            fma = cgutils.get_or_insert_function(
                builder.module, ir.FunctionType(vector, [vector] * 3), f"llvm.fma.v{PANEL}{letter}"
            )
            data = [context.make_array(signature.args[i])(context, builder, args[i]).data for i in (0, 3, 5)]
            _, a0, a_row, _, b0, _, c0, c_row, k = args
            a_base, b_base, c_base = (builder.gep(d, [o]) for d, o in zip(data, (a0, b0, c0), strict=True))
            a_rows = [builder.gep(a_base, [builder.mul(a_row, _INDEX(r))]) for r in range(rows)]
            width = builder.mul(k, _INDEX(PANEL))
            b_panels = [builder.gep(b_base, [builder.mul(width, _INDEX(p))]) for p in range(panels)]
            sums = [[cgutils.alloca_once(builder, vector) for _ in range(panels)] for _ in range(rows)]
            for row in sums:
                for place in row:
                    builder.store(ir.Constant(vector, [0.0] * PANEL), place)
            with cgutils.for_range(builder, k) as loop:
                offset = builder.mul(loop.index, _INDEX(PANEL))
                b_vectors = [
                    builder.load(builder.bitcast(builder.gep(p, [offset]), vector.as_pointer()), align=align)
                    for p in b_panels
                ]
                for r in range(rows):
                    broadcast = _splat(builder, builder.load(builder.gep(a_rows[r], [loop.index])), PANEL)
                    for place, b_vector in zip(sums[r], b_vectors, strict=True):
                        builder.store(builder.call(fma, [broadcast, b_vector, builder.load(place)]), place)
            for r in range(rows):
                for p, place in enumerate(sums[r]):
                    at = builder.add(builder.mul(c_row, _INDEX(r)), _INDEX(p * PANEL))
                    target = builder.bitcast(builder.gep(c_base, [at]), vector.as_pointer())
                    builder.store(builder.load(place), target, align=align)
            return context.get_dummy_value()

        return signature, generate

    return block


def _integer_block(rows: int, panels: int) -> Any:
    """Build the intrinsic that computes `rows` rows of `panels` neighbouring panels of C from 16-bit integers."""
    # Unrolled, LLVM reorders the sums of more rows and runs out of registers.
    unrolled = INTEGER_STEP if rows == 1 else 2

    @intrinsic  # type: ignore[untyped-decorator]
    def block(
        typing: Any,
        a: Any,
        a0: Any,
        a_row: Any,
        a_s: Any,
        b: Any,
        b0: Any,
        b_s: Any,
        c: Any,
        c0: Any,
        c_row: Any,
        k: Any,
    ) -> Any:
        signature = types.void(a, a0, a_row, a_s, b, b0, b_s, c, c0, c_row, k)

        def generate(context: Any, builder: Any, signature: Any, args: Any) -> Any:
            short = ir.VectorType(ir.IntType(16), PANEL)
            integers, floats = ir.VectorType(_INT32, 8), ir.VectorType(ir.FloatType(), 8)
            arrays = [context.make_array(signature.args[i])(context, builder, args[i]).data for i in (0, 3, 4, 6, 7)]
            _, a0, a_row, _, _, b0, _, _, c0, c_row, k = args
            a_base, a_scales, b_base, b_scales, c_base = arrays
            a_base, b_base, c_base = (
                builder.gep(base, [at]) for base, at in ((a_base, a0), (b_base, b0), (c_base, c0))
            )
            a_rows = [builder.gep(a_base, [builder.mul(a_row, _INDEX(r))]) for r in range(rows)]
            width = builder.mul(k, _INDEX(PANEL))
            b_panels = [builder.gep(b_base, [builder.mul(width, _INDEX(p))]) for p in range(panels)]
            halves = [(p, half) for p in range(panels) for half in range(2)]
            whole = [[cgutils.alloca_once(builder, integers) for _ in halves] for _ in range(rows)]
            sums = [[cgutils.alloca_once(builder, floats) for _ in halves] for _ in range(rows)]
            for row in sums:
                for place in row:
                    builder.store(ir.Constant(floats, [0.0] * 8), place)
            step = _INDEX(SUM_LENGTH)
            n_sums = builder.udiv(builder.add(k, _INDEX(SUM_LENGTH - 1)), step)
            with cgutils.for_range(builder, n_sums) as outer:
                begin = builder.mul(outer.index, step)
                left = builder.sub(k, begin)
                length = builder.select(builder.icmp_unsigned("<", left, step), left, step)
                for row in whole:
                    for place in row:
                        builder.store(ir.Constant(integers, [0] * 8), place)
                with cgutils.for_range(builder, builder.udiv(length, _INDEX(unrolled))) as inner:
                    first = builder.add(begin, builder.mul(inner.index, _INDEX(unrolled)))
                    for pair in range(0, unrolled, 2):
                        at = builder.add(first, _INDEX(pair))
                        offset = builder.mul(at, _INDEX(PANEL))
                        b_vectors = [
                            builder.load(
                                builder.bitcast(
                                    builder.gep(b_panels[p], [builder.add(offset, _INDEX(16 * half))]),
                                    short.as_pointer(),
                                ),
                                align=2,
                            )
                            for p, half in halves
                        ]
                        for r in range(rows):
                            source = builder.bitcast(builder.gep(a_rows[r], [at]), _INT32.as_pointer())
                            broadcast = builder.bitcast(_splat(builder, builder.load(source, align=2), 8), short)
                            for place, b_vector in zip(whole[r], b_vectors, strict=True):
                                product = _pairwise_products(builder, broadcast, b_vector)
                                builder.store(builder.add(builder.load(place), product), place)
                for r in range(rows):
                    for place, total in zip(whole[r], sums[r], strict=True):
                        more = builder.sitofp(builder.load(place), floats)
                        builder.store(builder.fadd(builder.load(total), more), total)
            for r in range(rows):
                scale = _splat(builder, builder.load(builder.gep(a_scales, [_INDEX(r)])), 8)
                for (p, half), total in zip(halves, sums[r], strict=True):
                    column = PANEL * p + 8 * half
                    b_scale = builder.load(
                        builder.bitcast(builder.gep(b_scales, [_INDEX(column)]), floats.as_pointer()), align=4
                    )
                    value = builder.fmul(builder.fmul(builder.load(total), b_scale), scale)
                    at = builder.add(builder.mul(c_row, _INDEX(r)), _INDEX(column))
                    target = builder.bitcast(builder.gep(c_base, [at]), floats.as_pointer())
                    builder.store(value, target, align=4)
            return context.get_dummy_value()

        return signature, generate

    return block


_float6, _float4 = _float_block(6, 1), _float_block(4, 1)
_float3, _float2, _float1 = (_float_block(rows, 1) for rows in (3, 2, 1))
_float2_wide, _float1_wide = _float_block(2, 2), _float_block(1, 4)
_integer6, _integer4 = _integer_block(6, 1), _integer_block(4, 1)
_integer3, _integer2, _integer1 = (_integer_block(rows, 1) for rows in (3, 2, 1))
_integer2_wide, _integer1_wide = _integer_block(2, 2), _integer_block(1, 4)


@numba.njit(nogil=True, inline="never", cache=True)
def multiply(m, first, last, k, a, a_row, b, c, c_row):  # type: ignore[no-untyped-def]
    """Compute the panels first ... last - 1 of C = A B.

    Parameters
    ----------
    m, k : int
        A is (m, k).
    first, last : int
        Which panels of 16 columns.
    a, b, c : 1-D arrays
        float32 or float64, all alike: A (m, k) with rows `a_row` apart; B (panels, k, 16); C (m, 16 * panels) with rows
        `c_row` apart.
    """
    panel = first
    width = k * PANEL
    while panel < last:
        b0, c0 = panel * width, panel * PANEL
        if m == 1 and panel + 4 <= last:
            _float1_wide(a, 0, a_row, b, b0, c, c0, c_row, k)
            panel += 4
            continue
        if m == 2 and panel + 2 <= last:
            _float2_wide(a, 0, a_row, b, b0, c, c0, c_row, k)
            panel += 2
            continue
        i = 0
        while m - i >= 6:
            _float6(a, i * a_row, a_row, b, b0, c, c0 + i * c_row, c_row, k)
            i += 6
        if m - i >= 4:
            _float4(a, i * a_row, a_row, b, b0, c, c0 + i * c_row, c_row, k)
            i += 4
        if m - i == 3:
            _float3(a, i * a_row, a_row, b, b0, c, c0 + i * c_row, c_row, k)
        elif m - i == 2:
            _float2(a, i * a_row, a_row, b, b0, c, c0 + i * c_row, c_row, k)
        elif m - i == 1:
            _float1(a, i * a_row, a_row, b, b0, c, c0 + i * c_row, c_row, k)
        panel += 1


@numba.njit(nogil=True, inline="never", cache=True)
def multiply_integers(m, first, last, k, a, a_row, a_scales, b, b_scales, c, c_row):  # type: ignore[no-untyped-def]
    """Compute the panels first ... last - 1 of C = (A * row scale) (B * column scale).

    Parameters
    ----------
    m, k : int
        A is (m, k); k is a multiple of `INTEGER_STEP`.
    first, last : int
        Which panels of 16 columns.
    a, b : 1-D int16 arrays
        A with rows `a_row` apart; B (panels, k / 2, 16, 2): neighbours in k side by side.
    a_scales, b_scales, c : 1-D float32 arrays
        Scales (m,) and (16 * panels,); C with rows `c_row` apart.
    """
    panel = first
    width = k * PANEL
    while panel < last:
        b0, c0 = panel * width, panel * PANEL
        scales = b_scales[c0:]
        if m == 1 and panel + 4 <= last:
            _integer1_wide(a, 0, a_row, a_scales, b, b0, scales, c, c0, c_row, k)
            panel += 4
            continue
        if m == 2 and panel + 2 <= last:
            _integer2_wide(a, 0, a_row, a_scales, b, b0, scales, c, c0, c_row, k)
            panel += 2
            continue
        i = 0
        while m - i >= 6:
            _integer6(a, i * a_row, a_row, a_scales[i:], b, b0, scales, c, c0 + i * c_row, c_row, k)
            i += 6
        if m - i >= 4:
            _integer4(a, i * a_row, a_row, a_scales[i:], b, b0, scales, c, c0 + i * c_row, c_row, k)
            i += 4
        if m - i == 3:
            _integer3(a, i * a_row, a_row, a_scales[i:], b, b0, scales, c, c0 + i * c_row, c_row, k)
        elif m - i == 2:
            _integer2(a, i * a_row, a_row, a_scales[i:], b, b0, scales, c, c0 + i * c_row, c_row, k)
        elif m - i == 1:
            _integer1(a, i * a_row, a_row, a_scales[i:], b, b0, scales, c, c0 + i * c_row, c_row, k)
        panel += 1
