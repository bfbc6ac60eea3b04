"""The compiled loop that sums a receptor's maps; imported only when maps are made, because numba is slow to import."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import numpy.typing as npt
from llvmlite import ir

from levinthal.kernels.compiled import compiled
from levinthal.kernels.vectors import SINGLE, Emitter, Place, emitted

LANES = 8
"""Types of ligand atoms whose energies lie beside one another, so that one vector addition serves them all."""


def _write_addition(code: Emitter, target: Place, at: Any, source: Place, start: Any) -> None:
    """Do target[at : at + LANES] += source[start : start + LANES] on flat float32 arrays."""
    vector = ir.VectorType(SINGLE, LANES)
    place = code.at(target, at)
    code.store(code.add(code.load(place, vector), code.load(code.at(source, start), vector)), place)


_add_lanes = emitted(_write_addition)


@compiled("contract")
def sum_maps(
    places: npt.NDArray[np.float32],
    kinds: npt.NDArray[np.int64],
    rows: npt.NDArray[np.float32],
    n_bins: int,
    bins_per_square: float,
    low: npt.NDArray[np.float32],
    spacing: float,
    cutoff: float,
    shape: tuple[int, int, int],
    start: int,
    stop: int,
    out: npt.NDArray[np.float32],
) -> None:
    """Add the energies of all receptor atoms to the nodes of the planes start .. stop-1 in x.

    Parameters
    ----------
    places, kinds
        Receptor atoms, shape (M, 3), and their types.
    rows : ndarray, flat (types, n_bins, LANES)
        The pair table, ligand types last.
    n_bins, bins_per_square
        Bins of the squared distance.
    low, spacing, shape
        The first node, the distance between nodes, nodes on each axis.
    cutoff : float
        Of the table; no pair at or beyond it is looked up.
    out : ndarray, flat (X, Y, Z, LANES)
    """
    square = cutoff * cutoff
    y_nodes, z_nodes = shape[1], shape[2]
    for i in range(start, stop):
        x = low[0] + spacing * i
        for m in range(len(places)):
            dx = x - places[m, 0]
            if abs(dx) >= cutoff:
                continue
            reach_y = math.sqrt(square - dx * dx)
            first_y = max(0, math.ceil((places[m, 1] - reach_y - low[1]) / spacing))
            last_y = min(y_nodes - 1, math.floor((places[m, 1] + reach_y - low[1]) / spacing))
            first_row = kinds[m] * n_bins
            for j in range(first_y, last_y + 1):
                dy = low[1] + spacing * j - places[m, 1]
                flat = dx * dx + dy * dy
                if flat >= square:
                    continue
                reach_z = math.sqrt(square - flat)
                first_z = max(0, math.ceil((places[m, 2] - reach_z - low[2]) / spacing))
                last_z = min(z_nodes - 1, math.floor((places[m, 2] + reach_z - low[2]) / spacing))
                node = (i * y_nodes + j) * z_nodes
                for k in range(first_z, last_z + 1):
                    dz = low[2] + spacing * k - places[m, 2]
                    bin_ = int((flat + dz * dz) * bins_per_square)
                    if bin_ < n_bins:
                        _add_lanes(out, (node + k) * LANES, rows, (first_row + bin_) * LANES)
