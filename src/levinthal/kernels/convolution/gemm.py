"""Matrix products of cache-sized blocks, callable from compiled code: C (m, n) = [C +] A (m, k) B (k, n).

The inner kernel keeps `rows` x `columns` sums in vector registers (6 x 16 floats fill 12 of the 16 of AVX2, 12 x 16 as
many of the 32 of AVX-512) and reads A as broadcast scalars.
"""

from __future__ import annotations

from typing import Any

import llvmlite.binding as llvm
import numba
from llvmlite import ir
from numba.core import cgutils, types
from numba.extending import intrinsic

__all__ = ["CHANNEL_MULTIPLE", "multiply"]

CHANNEL_MULTIPLE = 16
"""The number of columns of B must be a multiple of this."""

_AVX512 = bool(llvm.get_host_cpu_features().get("avx512f", False))


def _register_kernel(rows: int, columns: int) -> Any:
    """Build the intrinsic that computes one `rows` x `columns` block of C."""

    @intrinsic  # type: ignore[untyped-decorator]
    def block(
        typing: Any,
        a: Any,
        a0: Any,
        a_row: Any,
        a_k: Any,
        b: Any,
        b0: Any,
        b_k: Any,
        c: Any,
        c0: Any,
        c_row: Any,
        k: Any,
        add: Any,
    ) -> Any:
        signature = types.void(a, a0, a_row, a_k, b, b0, b_k, c, c0, c_row, k, add)

        def generate(context: Any, builder: Any, signature: Any, args: Any) -> Any:
            scalar = context.get_data_type(signature.args[0].dtype)
            vector = ir.VectorType(scalar, columns)
            index = ir.IntType(64)
            letter = "f32" if signature.args[0].dtype == types.float32 else "f64"
            fma = cgutils.get_or_insert_function(
                builder.module, ir.FunctionType(vector, [vector] * 3), f"llvm.fma.v{columns}{letter}"
            )
            data = [context.make_array(signature.args[i])(context, builder, args[i]).data for i in (0, 4, 7)]
            _, a0, a_row, a_k, _, b0, b_k, _, c0, c_row, k, add = args
            a_base, b_base, c_base = (builder.gep(d, [o]) for d, o in zip(data, (a0, b0, c0), strict=True))
            a_rows = [builder.gep(a_base, [builder.mul(a_row, index(r))]) for r in range(rows)]
            c_rows = [
                builder.bitcast(builder.gep(c_base, [builder.mul(c_row, index(r))]), vector.as_pointer())
                for r in range(rows)
            ]
            sums = [cgutils.alloca_once(builder, vector) for _ in range(rows)]
            align = 4 if letter == "f32" else 8
            with builder.if_else(add) as (then, otherwise):
                with then:
                    for r in range(rows):
                        builder.store(builder.load(c_rows[r], align=align), sums[r])
                with otherwise:
                    for r in range(rows):
                        builder.store(ir.Constant(vector, [0.0] * columns), sums[r])
            undefined = ir.Constant(vector, ir.Undefined)
            lanes = ir.Constant(ir.VectorType(ir.IntType(32), columns), [0] * columns)
            with cgutils.for_range(builder, k) as loop:
                b_at = builder.gep(b_base, [builder.mul(loop.index, b_k)])
                b_vector = builder.load(builder.bitcast(b_at, vector.as_pointer()), align=align)
                offset = builder.mul(loop.index, a_k)
                for r in range(rows):
                    first = builder.insert_element(
                        undefined, builder.load(builder.gep(a_rows[r], [offset])), ir.IntType(32)(0)
                    )
                    broadcast = builder.shuffle_vector(first, undefined, lanes)
                    builder.store(builder.call(fma, [broadcast, b_vector, builder.load(sums[r])]), sums[r])
            for r in range(rows):
                builder.store(builder.load(sums[r]), c_rows[r], align=align)
            return context.get_dummy_value()

        return signature, generate

    return block


_rows12, _rows6, _rows4, _rows2, _rows1 = (_register_kernel(rows, CHANNEL_MULTIPLE) for rows in (12, 6, 4, 2, 1))


@numba.njit(nogil=True, inline="never", cache=True)
def multiply(m, n, k, a, a0, a_row, a_k, b, b0, b_k, b_panel, c, c0, c_row, c_panel, add):  # type: ignore[no-untyped-def]
    """Compute C = A B, or C += A B where `add`, on parts of flat arrays.

    The columns of B and C lie in panels of 16: a matrix that is read once from outside the cache is read fastest where
    each panel is contiguous.

    Parameters
    ----------
    m, n, k : int
        Sizes: C is (m, n), A is (m, k), B is (k, n); n is a multiple of `CHANNEL_MULTIPLE`.
    a, b, c : 1-D arrays
        Element (i, j) of A lies at ``a[a0 + i * a_row + j * a_k]``, of B at
        ``b[b0 + i * b_k + j // 16 * b_panel + j % 16]``, of C at ``c[c0 + i * c_row + j // 16 * c_panel + j % 16]``.
    add : bool
        Whether to add to what C holds.
    """
    for panel in range(n // 16):
        b1, c1 = b0 + panel * b_panel, c0 + panel * c_panel
        i = 0
        if _AVX512:
            while i + 12 <= m:
                _rows12(a, a0 + i * a_row, a_row, a_k, b, b1, b_k, c, c1 + i * c_row, c_row, k, add)
                i += 12
        while i + 6 <= m:
            _rows6(a, a0 + i * a_row, a_row, a_k, b, b1, b_k, c, c1 + i * c_row, c_row, k, add)
            i += 6
        if i + 4 <= m:
            _rows4(a, a0 + i * a_row, a_row, a_k, b, b1, b_k, c, c1 + i * c_row, c_row, k, add)
            i += 4
        if i + 2 <= m:
            _rows2(a, a0 + i * a_row, a_row, a_k, b, b1, b_k, c, c1 + i * c_row, c_row, k, add)
            i += 2
        if i < m:
            _rows1(a, a0 + i * a_row, a_row, a_k, b, b1, b_k, c, c1 + i * c_row, c_row, k, add)
