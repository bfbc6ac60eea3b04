"""Vina's atom types, found from AutoDock types and distances as Vina finds them.

A carbon is polar beside a heteroatom; nitrogen and oxygen are acceptors by their AutoDock type (NA, OA) and donors
beside a polar hydrogen (HD): either, neither or both. Metals are donors (AutoDock Vina 1.2.7, `model.cpp` and
`atom_constants.h`; Trott and Olson, J. Comput. Chem. 31:455, 2010).
"""

from __future__ import annotations

from collections.abc import Sequence
from types import MappingProxyType

import numpy as np
import numpy.typing as npt
from scipy.spatial import cKDTree

from levinthal.errors import DataError

VINA_TYPES = (
    "C_H", "C_P", "N_P", "N_D", "N_A", "N_DA", "O_P", "O_D", "O_A", "O_DA", "S_P", "P_P", "F_H", "Cl_H", "Br_H", "I_H",
    "Si", "At", "Met_D",
)  # fmt: skip
"""Vina's types that are scored: element, then hydrophobic, polar, donor, acceptor or both."""

ELEMENTS = MappingProxyType(
    {
        **{"C": "C", "A": "C", "CG0": "C", "CG1": "C", "CG2": "C", "CG3": "C", "N": "N", "NA": "N", "O": "O"},
        **{"OA": "O", "S": "S", "SA": "S", "Se": "Se", "P": "P", "H": "H", "HD": "H", "F": "F", "Cl": "Cl", "Br": "Br"},
        **{"I": "I", "Si": "Si", "At": "At", "Mg": "Mg", "Mn": "Mn", "Zn": "Zn", "Ca": "Ca", "Fe": "Fe", "Cu": "Cu"},
        **{"Na": "Na", "K": "K", "Hg": "Hg", "Co": "Co", "U": "U", "Cd": "Cd", "Ni": "Ni"},
    }
)
"""The element of each AutoDock type that Vina reads, but for the pseudo-atoms G0 to G3 and W."""

PSEUDO_TYPES = frozenset({"G0", "G1", "G2", "G3", "W"})

COVALENT_RADII_ANGSTROM = MappingProxyType(
    {
        **{"C": 0.77, "N": 0.75, "O": 0.73, "P": 1.06, "S": 1.02, "Se": 1.02, "H": 0.37, "F": 0.71, "I": 1.33},
        **{"Mg": 1.30, "Mn": 1.39, "Zn": 1.31, "Ca": 1.74, "Fe": 1.25, "Cl": 0.99, "Br": 1.14, "Si": 1.11, "At": 1.44},
        **dict.fromkeys(("Cu", "Na", "K", "Hg", "Co", "U", "Cd", "Ni"), 1.75),
    }
)

_BOND_ALLOWANCE = 1.1
METALS = frozenset({"Mg", "Mn", "Zn", "Ca", "Fe", "Cu", "Na", "K", "Hg", "Co", "U", "Cd", "Ni"})
"""Elements that Vina scores as donors, by one radius; each is an AutoDock type of the same name."""
_PLAIN = {
    "S": "S_P",
    "Se": "S_P",
    "P": "P_P",
    "F": "F_H",
    "Cl": "Cl_H",
    "Br": "Br_H",
    "I": "I_H",
    "Si": "Si",
    "At": "At",
}


def find_bonds(types: Sequence[str], coordinates_angstrom: npt.NDArray[np.float64]) -> npt.NDArray[np.int64]:
    """Return the bonded pairs, shape (m, 2), the lower index first.

    Two atoms are bonded when they are nearer than 1.1 times the sum of their covalent radii and no third atom is nearer
    to both than they are to each other.

    Raises
    ------
    DataError
        A type that Vina does not read.
    """
    radii = np.array([_covalent_radius(kind) for kind in types])
    near = cKDTree(coordinates_angstrom).query_pairs(_BOND_ALLOWANCE * 2 * radii.max(), output_type="ndarray")
    near = np.sort(near.astype(np.int64), axis=1)
    lengths = np.linalg.norm(coordinates_angstrom[near[:, 0]] - coordinates_angstrom[near[:, 1]], axis=1)
    close = lengths < _BOND_ALLOWANCE * radii[near].sum(axis=1)
    pairs, lengths = near[close], lengths[close]
    # Every atom that is near to the first one of a pair is tried as the third: rows (pair, third atom).
    ends = np.concatenate((near, near[:, ::-1]))
    ends = ends[np.argsort(ends[:, 0], kind="stable")]
    begins = np.searchsorted(ends[:, 0], np.arange(len(types) + 1))
    counts = (begins[1:] - begins[:-1])[pairs[:, 0]]
    row = np.repeat(np.arange(len(pairs)), counts)
    third = ends[np.arange(len(row)) + np.repeat(begins[pairs[:, 0]] - np.cumsum(counts) + counts, counts), 1]
    to_both = np.linalg.norm(coordinates_angstrom[third, None] - coordinates_angstrom[pairs[row]], axis=2)
    blocked = np.zeros(len(pairs), np.bool_)
    blocked[row[(to_both < lengths[row, None]).all(axis=1) & (third != pairs[row, 1])]] = True
    kept = pairs[~blocked]
    return np.asarray(kept[np.lexsort((kept[:, 1], kept[:, 0]))])


def vina_types(types: Sequence[str], bonds: npt.ArrayLike) -> npt.NDArray[np.int8]:
    """Return the index in `VINA_TYPES` of each atom; -1 for hydrogens and pseudo-atoms, which are not scored.

    Parameters
    ----------
    types : sequence of str
        AutoDock types.
    bonds : array_like of int, shape (m, 2)
    """
    n = len(types)
    beside_hetero, beside_hydrogen = np.zeros(n, np.bool_), np.zeros(n, np.bool_)
    hetero = np.array([_is_hetero(kind) for kind in types])
    polar_hydrogen = np.array([kind == "HD" for kind in types])
    for i, j in np.asarray(bonds, np.int64).reshape(-1, 2):
        beside_hetero[i] |= hetero[j]
        beside_hetero[j] |= hetero[i]
        beside_hydrogen[i] |= polar_hydrogen[j]
        beside_hydrogen[j] |= polar_hydrogen[i]
    found = np.full(n, -1, np.int8)
    for i, kind in enumerate(types):
        name = _vina_name(kind, bool(beside_hetero[i]), bool(beside_hydrogen[i]))
        if name is not None:
            found[i] = VINA_TYPES.index(name)
    return found


def _vina_name(kind: str, beside_hetero: bool, beside_hydrogen: bool) -> str | None:
    element = None if kind in PSEUDO_TYPES else ELEMENTS[kind]
    if element is None or element == "H":
        return None
    if element == "C":
        return "C_P" if beside_hetero else "C_H"
    if element in ("N", "O"):
        return (
            f"{element}_{'D' * beside_hydrogen}{'A' * (kind in ('NA', 'OA'))}"
            if (beside_hydrogen or kind in ("NA", "OA"))
            else f"{element}_P"
        )
    return "Met_D" if element in METALS else _PLAIN[element]


def _is_hetero(kind: str) -> bool:
    # Vina asks this before it has typed the metals that AutoDock does not know, but for those named in the file.
    return kind not in ("C", "A", "H", "HD")


def _covalent_radius(kind: str) -> float:
    if kind in PSEUDO_TYPES:
        return 0.0 if kind == "W" else 0.77
    if kind not in ELEMENTS:
        raise DataError(f"{kind} is not an AutoDock type that Vina reads: they are {', '.join(sorted(ELEMENTS))}")
    return COVALENT_RADII_ANGSTROM[ELEMENTS[kind]]
