"""Scores of rigid poses from maps: trilinear between the nodes, with force and torque."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import numpy as np
import torch
from torch import Tensor

from levinthal.errors import DataError, UsageError
from levinthal.kernels.choice import kernels_allowed
from levinthal.workloads.docking.molecules.molecule import Ligand
from levinthal.workloads.docking.molecules.pose import Poses
from levinthal.workloads.docking.scoring.grids import GridMaps
from levinthal.workloads.docking.scoring.rigid import AtomScores, RigidScore, rigid_sums

Conformation = int | Tensor | Sequence[int] | None
Method = Literal["auto", "kernels", "torch"]


def score_poses(
    grids: GridMaps, ligand: Ligand, poses: Poses, conformation: Conformation = None, *, method: Method = "auto"
) -> Tensor:
    """Return the intermolecular energies of poses in kcal/mol, shape (N,).

    Parameters
    ----------
    grids : GridMaps
    ligand : Ligand
    poses : Poses
        On the maps' device; results are in their type.
    conformation : int or Tensor of int, shape (N,), optional
        Which receptor conformation each pose is in; by default the first. The conformation's own energy is not added.
    method : {"auto", "kernels", "torch"}
        "kernels": compiled loops over maps of 16-bit integers; CPU only, in float32. "torch": any device, in the type
        of the poses. By default the loops on a CPU, but for poses in float64.

    Raises
    ------
    DataError
        An atom type that has no map, or a conformation that there is not.
    UsageError
        A method that does not exist, or the loops away from a CPU.
    """
    return score_and_gradient(grids, ligand, poses, conformation, method=method).energies_kcal_mol


def score_and_gradient(
    grids: GridMaps, ligand: Ligand, poses: Poses, conformation: Conformation = None, *, method: Method = "auto"
) -> RigidScore:
    """Return energies with the force and torque on the rigid ligand; see `score_poses`."""
    return RigidScore(*_scores(grids, ligand, poses, conformation, method, of_atoms=False))


def score_atoms(
    grids: GridMaps, ligand: Ligand, poses: Poses, conformation: Conformation = None, *, method: Method = "auto"
) -> AtomScores:
    """Return the energy of and the force on each heavy atom; see `score_poses`."""
    return AtomScores(*_scores(grids, ligand, poses, conformation, method, of_atoms=True))


def _scores(
    grids: GridMaps, ligand: Ligand, poses: Poses, conformation: Conformation, method: Method, *, of_atoms: bool
) -> tuple[Tensor, ...]:
    """Return the parts of an `AtomScores`, or else of a `RigidScore`."""
    layers = _layers(grids, len(poses), conformation)
    if _compiled(grids, poses, method):
        from levinthal.workloads.docking.scoring.compiled_score import score_compiled

        template, placed = ligand.scored_template_angstrom, (poses.quaternions, poses.centres_angstrom, layers)
        found = score_compiled(grids.records, grids.map_of_atoms(ligand), template, placed, of_atoms=of_atoms)
        return tuple(part.to(poses.quaternions.dtype) for part in found)
    energies, forces, arms = _atoms(grids, ligand, poses, layers)
    return (energies, forces) if of_atoms else (energies.sum(dim=-1), *rigid_sums(forces, arms))


def _compiled(grids: GridMaps, poses: Poses, method: Method) -> bool:
    if method not in ("auto", "kernels", "torch"):
        raise UsageError(f"there is no method {method} of scoring poses: choose auto, kernels or torch")
    on_cpu = grids.device.type == "cpu"
    if method == "kernels" and not on_cpu:
        raise UsageError(f"the compiled loops run on a CPU and the maps are on {grids.device}: take the method torch")
    by_default = method == "auto" and kernels_allowed() and poses.quaternions.dtype != torch.float64
    return on_cpu and (method == "kernels" or by_default)


def _layers(grids: GridMaps, count: int, conformation: Conformation) -> Tensor:
    layers = torch.as_tensor(0 if conformation is None else conformation, device=grids.device).long()
    if layers.ndim > 1 or (layers.ndim == 1 and len(layers) != count):
        raise DataError(
            f"conformations have the shape {tuple(layers.shape)}: expected one, or one for each of {count} poses"
        )
    if count and not 0 <= int(layers.min()) <= int(layers.max()) < grids.n_conformations:
        raise DataError(f"a pose is in a conformation that the maps lack: they have {grids.n_conformations}")
    return layers.expand(count)


def _atoms(grids: GridMaps, ligand: Ligand, poses: Poses, layers: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    device, dtype = grids.device, poses.quaternions.dtype
    template = torch.as_tensor(ligand.scored_template_angstrom, dtype=dtype, device=device)
    places = poses.coordinates(template)
    maps = torch.as_tensor(grids.map_of_atoms(ligand), device=device)
    energies, gradient = _between_nodes(grids, layers[:, None] * len(grids.types) + maps, places)
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
