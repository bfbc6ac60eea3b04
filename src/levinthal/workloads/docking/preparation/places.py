"""Whether the coordinates of a source are a structure in space or a drawing, judged by the coordinates themselves."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from levinthal.errors import DataError
from levinthal.workloads.docking.preparation.chemistry import atom_word
from levinthal.workloads.docking.preparation.libraries import REFUSED, quiet_libraries
from levinthal.workloads.docking.preparation.text import FARTHEST_ANGSTROM

NEAREST_ANGSTROM = 0.3
FLAT_ANGSTROM = 0.25
"""Atoms that all lie so near to one plane are a drawing, or a molecule that is flat by nature."""
_SAME_HEIGHT_ANGSTROM = 1e-3
_DRAWN_LENGTHS_ANGSTROM = 0.08
_LONGEST_BOND, _SHORTEST_BOND = 1.4, 0.65
_FLAT_CENTRE_ANGSTROM = 0.08
_SHORT_SINGLE_ANGSTROM, _MOST_SHORT_SINGLES = 1.44, 3


def check_apart(places: npt.NDArray[np.float64], name: str) -> None:
    """Refuse positions that are not numbers or too large, and two atoms in one place.

    Raises
    ------
    DataError
        The message names the atoms.
    """
    broken = np.flatnonzero(~(np.abs(places) < FARTHEST_ANGSTROM).all(axis=1))
    if len(broken):
        raise DataError(f"{name[:80]}: atom {broken[0] + 1} is not within {FARTHEST_ANGSTROM:g} A: fix that line")
    distances = np.linalg.norm(places[:, None] - places, axis=-1) + np.where(np.eye(len(places)) > 0, np.inf, 0.0)
    if distances.min() < NEAREST_ANGSTROM:
        first, second = sorted(np.unravel_index(int(distances.argmin()), distances.shape))
        raise DataError(f"{name[:80]}: the atoms {first + 1} and {second + 1} have one position: fix their lines")


def flatness_angstrom(places: npt.NDArray[np.float64]) -> float:
    """Return how far the farthest of some points, shape (n, 3), is from their common plane."""
    centred = places - places.mean(axis=0)
    normal = np.linalg.svd(centred)[2][-1]
    return float(np.abs(centred @ normal).max())


def is_in_space(molecule: Any, name: str) -> bool:
    """Say whether a sanitised molecule has a 3-D structure, whatever the header of its file says.

    A drawing is flat, or nearly so, and has an atom that cannot be (sp3, with three neighbours or more), or the bonds
    of a drawing, which are all of one length; atoms that all are in one place are no structure either.

    Raises
    ------
    DataError
        Positions are damaged: not numbers, two atoms in one place, bonds of a length that no bond has.
    """
    if molecule.GetNumConformers() == 0:
        return False
    places = molecule.GetConformer().GetPositions()
    if len(places) > 1 and np.isfinite(places).all() and np.allclose(places, places[0]):
        return False
    check_apart(places, name)
    lengths = _lengths(molecule, places)
    if len(places) > 2 and flatness_angstrom(places) < FLAT_ANGSTROM:
        conformer = molecule.GetConformer()
        level = bool(np.ptp(places[:, 2]) < _SAME_HEIGHT_ANGSTROM)
        if not level:
            _check_orders(molecule, lengths, name)
        if (
            (level and not conformer.Is3D())
            or _has_tetrahedron(molecule, 2 if level else 3)
            or _is_drawn(molecule, lengths)
        ):
            return False
    elif len(places) <= 2 and not molecule.GetConformer().Is3D():
        return False
    _check_lengths(molecule, lengths, name)
    _check_orders(molecule, lengths, name)
    return True


def flatten(molecule: Any) -> None:
    """Make a drawing of a molecule whose atoms are nearly in one plane, its wedges read as such."""
    from rdkit import Chem

    conformer = molecule.GetConformer()
    if not conformer.Is3D():
        return
    places = conformer.GetPositions()
    upright = np.ptp(places[:, 2]) < 2 * FLAT_ANGSTROM
    if not upright:  # which side is up is lost, and with it what wedges mean
        centred = places - places.mean(axis=0)
        places = centred @ np.linalg.svd(centred)[2].T
    places[:, 2] = 0.0
    conformer.SetPositions(np.ascontiguousarray(places))
    conformer.Set3D(False)
    for atom in molecule.GetAtoms():
        atom.SetChiralTag(Chem.ChiralType.CHI_UNSPECIFIED)
    if upright:
        Chem.ReapplyMolBlockWedging(molecule)
        Chem.AssignChiralTypesFromBondDirs(molecule)
    Chem.DetectBondStereochemistry(molecule)


def flat_centres(molecule: Any) -> list[str]:
    """Return the carbons that are sp3 by their bonds and flat in space: their bond orders may be missing."""
    from rdkit import Chem

    places = molecule.GetConformer().GetPositions()
    found = []
    for atom in molecule.GetAtoms():
        around = [other.GetIdx() for other in atom.GetNeighbors()]
        if atom.GetAtomicNum() == 6 and atom.GetHybridization() == Chem.HybridizationType.SP3 and len(around) == 3:
            corners = places[around]
            normal = np.cross(corners[1] - corners[0], corners[2] - corners[0])
            height = abs((places[atom.GetIdx()] - corners[0]) @ normal) / max(float(np.linalg.norm(normal)), 1e-9)
            if height < _FLAT_CENTRE_ANGSTROM:
                found.append(atom_word(molecule, atom.GetIdx()))
    return found


def _has_tetrahedron(molecule: Any, n_neighbours: int) -> bool:
    """Say whether an atom is sp3 and has so many neighbours in the file."""
    from rdkit import Chem

    return any(
        atom.GetHybridization() == Chem.HybridizationType.SP3 and atom.GetDegree() >= n_neighbours
        for atom in molecule.GetAtoms()
    )


def _lengths(molecule: Any, places: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Return the rows first atom, second atom, length and expected length of all bonds."""
    from rdkit.Chem import rdDistGeom

    with quiet_libraries():
        try:
            bounds = rdDistGeom.GetMoleculeBoundsMatrix(molecule, doTriangleSmoothing=False)
        except REFUSED:
            return np.zeros((0, 4))
    rows = []
    for bond in molecule.GetBonds():
        i, j = sorted((bond.GetBeginAtomIdx(), bond.GetEndAtomIdx()))
        expected = (bounds[i, j] + bounds[j, i]) / 2
        rows.append((i, j, float(np.linalg.norm(places[i] - places[j])), expected))
    return np.array(rows).reshape(-1, 4)


def _is_drawn(molecule: Any, lengths: npt.NDArray[np.float64]) -> bool:
    """Say whether bonds between heavy atoms are far from the lengths of their orders."""
    numbers = np.array([atom.GetAtomicNum() for atom in molecule.GetAtoms()])
    heavy = lengths[(numbers[lengths[:, :2].astype(np.int64)] > 1).all(axis=1)]
    return len(heavy) > 0 and float(np.sqrt(np.mean((heavy[:, 2] - heavy[:, 3]) ** 2))) > _DRAWN_LENGTHS_ANGSTROM


def _check_lengths(molecule: Any, lengths: npt.NDArray[np.float64], name: str) -> None:
    for first, second, length, expected in lengths:
        if not _SHORTEST_BOND * expected < length < _LONGEST_BOND * expected:
            ends = f"{atom_word(molecule, first)} and {atom_word(molecule, second)}"
            raise DataError(
                f"{name[:80]}: the bond between {ends} is {length:.2f} A long, expected about {expected:.2f}: fix the "
                "order of its atoms, or its unit"
            )


def _check_orders(molecule: Any, lengths: npt.NDArray[np.float64], name: str) -> None:
    """Refuse rings of single bonds that are as short as aromatic ones: their bond orders are missing."""
    from rdkit import Chem

    short = 0
    for first, second, length, _ in lengths:
        bond = molecule.GetBondBetweenAtoms(int(first), int(second))
        ends = bond.GetBeginAtom(), bond.GetEndAtom()
        saturated = all(
            atom.GetAtomicNum() == 6 and atom.GetHybridization() == Chem.HybridizationType.SP3 for atom in ends
        )
        short += (
            bond.IsInRing()
            and saturated
            and bond.GetBondType() == Chem.BondType.SINGLE
            and (length < _SHORT_SINGLE_ANGSTROM)
        )
    if short > _MOST_SHORT_SINGLES:
        raise DataError(
            f"{name[:80]}: {short} single bonds of its rings are as short as aromatic ones: bond orders are missing; "
            "give a file that has them, or SMILES"
        )
