"""Whether a pose can be real: PoseBusters' two intermolecular checks, with its limits and radii.

After Buttenschoen, Morris and Deane, Chem. Sci. 15:3130 (2024): no heavy-atom pair closer than 0.75 of the sum of the
van der Waals radii, and at most 7.5 % of the ligand's volume (radii times 0.8) inside the protein's. Radii and volumes
are RDKit's, as there.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from levinthal.workloads.docking.molecules.atom_types import ELEMENTS
from levinthal.workloads.docking.molecules.molecule import Ligand, Receptor

__all__ = ["FARTHEST_ANGSTROM", "LARGEST_OVERLAP", "PoseCheck", "check_in_receptor", "check_pose"]

_SHORTEST_RELATIVE_DISTANCE = 0.75
LARGEST_OVERLAP = 0.075
_VOLUME_SCALE = 0.8
_SEARCH_ANGSTROM = 6.0
FARTHEST_ANGSTROM = 5.0


@dataclass(frozen=True)
class PoseCheck:
    """What the two checks found.

    Attributes
    ----------
    relative_distance : float
        Smallest distance between heavy atoms of ligand and protein, over the sum of their van der Waals radii.
    volume_overlap : float
        Share of the ligand's volume that lies inside the protein.
    nearest_angstrom : float
        Smallest distance; a ligand farther than 5 A from the protein is not bound.
    """

    relative_distance: float
    volume_overlap: float
    nearest_angstrom: float

    @property
    def no_clash(self) -> bool:
        """No pair of atoms is too close."""
        return self.relative_distance >= _SHORTEST_RELATIVE_DISTANCE

    @property
    def no_overlap(self) -> bool:
        """The volumes do not overlap too much."""
        return self.volume_overlap <= LARGEST_OVERLAP

    @property
    def passed(self) -> bool:
        """All checks hold."""
        return self.no_clash and self.no_overlap and self.nearest_angstrom <= FARTHEST_ANGSTROM


def check_in_receptor(ligand: Ligand, receptor: Receptor, pose_angstrom: npt.ArrayLike) -> PoseCheck:
    """Check a pose of a ligand, shape (atoms, 3), against the receptor conformation that it was found in."""
    elements = [ELEMENTS[kind] for kind in receptor.types]
    return check_pose(ligand.elements, pose_angstrom, elements, receptor.coordinates_angstrom)


def check_pose(
    ligand_elements: Sequence[str],
    ligand_xyz: npt.ArrayLike,
    protein_elements: Sequence[str],
    protein_xyz: npt.ArrayLike,
) -> PoseCheck:
    """Check one pose against one receptor conformation; hydrogens of either are left out.

    Parameters
    ----------
    ligand_elements, protein_elements : sequence of str
        Element symbols.
    ligand_xyz, protein_xyz : array_like, (atoms, 3)
        Coordinates in A.
    """
    from rdkit.Chem import GetPeriodicTable
    from rdkit.Chem.rdShapeHelpers import ShapeTverskyIndex

    radius_of = GetPeriodicTable().GetRvdw
    ligand, ligand_xyz = _heavy(ligand_elements, ligand_xyz)
    protein, protein_xyz = _heavy(protein_elements, protein_xyz)
    low, high = ligand_xyz.min(axis=0) - _SEARCH_ANGSTROM, ligand_xyz.max(axis=0) + _SEARCH_ANGSTROM
    around = np.flatnonzero(((protein_xyz >= low) & (protein_xyz <= high)).all(axis=1))
    distances = np.linalg.norm(ligand_xyz[:, None] - protein_xyz[around][None], axis=-1)
    near = distances.min(axis=0) <= _SEARCH_ANGSTROM if len(around) else np.zeros(0, np.bool_)
    if not near.any():
        return PoseCheck(np.inf, 0.0, np.inf)
    around, distances = around[near], distances[:, near]
    sums = np.add.outer([radius_of(each) for each in ligand], [radius_of(protein[each]) for each in around])
    inside = distances.min(axis=0) <= _SEARCH_ANGSTROM * _VOLUME_SCALE
    overlap = 0.0
    if inside.any():
        overlap = ShapeTverskyIndex(
            _molecule(ligand, ligand_xyz),
            _molecule([protein[each] for each in around[inside]], protein_xyz[around[inside]]),
            alpha=1.0,
            beta=0.0,
            vdwScale=_VOLUME_SCALE,
            ignoreHs=True,
        )
    return PoseCheck(float((distances / sums).min()), float(overlap), float(distances.min()))


def _heavy(elements: Sequence[str], xyz: npt.ArrayLike) -> tuple[list[str], npt.NDArray[np.float64]]:
    kept = np.array([element != "H" for element in elements], np.bool_)
    return [element for element, keep in zip(elements, kept, strict=True) if keep], np.asarray(xyz, np.float64)[kept]


def _molecule(elements: Sequence[str], xyz: npt.NDArray[np.float64]) -> Any:
    """Return atoms in space without bonds, which is all that a volume needs."""
    from rdkit import Chem

    molecule = Chem.RWMol()
    for element in elements:
        molecule.AddAtom(Chem.Atom(element))
    conformer = Chem.Conformer(len(elements))
    conformer.SetPositions(xyz)
    molecule.AddConformer(conformer)
    return molecule.GetMol()
