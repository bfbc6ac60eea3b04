"""Exact scores: every ligand atom against every receptor atom within the cutoff.

"table" is what the `vina` package computes, "analytic" the formula that its tables approximate; the latter has
gradients. A clash is softened atom by atom: where an atom's energy e is positive it becomes e v / (v + e), with v the
`curl`; Vina takes 1000 where it scores and 10 where it searches.
"""

from __future__ import annotations

from functools import cache
from typing import Literal

import numpy as np
import torch
from torch import Tensor

from levinthal.errors import DataError, UsageError
from levinthal.workloads.docking.molecules.molecule import Ligand, Receptor
from levinthal.workloads.docking.molecules.pose import Poses
from levinthal.workloads.docking.scoring.functions import (
    BINS,
    BINS_PER_SQUARE_ANGSTROM,
    CUTOFF_ANGSTROM,
    FunctionName,
    pair_energy,
    pair_table,
    scoring_function,
)
from levinthal.workloads.docking.scoring.rigid import RigidScore, rigid_sums

SCORING_CURL = 1000.0

_PAIRS_AT_ONCE = 4_000_000

Mode = Literal["table", "analytic"]


def soften(energies: Tensor, curl: float) -> Tensor:
    """Return energies with positive ones bent below `curl`: e v / (v + e)."""
    return torch.where(energies > 0, energies * (curl / (curl + energies.clamp(min=0))), energies)


def exact_score(
    receptor: Receptor,
    ligand: Ligand,
    coordinates_angstrom: Tensor,
    function: FunctionName = "vina",
    *,
    mode: Mode = "table",
    curl: float = SCORING_CURL,
) -> Tensor:
    """Return the intermolecular energies of poses, in kcal/mol, shape (N,).

    Divided by `torsion_divisor(ligand.n_torsions)` they are the affinities that Vina prints (within 1e-3 kcal/mol in
    table mode).

    Parameters
    ----------
    receptor : Receptor
    ligand : Ligand
    coordinates_angstrom : Tensor, shape (N, n, 3)
        All atoms of the ligand, hydrogens too, though these are not scored; computed in its type, on its device.
    function : {"vina", "vinardo"}
    mode : {"table", "analytic"}
        The latter is differentiable by the coordinates.
    curl : float
        In kcal/mol.

    Raises
    ------
    UsageError
        A function or mode that does not exist.
    DataError
        Coordinates of another shape.
    """
    if mode not in ("table", "analytic"):
        raise UsageError(f"there is no mode {mode} of the exact score: choose table or analytic")
    scored = _scored(ligand, coordinates_angstrom)
    near, types = _near(receptor, scored)
    kinds = torch.as_tensor(ligand.scored_types.astype(np.int64), device=scored.device)
    step = max(1, _PAIRS_AT_ONCE // max(1, len(kinds) * len(types)))
    parts = [_score(part, kinds, near, types, function, mode, curl) for part in torch.split(scored, step)]
    return torch.cat(parts) if parts else scored.new_zeros(0)


def exact_score_and_gradient(
    receptor: Receptor,
    ligand: Ligand,
    poses: Poses,
    function: FunctionName = "vina",
    *,
    curl: float = SCORING_CURL,
) -> RigidScore:
    """Return analytic energies of poses with the force and torque on the rigid ligand; see `exact_score`."""
    template = torch.as_tensor(
        ligand.coordinates_angstrom, dtype=poses.quaternions.dtype, device=poses.quaternions.device
    )
    with torch.enable_grad():
        coordinates = poses.coordinates(template).detach().requires_grad_()
        energies = exact_score(receptor, ligand, coordinates, function, mode="analytic", curl=curl)
        (gradient,) = torch.autograd.grad(energies.sum(), coordinates)
    force, torque = rigid_sums(-gradient, coordinates.detach() - poses.centres_angstrom[:, None, :])
    return RigidScore(energies.detach(), force, torque)


def _scored(ligand: Ligand, coordinates: Tensor) -> Tensor:
    if coordinates.ndim != 3 or coordinates.shape[1:] != (len(ligand.types), 3):
        raise DataError(
            f"coordinates of ligand {ligand.name} have the shape {tuple(coordinates.shape)}: expected "
            f"(poses, {len(ligand.types)}, 3)"
        )
    return coordinates[:, torch.as_tensor(ligand.heavy_atoms, device=coordinates.device)]


def _near(receptor: Receptor, scored: Tensor) -> tuple[Tensor, Tensor]:
    """Return places and types of the receptor atoms that any of the poses may reach."""
    places = torch.as_tensor(receptor.coordinates_angstrom, dtype=scored.dtype, device=scored.device)
    types = torch.as_tensor(receptor.vina_types.astype(np.int64), device=scored.device)
    points = scored.detach().reshape(-1, 3)
    keep = types >= 0
    if len(points):
        low, high = points.amin(dim=0) - CUTOFF_ANGSTROM, points.amax(dim=0) + CUTOFF_ANGSTROM
        keep &= ((places >= low) & (places <= high)).all(dim=-1)
    return places[keep], types[keep]


@cache
def _table(function: FunctionName, dtype: torch.dtype, device: torch.device) -> Tensor:
    return torch.as_tensor(pair_table(function).copy(), dtype=dtype, device=device)


def _score(
    scored: Tensor, kinds: Tensor, near: Tensor, types: Tensor, function: FunctionName, mode: Mode, curl: float
) -> Tensor:
    squares = (scored[:, :, None, :] - near).square().sum(dim=-1)
    if mode == "table":
        table = _table(function, scored.dtype, scored.device)
        rows = (kinds[:, None] * len(table) + types) * BINS
        bins = (squares * BINS_PER_SQUARE_ANGSTROM).long()
        found = table.flatten()[rows + bins.clamp(max=BINS - 1)]
        pairs = torch.where(bins < BINS, found, torch.zeros_like(found))
    else:
        # The square root has no derivative at zero, where two atoms coincide.
        distances = squares.clamp(min=1e-12).sqrt()
        pairs = pair_energy(scoring_function(function), kinds[:, None], types, distances)
    return soften(pairs.sum(dim=-1), curl).sum(dim=-1)
