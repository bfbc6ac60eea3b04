"""Matrix products of cache-sized blocks, callable from compiled code: C (m, n) = [C +] A (m, k) B (k, n).

The columns of B lie in panels of 16. The inner code keeps some rows of one or more panels of C in vector registers
(6 x 16 floats fill 12 of the 16 of AVX2, 12 x 16 as many of the 32 of AVX-512) and reads A as broadcast scalars.

- `multiply`: any strides; the blocks of a convolution.
- `multiply_panels`: a few rows times a large matrix that is read once, in panels that are contiguous. Every element of
  C is summed in the order of k, whatever m is, so that a row alone gives the same bits as in a batch.
- `multiply_integers`: the same in 16-bit integers. Pairs of neighbours in k are multiplied and added exactly in 32 bits
  (``vpmaddwd`` on x86), and every `SUM_LENGTH` elements the sums move on to float32: half the bytes and twice the
  products for each instruction of float32. Whoever scales B excludes overflow: see `ROW_LIMIT`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from llvmlite import ir

from levinthal.kernels.compiled import compiled
from levinthal.kernels.vectors import INT16, INT32, INT64, SINGLE, Emitter, Place, emitted

PANEL = 16
"""Columns in a panel; the number of columns of B is a multiple of this."""
SUM_LENGTH = 64
"""Products that are added in 32-bit integers before the sum moves on to float32."""
INTEGER_STEP = 8
"""The k of an integer product must be a multiple of this."""
ROW_LIMIT = 8191
"""Largest integer that stands for a value of A."""


def _by_rows(code: Emitter, m: Any, sizes: Sequence[int], write: Callable[[int, Any], None]) -> None:
    """Take m rows in blocks of the sizes, which fall to 1: as many of each as fit into what is left."""
    builder = code.builder
    first = INT64(0)
    for size in sizes:
        count = builder.udiv(builder.sub(m, first), INT64(size))
        with code.loop(count) as loop:
            write(size, builder.add(first, code.times(loop.index, size)))
        first = builder.add(first, code.times(count, size))


def _float_block(
    code: Emitter, shape: tuple[int, int], a: Place, a_strides: tuple[Any, Any], b: Place, b_strides: tuple[Any, Any],
    c: Place, c_row: Any, k: Any, add: Any = None,
) -> None:  # fmt: skip
    """Compute a block of (rows, neighbouring panels) of C.

    Strides of A are those of a row and of k, of B those of k and of a panel.
    """
    builder = code.builder
    rows, panels = shape
    vector = ir.VectorType(a.scalar, PANEL)
    a_rows = [code.at(a, code.times(a_strides[0], r)) for r in range(rows)]
    b_panels = [code.at(b, code.times(b_strides[1], p)) for p in range(panels)]
    targets = [[code.at(c, builder.add(code.times(c_row, r), INT64(p * PANEL))) for p in range(panels)]
               for r in range(rows)]  # fmt: skip
    sums = code.variables(vector, rows, panels)
    zero = code.constant(vector, 0.0)
    if add is None:
        code.fill(sums, zero)
    else:
        with builder.if_else(add) as (then, otherwise):
            with then:
                for r in range(rows):
                    for target, total in zip(targets[r], sums[r], strict=True):
                        builder.store(code.load(target, vector), total)
            with otherwise:
                code.fill(sums, zero)
    with code.loop(k) as loop:
        along_b, along_a = builder.mul(loop.index, b_strides[0]), builder.mul(loop.index, a_strides[1])
        b_vectors = [code.load(code.at(panel, along_b), vector) for panel in b_panels]
        for r in range(rows):
            broadcast = code.splat(code.load(code.at(a_rows[r], along_a)), PANEL)
            for total, b_vector in zip(sums[r], b_vectors, strict=True):
                builder.store(code.fma(broadcast, b_vector, builder.load(total)), total)
    for r in range(rows):
        for target, total in zip(targets[r], sums[r], strict=True):
            code.store(builder.load(total), target)


def _write_product(
    code: Emitter, m: Any, k: Any, a: Place, a0: Any, a_row: Any, a_k: Any, b: Place, b0: Any, b_k: Any, c: Place,
    c0: Any, c_row: Any, add: Any,
) -> None:  # fmt: skip
    a, b, c = code.at(a, a0), code.at(b, b0), code.at(c, c0)

    def block(rows: int, i: Any) -> None:
        here, there = (code.at(place, code.builder.mul(i, row)) for place, row in ((a, a_row), (c, c_row)))
        _float_block(code, (rows, 1), here, (a_row, a_k), b, (b_k, b_k), there, c_row, k, add)

    _by_rows(code, m, (12, 6, 4, 2, 1) if code.has("avx512f") else (6, 4, 2, 1), block)


_product = emitted(_write_product)


@compiled()
def multiply(m, n, k, a, a0, a_row, a_k, b, b0, b_k, b_panel, c, c0, c_row, c_panel, add):  # type: ignore[no-untyped-def]
    """Compute C = A B, or C += A B where `add`, on parts of flat arrays.

    A matrix that is read once from outside the cache is read fastest where each panel is contiguous.

    Parameters
    ----------
    m, n, k : int
        Sizes: C is (m, n), A is (m, k), B is (k, n); n is a multiple of `PANEL`.
    a, b, c : 1-D arrays
        Element (i, j) of A lies at ``a[a0 + i * a_row + j * a_k]``, of B at
        ``b[b0 + i * b_k + j // 16 * b_panel + j % 16]``, of C at ``c[c0 + i * c_row + j // 16 * c_panel + j % 16]``.
    add : bool
        Whether to add to what C holds.
    """
    for panel in range(n // PANEL):
        _product(m, k, a, a0, a_row, a_k, b, b0 + panel * b_panel, b_k, c, c0 + panel * c_panel, c_row, add)


_ROWS = (6, 4, 3, 2, 1)


def _float_panels(sizes: Sequence[int], panels: int) -> Any:
    """Return the code of some panels for all rows, taken in blocks of the sizes."""

    def write(
        code: Emitter, m: Any, k: Any, a: Place, a_row: Any, b: Place, b0: Any, c: Place, c0: Any, c_row: Any
    ) -> None:
        b, c = code.at(b, b0), code.at(c, c0)
        strides = INT64(PANEL), code.times(k, PANEL)

        def block(rows: int, i: Any) -> None:
            here, there = (code.at(place, code.builder.mul(i, row)) for place, row in ((a, a_row), (c, c_row)))
            _float_block(code, (rows, panels), here, (a_row, INT64(1)), b, strides, there, c_row, k)

        _by_rows(code, m, sizes, block)

    return emitted(write)


_float_all, _float_two, _float_one = _float_panels(_ROWS, 1), _float_panels((2,), 2), _float_panels((1,), 4)


@compiled()
def multiply_panels(m, first, last, k, a, a_row, b, c, c_row):  # type: ignore[no-untyped-def]
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
    panel, width = first, k * PANEL
    if m == 1:
        while panel + 4 <= last:
            _float_one(m, k, a, a_row, b, panel * width, c, panel * PANEL, c_row)
            panel += 4
    elif m == 2:
        while panel + 2 <= last:
            _float_two(m, k, a, a_row, b, panel * width, c, panel * PANEL, c_row)
            panel += 2
    while panel < last:
        _float_all(m, k, a, a_row, b, panel * width, c, panel * PANEL, c_row)
        panel += 1


def _pairwise_products(code: Emitter, a: Any, b: Any) -> Any:
    """Return a[2i] b[2i] + a[2i+1] b[2i+1] of two vectors of 16 int16 as 8 int32."""
    wide = ir.VectorType(INT32, 8)
    if code.has("avx2"):
        return code.call("llvm.x86.avx2.pmadd.wd", wide, a, b)
    products = []
    for parity in (0, 1):
        x, y = (code.builder.sext(code.shuffle(v, v, range(parity, 16, 2)), wide) for v in (a, b))
        products.append(code.builder.mul(x, y))
    return code.builder.add(*products)


def _integer_sums(
    code: Emitter, whole: list[list[Any]], a_rows: list[Place], b_panels: list[Place], begin: Any, length: Any
) -> None:
    """Add the products of `length` elements of k from `begin` on to the sums, two vectors of 8 int32 for each panel."""
    builder = code.builder
    short = ir.VectorType(INT16, PANEL)
    # Unrolled, LLVM reorders the sums of more rows and runs out of registers.
    unrolled = INTEGER_STEP if len(a_rows) == 1 else 2
    with code.loop(builder.udiv(length, INT64(unrolled))) as loop:
        first = builder.add(begin, code.times(loop.index, unrolled))
        for pair in range(0, unrolled, 2):
            at = builder.add(first, INT64(pair))
            offset = code.times(at, PANEL)
            b_vectors = [
                code.load(code.at(panel, builder.add(offset, INT64(16 * half))), short)
                for panel in b_panels
                for half in range(2)
            ]
            for r, row in enumerate(a_rows):
                broadcast = builder.bitcast(code.splat(code.load(code.at(row, at), INT32), 8), short)
                for total, b_vector in zip(whole[r], b_vectors, strict=True):
                    product = _pairwise_products(code, broadcast, b_vector)
                    builder.store(builder.add(builder.load(total), product), total)


def _integer_block(
    code: Emitter, shape: tuple[int, int], a: Place, a_row: Any, a_scales: Place, b: Place, b_scales: Place, c: Place,
    c_row: Any, k: Any,
) -> None:  # fmt: skip
    """Compute a block of (rows, neighbouring panels) of C from 16-bit integers."""
    builder = code.builder
    rows, panels = shape
    integers, floats = ir.VectorType(INT32, 8), ir.VectorType(SINGLE, 8)
    a_rows = [code.at(a, code.times(a_row, r)) for r in range(rows)]
    width = code.times(k, PANEL)
    b_panels = [code.at(b, code.times(width, p)) for p in range(panels)]
    whole, sums = (code.variables(kind, rows, 2 * panels) for kind in (integers, floats))
    code.fill(sums, code.constant(floats, 0.0))
    step = INT64(SUM_LENGTH)
    with code.loop(builder.udiv(builder.add(k, INT64(SUM_LENGTH - 1)), step)) as outer:
        begin = builder.mul(outer.index, step)
        left = builder.sub(k, begin)
        code.fill(whole, code.constant(integers, 0))
        length = builder.select(builder.icmp_unsigned("<", left, step), left, step)
        _integer_sums(code, whole, a_rows, b_panels, begin, length)
        for r in range(rows):
            for part, total in zip(whole[r], sums[r], strict=True):
                builder.store(builder.fadd(builder.load(total), builder.sitofp(builder.load(part), floats)), total)
    for r in range(rows):
        scale = code.splat(code.load(code.at(a_scales, INT64(r))), 8)
        for half, total in enumerate(sums[r]):
            b_scale = code.load(code.at(b_scales, INT64(8 * half)), floats)
            value = builder.fmul(builder.fmul(builder.load(total), b_scale), scale)
            code.store(value, code.at(c, builder.add(code.times(c_row, r), INT64(8 * half))))


def _integer_panels(sizes: Sequence[int], panels: int) -> Any:
    """Return the code of some panels for all rows, taken in blocks of the sizes."""

    def write(
        code: Emitter, m: Any, k: Any, a: Place, a_row: Any, a_scales: Place, b: Place, b0: Any, b_scales: Place,
        c: Place, c0: Any, c_row: Any,
    ) -> None:  # fmt: skip
        b, b_scales, c = code.at(b, b0), code.at(b_scales, c0), code.at(c, c0)

        def block(rows: int, i: Any) -> None:
            here, there = (code.at(place, code.builder.mul(i, row)) for place, row in ((a, a_row), (c, c_row)))
            scales = code.at(a_scales, i)
            _integer_block(code, (rows, panels), here, a_row, scales, b, b_scales, there, c_row, k)

        _by_rows(code, m, sizes, block)

    return emitted(write)


_integer_all, _integer_two, _integer_one = _integer_panels(_ROWS, 1), _integer_panels((2,), 2), _integer_panels((1,), 4)


@compiled()
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
    panel, width = first, k * PANEL
    if m == 1:
        while panel + 4 <= last:
            _integer_one(m, k, a, a_row, a_scales, b, panel * width, b_scales, c, panel * PANEL, c_row)
            panel += 4
    elif m == 2:
        while panel + 2 <= last:
            _integer_two(m, k, a, a_row, a_scales, b, panel * width, b_scales, c, panel * PANEL, c_row)
            panel += 2
    while panel < last:
        _integer_all(m, k, a, a_row, a_scales, b, panel * width, b_scales, c, panel * PANEL, c_row)
        panel += 1


@compiled()
def quantise_row(values, target):  # type: ignore[no-untyped-def]
    """Round float32 values (k,) to integers target (>= k,) of at most `ROW_LIMIT`; return the scale."""
    largest = np.float32(0)
    for i in range(values.size):
        largest = max(largest, abs(values[i]))
    if not largest > np.float32(1e-30):
        for i in range(values.size):
            target[i] = 0
        return np.float32(0)
    unit = np.float32(ROW_LIMIT) / largest
    for i in range(values.size):
        target[i] = np.int16(np.rint(values[i] * unit))
    return largest / np.float32(ROW_LIMIT)
