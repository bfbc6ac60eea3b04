"""RMSprop in one pass over memory, shared between the kernels' threads."""

from __future__ import annotations

import numpy as np

from levinthal.kernels.compiled import compiled


@compiled("contract")
def rmsprop_range(parameter, gradient, square, rate, rho, epsilon, scale, first, last):  # type: ignore[no-untyped-def]
    """Update flat arrays from first to last: v = rho v + (1 - rho) g^2; p -= rate g / (sqrt(v) + epsilon).

    `scale` multiplies the gradient (1, or less where its norm is clipped).
    """
    p, g, v = parameter[first:last], gradient[first:last], square[first:last]
    kind = parameter.dtype.type
    keep, rest, rate, epsilon, scale = kind(rho), kind(1.0 - rho), kind(rate), kind(epsilon), kind(scale)
    for i in range(p.size):
        slope = scale * g[i]
        mean = keep * v[i] + rest * slope * slope
        v[i] = mean
        p[i] -= rate * slope / (np.sqrt(mean) + epsilon)


@compiled("contract", "reassoc")
def squared_norm_range(gradient, first, last):  # type: ignore[no-untyped-def]
    """Return the sum of squares of a flat array from first to last."""
    g = gradient[first:last]
    total = 0.0
    for start in range(0, g.size, 4096):
        block = g[start : start + 4096]
        part = gradient.dtype.type(0)
        for i in range(block.size):
            part += block[i] * block[i]
        total += part
    return total
