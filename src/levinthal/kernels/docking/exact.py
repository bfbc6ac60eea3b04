"""The compiled loop that scores rigid poses against every receptor atom, with force and torque, for final descents.

Imported only when it runs, because numba is slow to import.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from levinthal.kernels.compiled import compiled

Doubles = npt.NDArray[np.float64]


@compiled("contract")
def score_exactly(
    quaternions: Doubles,
    centres: Doubles,
    template: Doubles,
    kinds: npt.NDArray[np.int64],
    places: Doubles,
    types: npt.NDArray[np.int64],
    table: Doubles,
    bins_per_square: float,
    curl: float,
    energies: Doubles,
    forces: Doubles,
    torques: Doubles,
) -> None:
    """Score poses by tables that are read with linear interpolation in the squared distance.

    Parameters
    ----------
    quaternions, centres
        Poses, (N, 4) and (N, 3).
    template, kinds
        Heavy atoms of the ligand, (h, 3), and their types.
    places, types
        Receptor atoms, (M, 3), and their types.
    table
        Energies of pairs of types, (types, types, bins): bin b holds the energy at (b + 1/2) / bins_per_square.
    bins_per_square, curl
        Bins to an A^2; where positive energies of an atom bend to.
    energies, forces, torques
        Written to: (N,), (N, 3), (N, 3), along the axes of the box, the torque about the centre.
    """
    n_bins = table.shape[2]
    cutoff = (n_bins - 0.5) / bins_per_square
    for n in range(len(quaternions)):
        w, x, y, z = quaternions[n]
        total = 0.0
        fx = fy = fz = tx = ty = tz = 0.0
        for a in range(len(template)):
            u, v, s = template[a]
            ax = (1 - 2 * (y * y + z * z)) * u + 2 * (x * y - w * z) * v + 2 * (x * z + w * y) * s
            ay = 2 * (x * y + w * z) * u + (1 - 2 * (x * x + z * z)) * v + 2 * (y * z - w * x) * s
            az = 2 * (x * z - w * y) * u + 2 * (y * z + w * x) * v + (1 - 2 * (x * x + y * y)) * s
            px, py, pz = ax + centres[n, 0], ay + centres[n, 1], az + centres[n, 2]
            energy = gx = gy = gz = 0.0
            rows = table[kinds[a]]
            for m in range(len(places)):
                dx, dy, dz = px - places[m, 0], py - places[m, 1], pz - places[m, 2]
                square = dx * dx + dy * dy + dz * dz
                if square >= cutoff:
                    continue
                at = max(square * bins_per_square - 0.5, 0.0)
                bin_ = min(int(at), n_bins - 2)
                low = rows[types[m], bin_]
                slope = rows[types[m], bin_ + 1] - low
                energy += low + (at - bin_) * slope
                pull = 2.0 * bins_per_square * slope
                gx += pull * dx
                gy += pull * dy
                gz += pull * dz
            if energy > 0:
                bend = curl / (curl + energy)
                energy *= bend
                gx *= bend * bend
                gy *= bend * bend
                gz *= bend * bend
            total += energy
            fx -= gx
            fy -= gy
            fz -= gz
            tx -= ay * gz - az * gy
            ty -= az * gx - ax * gz
            tz -= ax * gy - ay * gx
        energies[n] = total
        forces[n, 0], forces[n, 1], forces[n, 2] = fx, fy, fz
        torques[n, 0], torques[n, 1], torques[n, 2] = tx, ty, tz
