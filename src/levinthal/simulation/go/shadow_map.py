"""Native contacts by the shadow map: atoms that are near and see each other (Noel, Whitford and Onuchic, 2012)."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
from scipy.spatial import cKDTree

from levinthal.arrays import Doubles, Integers
from levinthal.errors import DataError
from levinthal.simulation.systems.molecular_system import Residue

SHADOW_CUTOFF_NM = 0.6
SHADOW_RADIUS_NM = 0.1
"""Both as the paper recommends them for proteins."""
SHADOW_MIN_SEPARATION = 4
"""Least distance |i - j| of two residues of one chain."""

# An atom bonded to the one that is looked at would shade it from nearly everywhere.
_BONDED_RADIUS_NM = 0.05
_LONGEST_BOND_NM = 0.2


def _visible(
    source_nm: Doubles,
    atoms_nm: Doubles,
    wanted: npt.NDArray[np.bool_],
    bonded: npt.NDArray[np.bool_],
    radius_nm: float,
) -> npt.NDArray[np.bool_]:
    """Say which of the wanted atoms lie in no other's shadow.

    Parameters
    ----------
    source_nm : ndarray, shape (3,)
        The light.
    atoms_nm : ndarray, shape (n, 3)
        All atoms within the cutoff of it.
    wanted : ndarray of bool, shape (n,)
        For which of them to say.
    bonded : ndarray of bool, shape (n, n)
        Which of them are bonded.
    radius_nm : float
        Of every atom, seen as a disc that faces the light.

    Returns
    -------
    ndarray of bool, shape (n_wanted,)
    """
    towards = atoms_nm - source_nm
    distance = np.linalg.norm(towards, axis=1)
    towards /= distance[:, None]
    angle = np.arccos(np.clip(towards[wanted] @ towards.T, -1.0, 1.0))
    radii = np.where(bonded[wanted], min(_BONDED_RADIUS_NM, radius_nm), radius_nm)
    half_angles = np.arctan(radii / distance) + np.arctan(radius_nm / distance[wanted])[:, None]
    nearer = distance < distance[wanted][:, None]
    return np.asarray(~(nearer & (angle < half_angles)).any(axis=1))


def shadow_map(
    residues: Sequence[Residue],
    *,
    cutoff_nm: float = SHADOW_CUTOFF_NM,
    radius_nm: float = SHADOW_RADIUS_NM,
    min_separation: int = SHADOW_MIN_SEPARATION,
) -> Integers:
    """Return which residues touch in a structure, without those that have another atom between them.

    Two heavy atoms within the cutoff are in contact if each sees the other. Each atom is a disc of the shadow radius;
    an atom is seen if its disc is free of the shadow of every nearer one. An atom bonded to the one that is looked at
    casts half the shadow. Two residues are in contact if any of their atoms are (Noel, Whitford and Onuchic, J. Phys.
    Chem. B 116:8692, 2012).

    Parameters
    ----------
    residues : sequence of Residue
        With their heavy atoms; a new chain begins where `chain_key` changes.
    cutoff_nm, radius_nm : float
        Of two atoms in contact; of an atom's shadow, where 0 gives the plain cutoff map.
    min_separation : int
        Least |i - j| within a chain; between chains every pair counts.

    Returns
    -------
    ndarray of int64, shape (n_contacts, 2)
        Indices into `residues`, the first the smaller, sorted.

    Raises
    ------
    DataError
        Two atoms in one place.
    """
    atoms_nm = np.array([position for residue in residues for position in residue.atoms.values()], np.float64)
    residue_of = np.repeat(np.arange(len(residues)), [len(residue.atoms) for residue in residues])
    chain_starts = [k > 0 and residues[k].chain_key != residues[k - 1].chain_key for k in range(len(residues))]
    chain_of = np.cumsum(chain_starts)[residue_of]
    tree = cKDTree(atoms_nm)
    pairs = tree.query_pairs(cutoff_nm, output_type="ndarray")
    distances = np.linalg.norm(atoms_nm[pairs[:, 0]] - atoms_nm[pairs[:, 1]], axis=1)
    if (distances == 0).any():
        first, second = pairs[distances == 0][0]
        raise DataError(
            f"an atom of {residues[residue_of[first]]} and one of {residues[residue_of[second]]} lie in one place: "
            "fix the structure"
        )
    near = _symmetric(pairs, len(atoms_nm))
    bonded = _symmetric(pairs[distances < _LONGEST_BOND_NM], len(atoms_nm))
    seen: set[tuple[int, int]] = set()
    for source, neighbours in enumerate(near):
        separation = np.abs(residue_of[neighbours] - residue_of[source])
        wanted = (separation >= min_separation) | (chain_of[neighbours] != chain_of[source])
        if wanted.any():
            among = np.zeros((len(neighbours), len(neighbours)), np.bool_)
            for k in np.flatnonzero(wanted):
                among[k] = np.isin(neighbours, bonded[neighbours[k]])
            visible = _visible(atoms_nm[source], atoms_nm[neighbours], wanted, among, radius_nm)
            seen |= {(source, int(atom)) for atom in neighbours[wanted][visible]}
    contacts = {(int(residue_of[a]), int(residue_of[b])) for a, b in seen if a < b and (b, a) in seen}
    return np.array(sorted(contacts), np.int64).reshape(-1, 2)


def _symmetric(pairs: npt.NDArray[np.intp], n_atoms: int) -> list[Integers]:
    """Return each atom's partners."""
    both = np.concatenate([pairs, pairs[:, ::-1]])
    both = both[np.lexsort((both[:, 1], both[:, 0]))]
    bounds = np.searchsorted(both[:, 0], np.arange(1, n_atoms))
    return [np.asarray(part, np.int64) for part in np.split(both[:, 1], bounds)]
