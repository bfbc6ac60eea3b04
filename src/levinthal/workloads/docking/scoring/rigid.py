"""What a scoring of rigid poses yields: energy, and the force and torque on the ligand as a whole."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor


class RigidScore(NamedTuple):
    """Scores of N poses.

    Attributes
    ----------
    energies_kcal_mol : Tensor, shape (N,)
    forces : Tensor, shape (N, 3)
        Minus the derivative by the ligand's centre, in kcal/mol/A, along the axes of the box.
    torques : Tensor, shape (N, 3)
        Minus the derivative by a rotation vector about the ligand's centre, in kcal/mol/rad, along the axes of the box;
        `Poses.in_body_frame` turns both.
    """

    energies_kcal_mol: Tensor
    forces: Tensor
    torques: Tensor


class AtomScores(NamedTuple):
    """Scores of the heavy atoms of N poses: energies in kcal/mol, shape (N, h), forces in kcal/mol/A, (N, h, 3)."""

    energies_kcal_mol: Tensor
    forces: Tensor


def rigid_sums(forces: Tensor, arms: Tensor) -> tuple[Tensor, Tensor]:
    """Return net force and torque, shape (N, 3), of forces on atoms at arms from the centre, shape (N, h, 3)."""
    return forces.sum(dim=1), torch.linalg.cross(arms, forces, dim=-1).sum(dim=1)
