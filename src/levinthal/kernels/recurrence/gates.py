"""What an LSTM cell does with its sums: sigmoid, tanh and their derivatives, in loops that become vector instructions.

The cell is that of Hochreiter and Schmidhuber 1997 with the forget gate of Gers et al. 2000, its gates in the order of
torch.nn.LSTM: i, f, g, o = sigmoid, sigmoid, tanh, sigmoid of the sums; c' = f c + i g; h = o tanh(c').
"""

from __future__ import annotations

import math
from typing import Any

import numba
from numba.core import types
from numba.extending import overload

from levinthal.kernels.compiled import compiled
from levinthal.kernels.vectors import INT32, SINGLE, Emitter, emitted

_LOG2_E = 1.4426950408889634
# ln 2 in two parts; the first has so few bits that its product with a small whole number is exact (Cody, Waite 1980).
_LN2_HIGH = 0.693359375
_LN2_LOW = math.log(2.0) - _LN2_HIGH
_ROUNDER = 12582912.0  # 1.5 * 2**23: adding it to a float32 below 2**22 rounds it to a whole number
_LARGEST = 87.0  # exp of it is a finite float32; sigmoid and tanh are 0 or 1 long before
_C2, _C3, _C4, _C5, _C6, _C7 = (1.0 / math.factorial(n) for n in range(2, 8))


def _write_float(code: Emitter, bits: Any) -> Any:
    """Return the float32 with these 32 bits."""
    return code.builder.bitcast(code.builder.trunc(bits, INT32), SINGLE)


_float_of_bits = emitted(_write_float, returns=types.float32)


@compiled(inline=True)
def _exp_parts(x):  # type: ignore[no-untyped-def]
    """Return 2**n and expm1(r) of a float32 x = n ln 2 + r, |r| <= ln 2 / 2; exp(x) = 2**n (expm1(r) + 1)."""
    f = numba.float32
    x = min(max(x, f(-_LARGEST)), f(_LARGEST))
    n = (x * f(_LOG2_E) + f(_ROUNDER)) - f(_ROUNDER)
    r = (x - n * f(_LN2_HIGH)) - n * f(_LN2_LOW)
    # The Taylor series to r**7 is exact to 5e-9 here.
    tail = f(_C2) + r * (f(_C3) + r * (f(_C4) + r * (f(_C5) + r * (f(_C6) + r * f(_C7)))))
    power = _float_of_bits((numba.int32(n) + numba.int32(127)) << numba.int32(23))
    return power, r + r * r * tail


def _sigmoid(x):  # type: ignore[no-untyped-def]
    raise NotImplementedError


def _tanh(x):  # type: ignore[no-untyped-def]
    raise NotImplementedError


@overload(_sigmoid, inline="always")
def _sigmoid_of(x):  # type: ignore[no-untyped-def]
    if x == types.float32:

        def single(x):  # type: ignore[no-untyped-def]
            power, rest = _exp_parts(-x)
            return numba.float32(1) / (numba.float32(1) + (power + power * rest))

        return single
    return lambda x: 1.0 / (1.0 + math.exp(-x))


@overload(_tanh, inline="always")
def _tanh_of(x):  # type: ignore[no-untyped-def]
    if x == types.float32:

        def single(x):  # type: ignore[no-untyped-def]
            # tanh x = expm1(2x) / (expm1(2x) + 2): accurate for small x too.
            power, rest = _exp_parts(x + x)
            minus_one = power * rest + (power - numba.float32(1))
            return minus_one / (minus_one + numba.float32(2))

        return single
    return lambda x: math.tanh(x)  # noqa: PLW0108 numba compiles Python functions only


@compiled()
def sigmoid(values):  # type: ignore[no-untyped-def]
    """Replace values (n,), float32 or float64, by 1 / (1 + exp(-values)) in place."""
    for i in range(values.size):
        values[i] = _sigmoid(values[i])  # type: ignore[no-untyped-call]


@compiled()
def tanh(values):  # type: ignore[no-untyped-def]
    """Replace values (n,), float32 or float64, by their hyperbolic tangents in place."""
    for i in range(values.size):
        values[i] = _tanh(values[i])  # type: ignore[no-untyped-call]


@compiled()
def _gate_cell(gates, before, cell, hidden):  # type: ignore[no-untyped-def]
    n = cell.size
    i, f, g, o = gates[:n], gates[n : 2 * n], gates[2 * n : 3 * n], gates[3 * n : 4 * n]
    for j in range(n):
        cell[j] = f[j] * before[j] + i[j] * g[j]
    for j in range(n):
        hidden[j] = cell[j]
    tanh(hidden)
    for j in range(n):
        hidden[j] *= o[j]


@compiled()
def cell_forward(sums, bias, gates, before, cell, hidden):  # type: ignore[no-untyped-def]
    """Advance one sequence by one step.

    Parameters
    ----------
    sums : array (>= 4 H,)
        Products of the previous h with the recurrent weights; 0 at the first step.
    bias : array (4 H,)
        Added to the sums.
    gates : array (4 H,)
        In: products of the input with its weights. Out: i, f, g, o.
    before, cell, hidden : arrays (H,)
        c of the step before; c and h of this one, which are written. `before` may be `cell`.
    """
    n = cell.size
    for j in range(4 * n):
        gates[j] += sums[j] + bias[j]
    sigmoid(gates[: 2 * n])
    tanh(gates[2 * n : 3 * n])
    sigmoid(gates[3 * n :])
    _gate_cell(gates, before, cell, hidden)


@compiled()
def cell_backward(gates, before, cell, d_hidden, d_cell, d_sums, work):  # type: ignore[no-untyped-def]
    """Take the gradients of one sequence back by one step.

    Parameters
    ----------
    gates, before, cell : arrays (4 H,), (H,), (H,)
        What `cell_forward` left: i, f, g, o, the c before and the c of this step.
    d_hidden : array (H,)
        Gradient of h.
    d_cell : array (H,)
        In: gradient of c from the step after. Out: gradient of the c before.
    d_sums : array (4 H,)
        Gradient of the sums, which is written.
    work : array (H,)
        Is written over.
    """
    n = cell.size
    one = cell.dtype.type(1)
    i, f, g, o = gates[:n], gates[n : 2 * n], gates[2 * n : 3 * n], gates[3 * n : 4 * n]
    for j in range(n):
        work[j] = cell[j]
    tanh(work)
    d_i, d_f, d_g, d_o = d_sums[:n], d_sums[n : 2 * n], d_sums[2 * n : 3 * n], d_sums[3 * n : 4 * n]
    for j in range(n):
        d_o[j] = d_hidden[j] * work[j] * o[j] * (one - o[j])
    for j in range(n):
        d_cell[j] += d_hidden[j] * o[j] * (one - work[j] * work[j])
    for j in range(n):
        d_i[j] = d_cell[j] * g[j] * i[j] * (one - i[j])
    for j in range(n):
        d_f[j] = d_cell[j] * before[j] * f[j] * (one - f[j])
    for j in range(n):
        d_g[j] = d_cell[j] * i[j] * (one - g[j] * g[j])
    for j in range(n):
        d_cell[j] *= f[j]
