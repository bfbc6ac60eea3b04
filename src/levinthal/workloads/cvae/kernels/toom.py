"""The matrices of minimal filtering, exact: y = OUT [(WEIGHT w) * (IN x)] in one dimension.

Two dimensions apply the same matrices along both axes (Lavin and Gray 2016, arXiv 1509.09308; the construction from
interpolation points is Toom's and Cook's, as in Blahut, Fast Algorithms for Signal Processing, chapter 5). Every
scheme is for three taps, as y[i] = sum_k w[k] x[stride * i + k - 1].
"""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction

import numpy as np
import numpy.typing as npt

__all__ = ["DOWN", "SAME", "UP", "Scheme", "minimal_filter"]

Matrix = npt.NDArray[np.float64]


def minimal_filter(points: tuple[Fraction, ...], n_outputs: int, n_taps: int) -> tuple[Matrix, Matrix, Matrix]:
    """Return OUT (m, n), WEIGHT (n, r) and IN (n, n) of y[i] = sum_k w[k] x[i + k], with n = m + r - 1.

    Parameters
    ----------
    points : tuple of Fraction
        n - 1 distinct interpolation points; infinity is added.
    n_outputs, n_taps : int
        m and r.
    """
    n = n_outputs + n_taps - 1
    if len(set(points)) != n - 1:
        raise ValueError(f"{n - 1} distinct points are needed for {n_outputs} outputs of {n_taps} taps")

    def product(roots: list[Fraction]) -> list[Fraction]:
        coefficients = [Fraction(1)]
        for root in roots:
            shifted = [Fraction(0), *coefficients]
            coefficients = [s - root * c for s, c in zip(shifted, [*coefficients, Fraction(0)], strict=True)]
        return coefficients

    out = [[p**i for p in points] + [Fraction(int(i == n_outputs - 1))] for i in range(n_outputs)]
    weight, inward = [], []
    for j, p in enumerate(points):
        others = [q for i, q in enumerate(points) if i != j]
        scale = Fraction(1)
        for q in others:
            scale *= p - q
        weight.append([p**k / scale for k in range(n_taps)])
        inward.append([*product(others), Fraction(0)])
    weight.append([Fraction(int(k == n_taps - 1)) for k in range(n_taps)])
    inward.append(product(list(points)))
    return tuple(np.array(m, dtype=np.float64) for m in (out, weight, inward))  # type: ignore[return-value]


@dataclass(frozen=True)
class Scheme:
    """A tiled one-dimensional filter.

    Attributes
    ----------
    inward : (n_points, patch) array
        From a patch of the input to points.
    outward : (tile, n_points) array
        From points to a tile of the output.
    weight : (n_weights, 3) array
        From the taps to the distinct weights.
    weight_of_point : tuple of int
        Which weight each point is multiplied with.
    step : int
        Distance between patches in the input.
    origin : int
        Index in the input of the first element of patch 0.
    """

    inward: Matrix
    outward: Matrix
    weight: Matrix
    weight_of_point: tuple[int, ...]
    step: int
    origin: int


def _points(*values: int | Fraction) -> tuple[Fraction, ...]:
    return tuple(Fraction(v) for v in values)


def _same() -> Scheme:
    out, weight, inward = minimal_filter(_points(0, 1, -1, 2, -2), 4, 3)
    return Scheme(inward, out, weight, tuple(range(6)), step=4, origin=-1)


_PHASE = minimal_filter(_points(0, 1, -1, 2), 4, 2)


def _down() -> Scheme:
    # y[i] = (w0 o[i-1] + w2 o[i]) + w1 e[i] with odd o[i] = x[2i+1] and even e[i] = x[2i]
    out, weight, inward = _PHASE
    full_in = np.zeros((9, 9))
    full_in[:5, 0::2] = inward
    full_in[5:, 1::2] = np.eye(4)
    full_weight = np.zeros((6, 3))
    full_weight[:5, [0, 2]] = weight
    full_weight[5, 1] = 1.0
    return Scheme(full_in, np.hstack([out, np.eye(4)]), full_weight, (0, 1, 2, 3, 4, 5, 5, 5, 5), step=8, origin=-1)


def _up() -> Scheme:
    # the transpose: x[2i] = w1 y[i], x[2i+1] = w2 y[i] + w0 y[i+1]
    out, weight, inward = _PHASE
    full_in = np.zeros((9, 5))
    full_in[:5] = inward
    full_in[5:, :4] = np.eye(4)
    full_out = np.zeros((8, 9))
    full_out[1::2, :5] = out
    full_out[0::2, 5:] = np.eye(4)
    full_weight = np.zeros((6, 3))
    full_weight[:5, [2, 0]] = weight
    full_weight[5, 1] = 1.0
    return Scheme(full_in, full_out, full_weight, (0, 1, 2, 3, 4, 5, 5, 5, 5), step=4, origin=0)


SAME = _same()
"""Stride 1: tiles of 4 from patches of 6, 36 products for 16 outputs in two dimensions (direct: 144)."""
DOWN = _down()
"""Stride 2: tiles of 4 from patches of 9, 81 products for 16 outputs (direct: 144)."""
UP = _up()
"""The transpose of stride 2: tiles of 8 from patches of 5, 81 products for 64 outputs (direct: 144)."""
