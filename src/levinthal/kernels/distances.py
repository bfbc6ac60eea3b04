"""The compiled loop over pairs of residues behind the distance root mean square deviation."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import numpy.typing as npt

from levinthal.kernels.compiled import compiled


# LLVM makes vector instructions of these loops because each runs over whole slices and writes one array: it need not
# fear indices below zero, nor that the arrays overlap.
@compiled("contract", "reassoc", "nsz")
def _compare_with_rest(points: npt.NDArray[Any], i: int, count: int, share: npt.NDArray[Any]) -> Any:
    """Return the sum of (d' - d)^2 over the pairs of residue i with later ones; write (d' - d) / d'."""
    rest = slice(i + 1, count)
    x, y, z, u, v, w = (
        points[0, rest],
        points[1, rest],
        points[2, rest],
        points[3, rest],
        points[4, rest],
        points[5, rest],
    )
    xi, yi, zi, ui, vi, wi = points[0, i], points[1, i], points[2, i], points[3, i], points[4, i], points[5, i]
    out = share[rest]
    zero = points.dtype.type(0)
    total = zero
    for j in range(len(out)):
        dx, dy, dz = xi - x[j], yi - y[j], zi - z[j]
        du, dv, dw = ui - u[j], vi - v[j], wi - w[j]
        found = math.sqrt(dx * dx + dy * dy + dz * dz)
        excess = found - math.sqrt(du * du + dv * dv + dw * dw)
        total += excess * excess
        # Two residues at one place have no direction from each other: no force.
        out[j] = excess / found if found > zero else zero
    return total


@compiled("contract", "reassoc", "nsz")
def _pull(x: npt.NDArray[Any], share: npt.NDArray[Any], force: npt.NDArray[Any], i: int, count: int) -> None:
    """Add what residue i and the later ones do to each other along one axis."""
    rest = slice(i + 1, count)
    here, others, shares, forces = x[i], x[rest], share[rest], force[rest]
    total = x.dtype.type(0)
    for j in range(len(forces)):
        given = shares[j] * (here - others[j])
        total += given
        forces[j] -= given
    force[i] += total


@compiled()
def _spread(forces: npt.NDArray[Any], scale: float, mask: npt.NDArray[np.bool_], gradient: npt.NDArray[Any]) -> None:
    """Give the residues of the mask their forces, one after the other, and the others none."""
    k = 0
    for i in range(len(mask)):
        for axis in range(3):
            gradient[i, axis] = scale * forces[axis, k] if mask[i] else 0.0
        k += mask[i]


@compiled("contract", "reassoc", "nsz")
def compare_distances(
    predicted: npt.NDArray[Any],
    reference: npt.NDArray[Any],
    mask: npt.NDArray[np.bool_],
    start: int,
    stop: int,
    differentiate: bool,
    rmsd: npt.NDArray[Any],
    gradient: npt.NDArray[Any],
) -> None:
    """Write the deviation of proteins start .. stop-1 and, if asked, its derivative by the predicted coordinates.

    Distances are found in the type of the coordinates, 1 residue against the others in vector lanes; the sums over
    rows are made in float64.

    Parameters
    ----------
    predicted, reference : ndarray, shape (B, L, 3)
        Coordinates of one type; those not in the mask are not read.
    mask : ndarray of bool, shape (B, L)
        Which residues count.
    start, stop : int
        Which proteins.
    differentiate : bool
        Write `gradient` too.
    rmsd : ndarray, shape (B,)
        Where to write.
    gradient : ndarray, shape (B, L, 3)
        Where to write; every element is written.
    """
    n = predicted.shape[1]
    points = np.empty((6, n), predicted.dtype)
    forces = np.empty((3, n), predicted.dtype)
    share = np.empty(n, predicted.dtype)
    for protein in range(start, stop):
        count = 0
        for i in range(n):
            if mask[protein, i]:
                for axis in range(3):
                    points[axis, count] = predicted[protein, i, axis]
                    points[3 + axis, count] = reference[protein, i, axis]
                count += 1
        for k in range(count):
            for axis in range(3):
                forces[axis, k] = 0
        total = 0.0
        for i in range(count - 1):
            total += np.float64(_compare_with_rest(points, i, count, share))
            if differentiate:
                for axis in range(3):
                    _pull(points[axis], share, forces[axis], i, count)
        pairs = 0.5 * count * (count - 1)
        deviation = math.sqrt(total / pairs) if count > 1 else 0.0
        rmsd[protein] = deviation
        if differentiate:
            scale = 1.0 / (pairs * deviation) if deviation > 0 else 0.0
            _spread(forces, scale, mask[protein], gradient[protein])
