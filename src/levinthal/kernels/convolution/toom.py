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


_TAPS3 = {
    4: (0, 1, -1, 2, -2),
    5: (0, 1, -1, 2, -2, Fraction(1, 2)),
    6: (0, 1, -1, 2, -2, Fraction(1, 2), Fraction(-1, 2)),
}
_TAPS2 = {4: (0, 1, -1, 2), 5: (0, 1, -1, 2, -2), 6: (0, 1, -1, 2, -2, Fraction(1, 2))}

TILES = tuple(_TAPS3)
"""Tile sizes there are schemes for; larger ones multiply less but lose digits."""


def _filter(tile: int, n_taps: int) -> tuple[Matrix, Matrix, Matrix]:
    points = {3: _TAPS3, 2: _TAPS2}[n_taps][tile]
    return minimal_filter(tuple(Fraction(p) for p in points), tile, n_taps)


@dataclass(frozen=True)
class Scheme:
    """A tiled one-dimensional filter; point p is multiplied with weight min(p, n_weights - 1).

    Attributes
    ----------
    inward : (n_points, patch) array
        From a patch of the input to points.
    outward : (tile, n_points) array
        From points to a tile of the output.
    weight : (n_weights, 3) array
        From the taps to the distinct weights.
    """

    inward: Matrix
    outward: Matrix
    weight: Matrix


def same(tile: int) -> Scheme:
    """Return the scheme of stride 1: `tile` outputs from tile + 2 inputs by tile + 2 products (direct: 3 tile)."""
    out, weight, inward = _filter(tile, 3)
    return Scheme(inward, out, weight)


def down(tile: int) -> Scheme:
    """Return the scheme of stride 2: `tile` outputs from 2 tile + 1 inputs by 2 tile + 1 products (direct: 3 tile).

    y[i] = (w0 o[i-1] + w2 o[i]) + w1 e[i] with odd o[i] = x[2i+1] and even e[i] = x[2i]: two taps by minimal
    filtering, one directly.
    """
    out, weight, inward = _filter(tile, 2)
    full_in = np.zeros((2 * tile + 1, 2 * tile + 1))
    full_in[: tile + 1, 0::2] = inward
    full_in[tile + 1 :, 1::2] = np.eye(tile)
    return Scheme(full_in, np.hstack([out, np.eye(tile)]), _phase_weight(weight, [0, 2]))


def up(tile: int) -> Scheme:
    """Return the transpose of stride 2: 2 tile outputs from tile + 1 inputs by 2 tile + 1 products.

    x[2i] = w1 y[i], x[2i+1] = w2 y[i] + w0 y[i+1].
    """
    out, weight, inward = _filter(tile, 2)
    full_in = np.zeros((2 * tile + 1, tile + 1))
    full_in[: tile + 1] = inward
    full_in[tile + 1 :, :tile] = np.eye(tile)
    full_out = np.zeros((2 * tile, 2 * tile + 1))
    full_out[1::2, : tile + 1] = out
    full_out[0::2, tile + 1 :] = np.eye(tile)
    return Scheme(full_in, full_out, _phase_weight(weight, [2, 0]))


def _phase_weight(weight: Matrix, taps: list[int]) -> Matrix:
    full = np.zeros((len(weight) + 1, 3))
    full[:-1, taps] = weight
    full[-1, 1] = 1.0
    return full


def tiles_along(n: int) -> tuple[int, int, int]:
    """Return (tile, large, small): `large` tiles of `tile` outputs, then `small` of one less, that cover n outputs.

    The fewest tiles, as even as possible: products are n + 2 for each tile, so 11 is best cut into 6 + 5.
    """
    count = -(-n // TILES[-1])
    tile = max(-(-n // count), TILES[0])
    if tile == TILES[0]:
        return tile, -(-n // tile), 0
    small = tile * count - n
    return tile, count - small, small
