"""What there is to see of a docked pose: the pocket around it, the pose, and the crystal pose where there is one."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt

from levinthal.workloads.docking.molecules.atom_types import ELEMENTS, find_bonds
from levinthal.workloads.docking.molecules.molecule import Ligand, Receptor

_POCKET_ANGSTROM = 5.0
_POLAR_ANGSTROM = 3.4
_POLAR = frozenset({"N", "O", "S"})

PartName = Literal["pocket", "crystal", "pose"]


@dataclass(frozen=True, eq=False)
class Part:
    """Atoms of one kind: elements, places (atoms, 3) in A about the middle of the pose, and bonds (bonds, 2)."""

    name: PartName
    elements: tuple[str, ...]
    xyz: npt.NDArray[np.float64]
    bonds: npt.NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class Scene:
    """A picture's contents, turned so that the ligand lies flat.

    Attributes
    ----------
    parts : sequence of Part
    labels : sequence of (str, ndarray)
        Residues and where their names stand.
    contacts : ndarray, (contacts, 2, 3)
        Ends of polar contacts between pose and pocket.
    """

    parts: Sequence[Part]
    labels: Sequence[tuple[str, npt.NDArray[np.float64]]]
    contacts: npt.NDArray[np.float64]


def scene_of(
    receptor: Receptor,
    ligand: Ligand,
    pose_angstrom: npt.NDArray[np.float64],
    crystal_angstrom: npt.NDArray[np.float64] | None = None,
) -> Scene:
    """Gather what is within 5 A of a pose, in whole residues, without hydrogens.

    Parameters
    ----------
    receptor : Receptor
        In the conformation of the pose.
    ligand : Ligand
    pose_angstrom, crystal_angstrom : ndarray, (atoms, 3)
        All atoms of the ligand.
    """
    heavy = ligand.heavy_atoms
    pose = pose_angstrom[heavy]
    scored = np.flatnonzero(receptor.vina_types >= 0)
    near = scored[
        (np.linalg.norm(receptor.coordinates_angstrom[scored][:, None] - pose[None], axis=-1) <= _POCKET_ANGSTROM).any(
            axis=1
        )
    ]
    residues = {receptor.residues[atom] for atom in near}
    shown = [int(atom) for atom in scored if receptor.residues[atom] in residues]
    xyz = receptor.coordinates_angstrom[shown]
    elements = tuple(ELEMENTS[receptor.types[atom]] for atom in shown)
    origin = pose.mean(axis=0)
    _, _, axes = np.linalg.svd(pose - origin)
    axes[2] *= np.sign(np.linalg.det(axes)) or 1.0

    def turned(places: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
        return np.asarray((places - origin) @ axes.T)

    bonds = np.array(ligand.heavy_bonds, np.int64).reshape(-1, 2)
    ligand_elements = tuple(ligand.elements[atom] for atom in heavy)
    parts = [Part("pocket", elements, turned(xyz), find_bonds([receptor.types[atom] for atom in shown], xyz))]
    if crystal_angstrom is not None:
        parts.append(Part("crystal", ligand_elements, turned(crystal_angstrom[heavy]), bonds))
    parts.append(Part("pose", ligand_elements, turned(pose), bonds))
    polar = [
        (turned(pose[i]), turned(xyz[j]))
        for i, first in enumerate(ligand_elements)
        for j, second in enumerate(elements)
        if first in _POLAR and second in _POLAR and np.linalg.norm(pose[i] - xyz[j]) <= _POLAR_ANGSTROM
    ]
    labels = []
    for residue in sorted(residues):
        atoms = [number for number, atom in enumerate(shown) if receptor.residues[atom] == residue]
        alpha = [number for number in atoms if receptor.atom_names[shown[number]] == "CA"]
        labels.append((_short(residue), turned(xyz[alpha[0]] if alpha else xyz[atoms].mean(axis=0))))
    return Scene(parts, labels, np.array(polar).reshape(-1, 2, 3))


def _short(residue: str) -> str:
    """Return `THR 315` of `THR A 315`."""
    parts = residue.split(" ")
    return f"{parts[0]} {parts[-1]}" if len(parts) > 1 else residue
