"""Heavy-atom RMSD between poses of one ligand: without alignment, and blind to the molecule's symmetry.

A docked pose is judged where it lies, so that nothing is superposed; atoms that a symmetry of the molecule exchanges
count as the same atom. The symmetries are those of the graph of elements and bonds, bond orders left out, which is the
convention of DockRMSD and spyrmsd: the two oxygens of a carboxylate are the same.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from levinthal.workloads.docking.molecules.molecule import Ligand

_MOST_SYMMETRIES = 20_000


def automorphisms(
    elements: Sequence[str], bonds: npt.ArrayLike, *, most: int = _MOST_SYMMETRIES
) -> npt.NDArray[np.int64]:
    """Return every relabelling of the atoms that keeps elements and bonds.

    Parameters
    ----------
    elements : sequence of str
        Element symbols of the heavy atoms.
    bonds : array_like, (bonds, 2)
        Pairs of indices into `elements`.
    most : int
        At most so many are returned; molecules that have more (several tert-butyl groups) keep the first.

    Returns
    -------
    ndarray, (symmetries, atoms)
        The identity is among them.
    """
    molecule = plain_graph(elements, bonds)
    found = molecule.GetSubstructMatches(molecule, uniquify=False, maxMatches=most)
    return np.asarray(found or [range(len(elements))], np.int64)


def plain_graph(elements: Sequence[str], bonds: npt.ArrayLike) -> Any:
    """Return an RDKit molecule of elements and bonds without orders, shape (bonds, 2), to match graphs with."""
    from rdkit import Chem

    molecule = Chem.RWMol()
    for element in elements:
        atom = Chem.Atom(element)
        atom.SetNoImplicit(True)
        molecule.AddAtom(atom)
    for first, second in np.asarray(bonds, np.int64).reshape(-1, 2):
        molecule.AddBond(int(first), int(second), Chem.BondType.SINGLE)
    molecule.UpdatePropertyCache(strict=False)
    Chem.FastFindRings(molecule)
    return molecule


def symmetric_rmsd(
    poses: npt.ArrayLike, reference: npt.ArrayLike, symmetries: npt.NDArray[np.int64]
) -> npt.NDArray[np.float64]:
    """Return for each pose the smallest RMSD to the reference over the symmetries, nothing being moved.

    Parameters
    ----------
    poses : array_like, (poses, atoms, 3)
        Heavy atoms, in A.
    reference : array_like, (atoms, 3)
        Heavy atoms of the crystal pose in the same order, in A.
    symmetries : ndarray, (symmetries, atoms)
        From `automorphisms`.

    Returns
    -------
    ndarray, (poses,)
        RMSD in A.
    """
    poses, reference = np.asarray(poses, np.float64), np.asarray(reference, np.float64)
    poses = poses.reshape(-1, *reference.shape)
    # |x - y|^2 = |x|^2 + |y|^2 - 2 x.y: the first two are the same for every symmetry, the last is a lookup
    origin = reference.mean(axis=0)
    moved, fixed = poses - origin, reference - origin
    products = np.einsum("pak,bk->pab", moved, fixed)
    best = np.max([products[:, np.arange(len(fixed)), each].sum(axis=1) for each in symmetries], axis=0)
    squares = (moved**2).sum(axis=(1, 2)) + (fixed**2).sum() - 2.0 * best
    return np.asarray(np.sqrt(np.maximum(squares, 0.0) / len(fixed)))


@dataclass(frozen=True, eq=False)
class CrystalPose:
    """Where the ligand was seen, and the symmetries of its heavy atoms.

    Attributes
    ----------
    coordinates : ndarray, (heavy atoms, 3)
        In A, in the frame of the receptor.
    heavy_atoms : ndarray, (heavy atoms,)
        Their indices among the atoms of the ligand.
    symmetries : ndarray, (symmetries, heavy atoms)
    """

    coordinates: npt.NDArray[np.float64]
    heavy_atoms: npt.NDArray[np.int64]
    symmetries: npt.NDArray[np.int64]

    @classmethod
    def of(cls, ligand: Ligand) -> CrystalPose:
        """Take the pose that the ligand's source had for the crystal's."""
        heavy = ligand.heavy_atoms
        return cls(
            ligand.source_coordinates_angstrom[heavy],
            heavy,
            automorphisms([ligand.elements[atom] for atom in heavy], ligand.heavy_bonds),
        )

    def rmsd(self, coordinates: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
        """Return the symmetry-corrected heavy-atom RMSD in A of poses, (poses, atoms, 3), without alignment."""
        return symmetric_rmsd(coordinates[:, self.heavy_atoms], self.coordinates, self.symmetries)
