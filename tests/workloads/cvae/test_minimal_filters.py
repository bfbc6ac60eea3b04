"""The matrices of minimal filtering, against the sums they stand for."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from levinthal.kernels.convolution.toom import TILES, Scheme, down, minimal_filter, same, tiles_along, up


def apply(scheme: Scheme, taps: np.ndarray, patch: np.ndarray) -> np.ndarray:
    weights = scheme.weight @ taps
    points = scheme.inward @ patch
    return scheme.outward @ (points * weights[np.minimum(np.arange(len(points)), len(weights) - 1)])


@pytest.mark.parametrize("tile", TILES)
def test_stride_one(tile: int) -> None:
    rng = np.random.default_rng(tile)
    taps, x = rng.standard_normal(3), rng.standard_normal(tile + 2)
    np.testing.assert_allclose(apply(same(tile), taps, x), np.correlate(x, taps, "valid"), rtol=1e-11, atol=1e-11)


@pytest.mark.parametrize("tile", TILES)
def test_stride_two(tile: int) -> None:
    rng = np.random.default_rng(tile)
    taps, x = rng.standard_normal(3), rng.standard_normal(2 * tile + 1)
    expected = [taps @ x[2 * i : 2 * i + 3] for i in range(tile)]
    np.testing.assert_allclose(apply(down(tile), taps, x), expected, rtol=1e-11, atol=1e-11)


@pytest.mark.parametrize("tile", TILES)
def test_transposed_stride_two(tile: int) -> None:
    rng = np.random.default_rng(tile)
    taps, y = rng.standard_normal(3), rng.standard_normal(tile + 1)
    spread = np.zeros(2 * tile + 4)
    for i, value in enumerate(y):  # y[i] came from x[2i - 1 .. 2i + 1]; the array begins at x[-1]
        spread[2 * i : 2 * i + 3] += value * taps
    np.testing.assert_allclose(apply(up(tile), taps, y), spread[1 : 2 * tile + 1], rtol=1e-11, atol=1e-11)


def test_published_matrices() -> None:
    """F(2, 3) of Lavin and Gray 2016, equation 7, up to the sign of a point's row."""
    out, weight, inward = minimal_filter((Fraction(0), Fraction(1), Fraction(-1)), 2, 3)
    np.testing.assert_array_equal(out, [[1, 1, 1, 0], [0, 1, -1, 1]])
    np.testing.assert_array_equal(np.abs(weight), [[1, 0, 0], [0.5, 0.5, 0.5], [0.5, 0.5, 0.5], [0, 0, 1]])
    np.testing.assert_array_equal(np.abs(inward), [[1, 0, 1, 0], [0, 1, 1, 0], [0, 1, 1, 0], [0, 1, 0, 1]])


def test_equal_points_are_refused() -> None:
    with pytest.raises(ValueError, match="distinct"):
        minimal_filter((Fraction(0), Fraction(0), Fraction(1)), 2, 3)


@given(st.integers(1, 500))
def test_tiles_cover_and_hardly_overlap(n: int) -> None:
    tile, large, small = tiles_along(n)
    covered = tile * large + (tile - 1) * small
    assert tile in TILES
    assert not small or tile - 1 in TILES
    assert large >= 1
    assert n <= covered
    assert covered == n or tile == min(TILES)
    assert covered - n < tile
