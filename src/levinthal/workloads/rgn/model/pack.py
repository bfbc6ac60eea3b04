"""Weights in the layouts of `levinthal.kernels.products`."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from levinthal.kernels.products import INTEGER_STEP, PANEL, ROW_LIMIT, SUM_LENGTH


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
