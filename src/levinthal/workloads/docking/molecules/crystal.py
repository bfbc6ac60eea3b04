"""The pose that a ligand has in a crystal structure, to measure others by."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from levinthal.workloads.docking.molecules.molecule import Ligand
from levinthal.workloads.docking.molecules.rmsd import automorphisms, symmetric_rmsd

__all__ = ["CrystalPose"]


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
