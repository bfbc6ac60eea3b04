"""Weights and rows of numbers in the layouts of `levinthal.kernels.recurrence.gemm`."""

from __future__ import annotations

from dataclasses import dataclass

import numba
import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from levinthal.kernels.recurrence.gemm import INTEGER_STEP, PANEL, SUM_LENGTH

__all__ = ["IntegerMatrix", "float_panels", "integer_panels", "integer_size", "quantise_row"]

ROW_LIMIT = 8191
"""Largest integer that stands for a value of A."""


@dataclass(frozen=True)
class IntegerMatrix:
    """A matrix B (k, n) in 16-bit integers with a scale for each column.

    Attributes
    ----------
    values : int16 array
        Panels (n / 16, k / 2, 16, 2), flat.
    scales : float32 array (n,)
        B = values * scales.
    k, n : int
        Sizes with the zeros that fill the last panel and step.
    """

    values: npt.NDArray[np.int16]
    scales: npt.NDArray[np.float32]
    k: int
    n: int


def _padded(size: int, multiple: int) -> int:
    return -(-size // multiple) * multiple


def integer_size(k: int) -> int:
    """Return k with the zeros that an integer product needs."""
    return _padded(k, INTEGER_STEP)


def float_panels(matrix: Tensor) -> npt.NDArray[np.float32] | npt.NDArray[np.float64]:
    """Return B (k, n), any strides, as panels (ceil(n / 16), k, 16), flat; missing columns are 0."""
    k, n = matrix.shape
    missing = -n % PANEL
    if missing:
        matrix = torch.nn.functional.pad(matrix, (0, missing))
    panels: npt.NDArray[np.float32] | npt.NDArray[np.float64] = (
        matrix.reshape(k, -1, PANEL).transpose(0, 1).contiguous().view(-1).numpy()
    )
    return panels


def integer_panels(matrix: Tensor) -> IntegerMatrix:
    """Round B (k, n) to 16-bit integers, a scale for each column.

    The scale is the finest for which no sum of `SUM_LENGTH` products with values up to `ROW_LIMIT` can leave 32 bits.
    """
    k, n = matrix.shape
    weights = np.zeros((_padded(k, SUM_LENGTH), _padded(n, PANEL)), dtype=np.float32)
    weights[:k, :n] = matrix.detach().numpy()
    magnitude = np.abs(weights)
    # Rounding may add half a unit to each of the values of a sum.
    allowed = (2**31 - 1) / ROW_LIMIT - SUM_LENGTH / 2 - 1
    largest_sum = magnitude.reshape(-1, SUM_LENGTH, weights.shape[1]).sum(1, dtype=np.float64).max(0)
    finest = np.minimum(allowed / np.maximum(largest_sum, 1e-30), 32766 / np.maximum(magnitude.max(0), 1e-30))
    scales = np.where(largest_sum > 0, 1.0 / finest, 0.0)
    units = np.where(largest_sum > 0, finest, 0.0).astype(np.float32)
    kept = integer_size(k)
    values = np.rint(weights[:kept] * units).astype(np.int16)
    panels = values.reshape(kept // 2, 2, -1, PANEL).transpose(2, 0, 3, 1)
    return IntegerMatrix(np.ascontiguousarray(panels).reshape(-1), scales.astype(np.float32), kept, weights.shape[1])


@numba.njit(nogil=True, cache=True)
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
