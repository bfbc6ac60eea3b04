"""Which atoms of a receptor make the pocket, and how its hydrogens follow the heavy atoms."""

from __future__ import annotations

import numpy as np
from scipy.spatial import cKDTree

from levinthal.arrays import Doubles, Integers, Mask
from levinthal.errors import DataError
from levinthal.workloads.docking.molecules.molecule import Box, Receptor

# Atoms bonded to an atom, and those bonded to these, are within 2.6 A of it.
_FRAME_ANGSTROM = 2.6


def heavy_atoms(receptor: Receptor) -> Integers:
    """Return the indices of the atoms that are scored."""
    return np.flatnonzero(receptor.vina_types >= 0)


def pocket_atoms(receptor: Receptor, box: Box, margin_angstrom: float = 0.0) -> Mask:
    """Return which atoms are in residues that reach into a box, or within a margin of it; shape (n,).

    Raises
    ------
    DataError
        No residue does.
    """
    places = receptor.coordinates_angstrom
    low, high = box.low_angstrom - margin_angstrom, box.high_angstrom + margin_angstrom
    inside = np.all((places >= low) & (places <= high), axis=1)
    reached = {residue for residue, there in zip(receptor.residues, inside.tolist(), strict=True) if there}
    if not reached:
        raise DataError(f"no residue of {receptor.name} reaches into the box: place it in a pocket of the receptor")
    return np.array([residue in reached for residue in receptor.residues])


def carry_hydrogens(receptor: Receptor, moved_angstrom: Doubles) -> Doubles:
    """Return coordinates in which each hydrogen sits on its heavy atom as it does in the receptor.

    Parameters
    ----------
    receptor : Receptor
    moved_angstrom : ndarray, shape (n, 3)
        Other places of the heavy atoms; those of hydrogens are not read.
    """
    before, heavy = receptor.coordinates_angstrom, heavy_atoms(receptor)
    hydrogens = np.flatnonzero(receptor.vina_types < 0)
    after = moved_angstrom.copy()
    if len(hydrogens) == 0:
        return after
    tree = cKDTree(before[heavy])
    _, parents = tree.query(before[hydrogens])
    for hydrogen, parent in zip(hydrogens, np.asarray(parents).tolist(), strict=True):
        frame = heavy[tree.query_ball_point(before[heavy[parent]], _FRAME_ANGSTROM)]
        if np.allclose(before[frame], moved_angstrom[frame], atol=1e-9):
            after[hydrogen] = before[hydrogen]
            continue
        root, to = before[heavy[parent]], moved_angstrom[heavy[parent]]
        turn = rotation(before[frame] - root, moved_angstrom[frame] - to)
        after[hydrogen] = to + turn @ (before[hydrogen] - root)
    return after


def rotation(first: Doubles, second: Doubles) -> Doubles:
    """Return the rotation that brings the first arms closest to the second (Kabsch, Acta Cryst. A32:922, 1976)."""
    left, _, right = np.linalg.svd(second.T @ first)
    left[:, -1] *= np.sign(np.linalg.det(left @ right))
    return np.asarray(left @ right)
