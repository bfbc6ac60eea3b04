"""The compiled loops that place the atoms of backbones one after the other, and their derivatives.

Atom j of a chain (N, CA, C, N, CA, C, ...) hangs on atom j - 1 by internal coordinate j - 1. The arrays are flat along
the chain: 3 L internal coordinates, of which the last places nothing, and 3 L atoms. All sums are made in float64,
whatever the type of the arrays, so that single precision costs only the rounding of what is written.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import numpy.typing as npt

from levinthal.kernels.compiled import compiled

# Dihedrals whose cosine and sine are found at once, in vector lanes; the buffers stay in the nearest cache.
BLOCK = 192
# pi in parts of 33 bits, so that small multiples of the first two are exact (Cody and Waite; twice the parts of pi/2
# in fdlibm's e_rem_pio2.c).
PI_1, PI_2, PI_3 = 3.14159265346825122834e00, 1.21542010126079319532e-10, 4.04453249759190126308e-21
REDUCIBLE_RAD = 1e6
ROUND = 6755399441055744.0  # 1.5 * 2**52: adding and subtracting it rounds to the nearest integer
S3, S5, S7, S9, S11, S13, S15, S17, S19, S21 = ((-1.0) ** (k // 2) / math.factorial(k) for k in range(3, 22, 2))
C2, C4, C6, C8, C10, C12, C14, C16, C18, C20 = ((-1.0) ** (k // 2) / math.factorial(k) for k in range(2, 21, 2))


@compiled("contract")
def _cosines_and_sines(
    angles: npt.NDArray[Any], cosines: npt.NDArray[np.float64], sines: npt.NDArray[np.float64]
) -> None:
    """Fill both, which are at least as long as the angles, to about 1e-16.

    The angle less the nearest multiple of pi lies within pi/2 of 0, where the Taylor series up to the 21st power are
    exact to rounding. There is no branch, so that LLVM makes vector instructions of the loop.
    """
    largest = 0.0
    for k in range(len(angles)):
        angle = np.float64(angles[k])
        turns = (angle * (1.0 / math.pi) + ROUND) - ROUND
        r = ((angle - turns * PI_1) - turns * PI_2) - turns * PI_3
        half = 0.5 * turns
        sign = 1.0 - 4.0 * abs(half - ((half + ROUND) - ROUND))  # -1 where `turns` is odd
        s = r * r
        even = C10 + s * (C12 + s * (C14 + s * (C16 + s * (C18 + s * C20))))
        cosines[k] = sign * (1.0 + s * (C2 + s * (C4 + s * (C6 + s * (C8 + s * even)))))
        odd = S11 + s * (S13 + s * (S15 + s * (S17 + s * (S19 + s * S21))))
        sines[k] = sign * (r + r * (s * (S3 + s * (S5 + s * (S7 + s * (S9 + s * odd))))))
        largest = max(largest, abs(angle))
    if largest > REDUCIBLE_RAD:
        for k in range(len(angles)):
            angle = np.float64(angles[k])
            cosines[k] = math.cos(angle)
            sines[k] = math.sin(angle)


@compiled("contract")
def place_chains(
    dihedrals: npt.NDArray[Any],
    lengths: npt.NDArray[np.float64],
    bend_cosines: npt.NDArray[np.float64],
    bend_sines: npt.NDArray[np.float64],
    start: int,
    stop: int,
    keep: bool,
    atoms: npt.NDArray[Any],
    directions: npt.NDArray[Any],
) -> None:
    """Write the atoms of chains start .. stop-1.

    Parameters
    ----------
    dihedrals : ndarray, shape (B, 3 L)
        rad.
    lengths, bend_cosines, bend_sines : ndarray of float64, shape (1 or B, 3 or 3 L)
        Bond lengths, and cosine and sine of pi less the bond angle; 1 and 3 mean the same for all.
    start, stop : int
        Which chains.
    keep : bool
        Write `directions` too.
    atoms : ndarray, shape (B, 3 L, 3)
        Where to write.
    directions : ndarray, shape (B, 3 L, 3)
        The unit vector of the bond that ends in each atom; zero for the first.
    """
    n = dihedrals.shape[1]
    step = 1 if lengths.shape[1] == n else 0
    cosines = np.empty(BLOCK)
    sines = np.empty(BLOCK)
    for chain in range(start, stop):
        row = chain if lengths.shape[0] > 1 else 0
        angles = dihedrals[chain]
        out = atoms[chain]
        axes = directions[chain if keep else 0]
        # The frame at the carbonyl carbon of the first residue: the bond, the normal of the plane, the third.
        bx, by, bz = bend_cosines[row, 1], bend_sines[row, 1], 0.0
        mx, my, mz = -by, bx, 0.0
        nx, ny, nz = 0.0, 0.0, 1.0
        x, y, z = lengths[row, 0] + lengths[row, 1] * bx, lengths[row, 1] * by, 0.0
        out[0] = 0
        out[1, 0], out[1, 1], out[1, 2] = lengths[row, 0], 0, 0
        out[2, 0], out[2, 1], out[2, 2] = x, y, z
        if keep:
            axes[0] = 0
            axes[1, 0], axes[1, 1], axes[1, 2] = 1, 0, 0
            axes[2, 0], axes[2, 1], axes[2, 2] = bx, by, bz
        for first in range(2, n - 1, BLOCK):
            count = min(BLOCK, n - 1 - first)
            _cosines_and_sines(angles[first : first + count], cosines, sines)
            for k in range(count):
                j = first + k
                q = j if step else j % 3
                c, s = cosines[k], sines[k]
                # Turn the frame about the bond by the dihedral, then about its normal by the bend.
                ux, uy, uz = c * mx + s * nx, c * my + s * ny, c * mz + s * nz
                nx, ny, nz = c * nx - s * mx, c * ny - s * my, c * nz - s * mz
                c, s = bend_cosines[row, q], bend_sines[row, q]
                mx, my, mz = c * ux - s * bx, c * uy - s * by, c * uz - s * bz
                bx, by, bz = c * bx + s * ux, c * by + s * uy, c * bz + s * uz
                r = lengths[row, q]
                x, y, z = x + r * bx, y + r * by, z + r * bz
                out[j + 1, 0], out[j + 1, 1], out[j + 1, 2] = x, y, z
                if keep:
                    axes[j + 1, 0], axes[j + 1, 1], axes[j + 1, 2] = bx, by, bz


@compiled("contract")
def differentiate_chains(
    gradient: npt.NDArray[Any],
    directions: npt.NDArray[Any],
    lengths: npt.NDArray[np.float64],
    bend_sines: npt.NDArray[np.float64],
    start: int,
    stop: int,
    bonds: bool,
    of_dihedrals: npt.NDArray[Any],
    of_lengths: npt.NDArray[Any],
    of_angles: npt.NDArray[Any],
) -> None:
    """Write the derivatives by the internal coordinates of chains start .. stop-1.

    Parameters
    ----------
    gradient : ndarray, shape (B, 3 L, 3)
        The derivative by the atoms.
    directions, lengths, bend_sines : ndarray
        As in `place_chains`.
    start, stop : int
        Which chains.
    bonds : bool
        Write the derivatives by lengths and angles too.
    of_dihedrals, of_lengths, of_angles : ndarray, shape (B, 3 L)
        Where to write.
    """
    n = of_dihedrals.shape[1]
    step = 1 if lengths.shape[1] == n else 0
    for chain in range(start, stop):
        row = chain if lengths.shape[0] > 1 else 0
        pull = gradient[chain]
        axes = directions[chain]
        out = of_dihedrals[chain]
        out[n - 1] = 0
        if bonds:
            of_lengths[chain, n - 1] = 0
            of_angles[chain, n - 1] = 0
        fx = fy = fz = 0.0  # the force on all atoms from j on
        tx = ty = tz = 0.0  # its torque about atom j - 1
        bx, by, bz = np.float64(axes[n - 1, 0]), np.float64(axes[n - 1, 1]), np.float64(axes[n - 1, 2])
        for j in range(n - 1, 0, -1):
            q = j - 1 if step else (j - 1) % 3
            fx, fy, fz = fx + pull[j, 0], fy + pull[j, 1], fz + pull[j, 2]
            r = lengths[row, q]
            tx += r * (by * fz - bz * fy)
            ty += r * (bz * fx - bx * fz)
            tz += r * (bx * fy - by * fx)
            ax, ay, az = np.float64(axes[j - 1, 0]), np.float64(axes[j - 1, 1]), np.float64(axes[j - 1, 2])
            out[j - 1] = ax * tx + ay * ty + az * tz
            if bonds:
                of_lengths[chain, j - 1] = bx * fx + by * fy + bz * fz
                normal = (ay * bz - az * by) * tx + (az * bx - ax * bz) * ty + (ax * by - ay * bx) * tz
                of_angles[chain, j - 1] = -normal / bend_sines[row, q]
            bx, by, bz = ax, ay, az
        # The first two dihedrals and the first angle place nothing.
        out[0] = 0
        out[1] = 0
        if bonds:
            of_angles[chain, 0] = 0
