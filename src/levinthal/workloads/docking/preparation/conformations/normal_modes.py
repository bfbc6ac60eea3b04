"""Normal modes of a pocket as an elastic network of all its heavy atoms in fixed surroundings.

Springs after the parameter-free anisotropic network model (Yang, Song and Jernigan, Proc. Natl. Acad. Sci.
106:12347, 2009): the stiffness falls with the square of the distance. Bonds and angles are much stiffer, so that the
slow modes turn groups of atoms and stretch none. Since the surroundings are fixed, there is no free translation or
rotation, and the frame of the crystal is kept.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.sparse import coo_matrix
from scipy.sparse.linalg import eigsh
from scipy.spatial import cKDTree

from levinthal.arrays import Doubles, Integers, Mask
from levinthal.errors import DataError

_CUTOFF_ANGSTROM = 8.0
_BOND_STIFFNESS = 100.0
_ANGLE_STIFFNESS = 30.0
_LONGEST_BOND_ANGSTROM = 2.15
_SWEEPS = 400
_SWEEPS_A_SEARCH = 20
_PUSH = 3.0
"""A contact is one pair among the dozen stiff ones of an atom: it has the weight of so many."""
_TOLERANCE_ANGSTROM = 0.01


@dataclass(frozen=True, eq=False)
class PocketModes:
    """The slowest modes of a pocket.

    Attributes
    ----------
    mobile : ndarray of int64, shape (n_mobile,)
        The atoms that move.
    eigenvalues : ndarray of float64, shape (n_modes,)
        Ascending, all positive, in the units of the springs.
    vectors : ndarray of float64, shape (n_modes, n_mobile, 3)
        Orthonormal.
    """

    mobile: Integers
    eigenvalues: Doubles
    vectors: Doubles


def stiff_pairs(coordinates_angstrom: Doubles) -> tuple[Integers, Integers]:
    """Return pairs of bonded atoms, and of atoms bonded to the same atom, found by distance.

    Parameters
    ----------
    coordinates_angstrom : ndarray of float64, shape (n_atoms, 3)
        Heavy atoms alone; atoms closer than 2.15 A are bonded (a disulfide bond is 2.05 A long, the closest
        1-3 distance 2.2 A).

    Returns
    -------
    bonds, angles : ndarray of int64, shape (n, 2)
        Each pair once, the lower index first.
    """
    bonds = cKDTree(coordinates_angstrom).query_pairs(_LONGEST_BOND_ANGSTROM, output_type="ndarray").astype(np.int64)
    neighbours: list[list[int]] = [[] for _ in coordinates_angstrom]
    for first, second in bonds:
        neighbours[first].append(int(second))
        neighbours[second].append(int(first))
    bonded = {(int(first), int(second)) for first, second in bonds}
    angles = {
        (min(first, second), max(first, second))
        for around in neighbours
        for k, first in enumerate(around)
        for second in around[k + 1 :]
    } - bonded
    return bonds, np.array(sorted(angles), np.int64).reshape(-1, 2)


def pocket_modes(coordinates_angstrom: Doubles, mobile: Mask, n_modes: int) -> PocketModes:
    """Return the slowest modes of the atoms that may move.

    Parameters
    ----------
    coordinates_angstrom : ndarray of float64, shape (n_atoms, 3)
        Heavy atoms.
    mobile : ndarray of bool, shape (n_atoms,)
        Which of them may move.
    n_modes : int
        How many modes.

    Raises
    ------
    DataError
        Too few atoms for so many modes.
    """
    atoms = np.flatnonzero(mobile)
    if 3 * len(atoms) < n_modes + 2:
        raise DataError(f"{len(atoms)} pocket atoms are too few for {n_modes} modes: widen the pocket")
    pairs = cKDTree(coordinates_angstrom).query_pairs(_CUTOFF_ANGSTROM, output_type="ndarray").astype(np.int64)
    pairs = pairs[mobile[pairs].any(1)]
    difference = coordinates_angstrom[pairs[:, 1]] - coordinates_angstrom[pairs[:, 0]]
    squared = np.einsum("pi,pi->p", difference, difference)
    bonds, angles = stiff_pairs(coordinates_angstrom)
    n_atoms = len(coordinates_angstrom)
    code = pairs.min(1) * n_atoms + pairs.max(1)
    stiffness = 1.0 / squared
    stiffness[np.isin(code, bonds[:, 0] * n_atoms + bonds[:, 1])] = _BOND_STIFFNESS
    stiffness[np.isin(code, angles[:, 0] * n_atoms + angles[:, 1])] = _ANGLE_STIFFNESS
    blocks = (stiffness / squared)[:, None, None] * difference[:, :, None] * difference[:, None, :]

    place = np.full(n_atoms, -1)
    place[atoms] = np.arange(len(atoms))
    first, second = place[pairs[:, 0]], place[pairs[:, 1]]
    both = (first >= 0) & (second >= 0)
    rows = np.concatenate([first[first >= 0], second[second >= 0], first[both], second[both]])
    columns = np.concatenate([first[first >= 0], second[second >= 0], second[both], first[both]])
    values = np.concatenate([blocks[first >= 0], blocks[second >= 0], -blocks[both], -blocks[both]])
    axis = np.arange(3)
    size = 3 * len(atoms)
    hessian = coo_matrix(
        (
            values.ravel(),
            (
                (3 * rows[:, None, None] + axis[None, :, None] + 0 * axis).ravel(),
                (3 * columns[:, None, None] + 0 * axis[:, None] + axis).ravel(),
            ),
        ),
        shape=(size, size),
    ).tocsc()
    start = np.random.default_rng(0).normal(size=size)
    eigenvalues, vectors = eigsh(hessian, k=n_modes, sigma=0.0, which="LM", v0=start)
    order = np.argsort(eigenvalues)
    modes = vectors.T[order].reshape(n_modes, len(atoms), 3)
    # the sign of an eigenvector is the solver's whim: the largest component is made positive
    largest = np.abs(modes.reshape(n_modes, -1)).argmax(1)
    modes *= np.sign(modes.reshape(n_modes, -1)[np.arange(n_modes), largest])[:, None, None]
    return PocketModes(atoms.astype(np.int64), eigenvalues[order], modes)


def displace(coordinates_angstrom: Doubles, modes: PocketModes, weights: Doubles, amplitude_angstrom: float) -> Doubles:
    """Return the coordinates moved along the modes, bonds and angles restored.

    Parameters
    ----------
    coordinates_angstrom : ndarray of float64, shape (n_atoms, 3)
        The heavy atoms that the modes were made from.
    modes : PocketModes
        The modes.
    weights : ndarray of float64, shape (n_modes,)
        In thermal standard deviations of each mode; the harmonic energy is kT/2 sum(weights^2).
    amplitude_angstrom : float
        Root mean square displacement over the moving atoms and over the thermal ensemble of these modes.
    """
    per_mode = 1.0 / np.sqrt(modes.eigenvalues)
    scale = amplitude_angstrom * np.sqrt(len(modes.mobile) / np.sum(per_mode**2))
    moved = coordinates_angstrom.copy()
    moved[modes.mobile] += np.einsum("m,mai->ai", weights * per_mode * scale, modes.vectors)
    return restore_lengths(moved, coordinates_angstrom, modes.mobile)


def restore_lengths(
    moved_angstrom: Doubles, reference_angstrom: Doubles, mobile: Integers, *, apart_angstrom: float = 0.0
) -> Doubles:
    """Return the moved atoms with the bond lengths and 1-3 distances that they had, only mobile atoms shifted.

    Each sweep shifts an atom by the mean of what its pairs ask for (SHAKE in Jacobi's order), until no pair is off by
    0.01 A or after 400 sweeps. Pairs that came closer than `apart_angstrom` ask to be that far apart, or as far as they
    were before.
    """
    moves = np.zeros(len(reference_angstrom), bool)
    moves[mobile] = True
    stiff = np.concatenate(stiff_pairs(reference_angstrom))
    bound = stiff[:, 0] * len(moves) + stiff[:, 1]
    stiff = stiff[moves[stiff].any(1)]
    lengths = np.linalg.norm(reference_angstrom[stiff[:, 1]] - reference_angstrom[stiff[:, 0]], axis=1)
    points, pairs, target, n_stiff = moved_angstrom.copy(), stiff, lengths, len(stiff)
    for sweep in range(_SWEEPS):
        if apart_angstrom and sweep % _SWEEPS_A_SEARCH == 0:
            close = free_pairs(points, bound, apart_angstrom)
            close = close[moves[close].any(1)]
            before = np.linalg.norm(reference_angstrom[close[:, 1]] - reference_angstrom[close[:, 0]], axis=1)
            pairs = np.concatenate([stiff, close])
            target = np.concatenate([lengths, np.minimum(before, apart_angstrom)])
        # a pair with a fixed end asks its other end for the whole correction
        share = np.where(moves[pairs], 1.0, 0.0)
        share /= share.sum(1, keepdims=True)
        count = np.maximum(np.bincount(pairs.ravel(), minlength=len(moves)), 1)[:, None]
        difference = points[pairs[:, 1]] - points[pairs[:, 0]]
        length = np.linalg.norm(difference, axis=1)
        error = length - target
        error[n_stiff:] = np.minimum(error[n_stiff:], 0.0)
        if np.abs(error).max(initial=0.0) < _TOLERANCE_ANGSTROM:
            break
        error[n_stiff:] *= _PUSH
        correction = (error / np.maximum(length, 1e-6))[:, None] * difference
        shift = np.zeros_like(points)
        np.add.at(shift, pairs[:, 0], share[:, :1] * correction)
        np.add.at(shift, pairs[:, 1], -share[:, 1:] * correction)
        # over-relaxed: the mean alone converges slowly where many pairs share an atom
        points += 1.8 * shift / count
    return points


def free_pairs(points_angstrom: Doubles, bound: Integers, below_angstrom: float) -> Integers:
    """Return pairs of atoms, shape (n_pairs, 2), that are closer than a limit, but for those that are bound.

    Parameters
    ----------
    points_angstrom : ndarray of float64, shape (n_atoms, 3)
    bound : ndarray of int64
        Pairs to leave out, as first * n_atoms + second, the lower index first.
    below_angstrom : float
    """
    pairs = cKDTree(points_angstrom).query_pairs(below_angstrom, output_type="ndarray").astype(np.int64).reshape(-1, 2)
    return np.asarray(pairs[~np.isin(pairs[:, 0] * len(points_angstrom) + pairs[:, 1], bound)], np.int64)
