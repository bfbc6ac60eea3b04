"""Bonds along the backbone, found by distance: peptide bonds, and what else the ends of a chain are bonded to."""

from __future__ import annotations

from collections.abc import Collection, Sequence

import gemmi
import numpy as np
import numpy.typing as npt

PEPTIDE_BOND_ANGSTROM = 2.0
"""C to N: 1.33 A, with room for poor models; two atoms that are not bonded are hardly ever so near."""
_BOND_ANGSTROM = 1.7
_ONE_PLACE_ANGSTROM = 0.05


def peptide_bonds(residues: Sequence[gemmi.Residue], candidates: Collection[int]) -> set[tuple[int, int]]:
    """Return pairs of residues of which the first one's C is bonded to the second one's N.

    Parameters
    ----------
    residues : sequence of gemmi.Residue
    candidates : collection of int
        Which of them may be amino acids or caps.
    """
    from scipy.spatial import cKDTree

    carbons, of_carbon = _atoms(residues, candidates, "C")
    nitrogens, of_nitrogen = _atoms(residues, candidates, "N")
    if not len(carbons) or not len(nitrogens):
        return set()
    near = cKDTree(carbons).query_ball_tree(cKDTree(nitrogens), PEPTIDE_BOND_ANGSTROM)
    return {
        (of_carbon[a], of_nitrogen[b]) for a, found in enumerate(near) for b in found if of_carbon[a] != of_nitrogen[b]
    }


def _atoms(
    residues: Sequence[gemmi.Residue], chosen: Collection[int], name: str
) -> tuple[npt.NDArray[np.float64], list[int]]:
    places, owners = [], []
    for k in sorted(chosen):
        for atom in residues[k]:
            if atom.name == name:
                places.append(atom.pos.tolist())
                owners.append(k)
    return np.array(places, np.float64).reshape(-1, 3), owners


class HeavyAtoms:
    """The heavy atoms of some residues, to be asked which are near.

    Parameters
    ----------
    residues : sequence of gemmi.Residue
    chosen : collection of int
        Whose atoms count.
    """

    def __init__(self, residues: Sequence[gemmi.Residue], chosen: Collection[int]) -> None:
        from scipy.spatial import cKDTree

        found = [(k, atom) for k in sorted(chosen) for atom in residues[k] if not atom.is_hydrogen()]
        self._owners = [k for k, _ in found]
        self._atoms = [atom for _, atom in found]
        self._places = np.array([atom.pos.tolist() for _, atom in found], np.float64).reshape(-1, 3)
        self._tree = cKDTree(self._places)
        self._residues = residues

    def bonded_to(self, residue: int, atom_name: str) -> list[int]:
        """Return the other residues that have an atom within 1.7 A of one of a residue."""
        places, _ = _atoms(self._residues, [residue], atom_name)
        near = {k for place in places for k in self._tree.query_ball_point(place, _BOND_ANGSTROM)}
        return sorted({self._owners[k] for k in near} - {residue})

    def in_one_place(self) -> list[tuple[int, int]]:
        """Return pairs of residues that share a place, alternate locations apart."""
        pairs = self._tree.query_pairs(_ONE_PLACE_ANGSTROM, output_type="ndarray").tolist()
        return sorted(
            {
                (self._owners[a], self._owners[b])
                for a, b in (sorted(pair) for pair in pairs)
                if self._owners[a] != self._owners[b] and self._atoms[a].altloc == self._atoms[b].altloc
            }
        )
