"""Sanity checks of an answer about a person's own complex: what no pose can have that is worth looking at.

That a pose is right is not known here. What is known is what a wrong one looks like: a score that is not negative, a
place outside the box or away from the protein, atoms inside the protein's, a ligand
whose distances no molecule has, or that was deformed.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from levinthal.arrays import Doubles
from levinthal.workloads.docking.molecules.molecule import Box, Ligand, Receptor
from levinthal.workloads.docking.molecules.plausibility import FARTHEST_ANGSTROM, LARGEST_OVERLAP, check_in_receptor

__all__ = ["SanityCheck", "deformation_angstrom", "impossible_distances", "outside_angstrom", "sanity_checks"]

HIGHEST_KCAL_MOL = -0.01
"""A ligand in empty space scores 0; what binds scores less."""

_OUTSIDE_ANGSTROM = 1.0  # the last descent is not held in the box
_DEFORMED_ANGSTROM = 0.05
_BOND_RANGE = (0.7, 1.3)
"""Of the sum of the covalent radii: a triple bond of nitrogen has 0.77, the longest single bonds 1.15."""

_CLOSEST_ANGSTROM = 1.2


@dataclass(frozen=True)
class SanityCheck:
    """A number that a pose must not exceed, and what to change where it does."""

    name: str
    value: float
    at_most: float
    advice: str


def sanity_checks(
    ligand: Ligand, receptor: Receptor, box: Box, pose_angstrom: Doubles, score_kcal_mol: float
) -> list[SanityCheck]:
    """Check the best pose of a ligand.

    Parameters
    ----------
    ligand : Ligand
    receptor : Receptor
        The conformation that the pose was found in.
    box : Box
        What was searched.
    pose_angstrom : ndarray, shape (atoms, 3)
    score_kcal_mol : float
        What it is ranked by.
    """
    check = check_in_receptor(ligand, receptor, pose_angstrom)
    outside = outside_angstrom(pose_angstrom[ligand.heavy_atoms], box)
    place = "set pocket to where the ligand binds, or raise padding"
    fit = f"the ligand does not fit there: {place}, or give receptor and ligand with proper 3D coordinates"
    source = "give the ligand as SDF or MOL2 with 3D coordinates, or as a SMILES string"
    return [
        SanityCheck("best score (kcal/mol)", score_kcal_mol, HIGHEST_KCAL_MOL, fit),
        SanityCheck("best pose outside its box (A)", outside, _OUTSIDE_ANGSTROM, "raise padding"),
        SanityCheck("best pose away from the receptor (A)", check.nearest_angstrom, FARTHEST_ANGSTROM, place),
        SanityCheck("volume of the best pose inside the receptor's", check.volume_overlap, LARGEST_OVERLAP, place),
        SanityCheck(
            "deformation of the ligand in the best pose (A)",
            deformation_angstrom(ligand, pose_angstrom),
            _DEFORMED_ANGSTROM,
            "use another search: methods=restarts",
        ),
        SanityCheck("impossible distances in the ligand", float(impossible_distances(ligand)), 0.0, source),
    ]


def outside_angstrom(coordinates_angstrom: Doubles, box: Box) -> float:
    """Return how far the farthest of some points, shape (n, 3), lies outside a box; 0 where all lie inside."""
    low, high = box.low_angstrom - coordinates_angstrom, coordinates_angstrom - box.high_angstrom
    return float(np.maximum(np.maximum(low, high), 0.0).max())


def deformation_angstrom(ligand: Ligand, pose_angstrom: Doubles) -> float:
    """Return the largest change of a distance between two atoms of a ligand that is docked as a rigid body."""
    scored = ligand.heavy_atoms
    return float(np.abs(_distances(pose_angstrom[scored]) - _distances(ligand.scored_template_angstrom)).max())


def impossible_distances(ligand: Ligand) -> int:
    """Return how many bonds cannot have their length, and how many other pairs of atoms lie on top of each other."""
    from rdkit.Chem import GetPeriodicTable

    radius_of = GetPeriodicTable().GetRcovalent
    radii = np.array([radius_of(element) for element in ligand.elements])
    distances, bonded = _distances(ligand.coordinates_angstrom), np.zeros((len(radii), len(radii)), np.bool_)
    for first, second in ligand.bonds:
        bonded[first, second] = bonded[second, first] = True
    shares = distances / np.add.outer(radii, radii)
    wrong = np.where(bonded, (shares < _BOND_RANGE[0]) | (shares > _BOND_RANGE[1]), distances < _CLOSEST_ANGSTROM)
    return int(np.triu(wrong, 1).sum())


def _distances(coordinates_angstrom: Doubles) -> Doubles:
    return np.asarray(np.linalg.norm(coordinates_angstrom[:, None] - coordinates_angstrom[None], axis=-1), np.float64)
