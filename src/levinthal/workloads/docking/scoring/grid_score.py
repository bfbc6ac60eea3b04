"""Scores of rigid poses from maps: trilinear between the nodes, with force and torque."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from levinthal.workloads.docking.molecules import Ligand
from levinthal.workloads.docking.pose import Poses
from levinthal.workloads.docking.scoring.grids import GridMaps
from levinthal.workloads.docking.scoring.rigid import AtomScores, RigidScore, rigid_sums

__all__ = ["score_and_gradient", "score_atoms", "score_poses"]


def score_poses(
    grids: GridMaps, ligand: Ligand, poses: Poses, conformation: int | Tensor | Sequence[int] | None = None
) -> Tensor:
    """Return the intermolecular energies of poses in kcal/mol, shape (N,).

    Parameters
    ----------
    grids : GridMaps
    ligand : Ligand
    poses : Poses
        On the maps' device.
    conformation : int or Tensor of int, shape (N,), optional
        Which receptor conformation each pose is in; by default the first. The conformation's own energy is not added.

    Raises
    ------
    DataError
        An atom type that has no map.
    """
    return score_and_gradient(grids, ligand, poses, conformation).energies_kcal_mol


def score_and_gradient(
    grids: GridMaps, ligand: Ligand, poses: Poses, conformation: int | Tensor | Sequence[int] | None = None
) -> RigidScore:
    """Return energies with the force and torque on the rigid ligand; see `score_poses`."""
    energies, forces, arms = _atoms(grids, ligand, poses, conformation)
    return RigidScore(energies.sum(dim=-1), *rigid_sums(forces, arms))


def score_atoms(
    grids: GridMaps, ligand: Ligand, poses: Poses, conformation: int | Tensor | Sequence[int] | None = None
) -> AtomScores:
    """Return the energy of and the force on each heavy atom; see `score_poses`."""
    energies, forces, _ = _atoms(grids, ligand, poses, conformation)
    return AtomScores(energies, forces)


def _atoms(
    grids: GridMaps, ligand: Ligand, poses: Poses, conformation: int | Tensor | Sequence[int] | None
) -> tuple[Tensor, Tensor, Tensor]:
    device, dtype = grids.device, poses.quaternions.dtype
    template = torch.as_tensor(ligand.scored_template_angstrom, dtype=dtype, device=device)
    places = poses.coordinates(template)
    maps = torch.as_tensor(grids.map_of_atoms(ligand), device=device)
    layer = torch.as_tensor(0 if conformation is None else conformation, device=device).long().reshape(-1, 1)
    energies, gradient = _between_nodes(grids, layer * len(grids.types) + maps, places)
    return energies, -gradient, places - poses.centres_angstrom[:, None, :]


def _between_nodes(grids: GridMaps, layers: Tensor, places: Tensor) -> tuple[Tensor, Tensor]:
    """Return the energies (N, h) at some places (N, h, 3) of the maps `layers`, and their derivatives (N, h, 3)."""
    nodes = grids.energies_kcal_mol
    shape = torch.tensor(nodes.shape[2:], device=places.device)
    low = torch.tensor(grids.low_angstrom, dtype=places.dtype, device=places.device)
    scaled = (places - low) / grids.spacing_angstrom
    inside = scaled.clamp(min=0).minimum((shape - 1).to(places.dtype))
    cell = inside.floor().long().minimum(shape - 2)
    x, y, z = (inside - cell).unbind(-1)
    i, j, k = cell.unbind(-1)
    nx, ny, nz = (int(n) for n in nodes.shape[2:])
    first = ((layers * nx + i) * ny + j) * nz + k
    flat = nodes.flatten()
    corner = [flat[first + (dx * ny + dy) * nz + dz].to(places.dtype) for dx, dy, dz in np.ndindex(2, 2, 2)]
    rise_z = [corner[n + 1] - corner[n] for n in (0, 2, 4, 6)]
    on_edges = [corner[n] + z * rise for n, rise in zip((0, 2, 4, 6), rise_z, strict=True)]
    rise_y = [on_edges[1] - on_edges[0], on_edges[3] - on_edges[2]]
    on_faces = [on_edges[0] + y * rise_y[0], on_edges[2] + y * rise_y[1]]
    energies = on_faces[0] + x * (on_faces[1] - on_faces[0])
    derivatives = (
        on_faces[1] - on_faces[0],
        rise_y[0] + x * (rise_y[1] - rise_y[0]),
        torch.lerp(torch.lerp(rise_z[0], rise_z[1], y), torch.lerp(rise_z[2], rise_z[3], y), x),
    )
    missed = (scaled - inside) * grids.spacing_angstrom
    gradient = torch.stack(derivatives, dim=-1) / grids.spacing_angstrom
    gradient = torch.where(missed != 0, grids.outside_slope * missed.sign(), gradient)
    return energies + grids.outside_slope * missed.abs().sum(dim=-1), gradient
