"""The last word on final poses: a short descent on the exact energy, then Vina's exact path, for every method alike.

Maps and the exact function differ by some tenths of a kcal/mol, more on coarse maps; Vina itself refines its poses off
the maps before it reports them. What is compared is always the table's energy, which agrees with the `vina` package.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from levinthal.kernels.choice import kernels_allowed
from levinthal.workloads.docking.molecules.molecule import Ligand, Receptor
from levinthal.workloads.docking.molecules.pose import Poses, superposed
from levinthal.workloads.docking.scoring import RigidScore, exact_score
from levinthal.workloads.docking.scoring.exact import SCORING_CURL, soften
from levinthal.workloads.docking.scoring.functions import (
    BINS_PER_SQUARE_ANGSTROM,
    CUTOFF_ANGSTROM,
    FunctionName,
    pair_table,
)
from levinthal.workloads.docking.scoring.rigid import rigid_sums
from levinthal.workloads.docking.search.descent import Descent, Evaluate
from levinthal.workloads.docking.search.outcome import SearchOutcome

_STEPS = 15
_FARTHEST_MOVE_ANGSTROM = 3.0
_WORTH_POLISHING_KCAL_MOL = 3.0


@dataclass(frozen=True, eq=False)
class FinalPoses:
    """Poses in the order of their exact energies.

    Attributes
    ----------
    coordinates : ndarray, (poses, atoms, 3)
        All atoms of the ligand, in A.
    conformations : ndarray of int, (poses,)
        The receptor conformation of each.
    energies_kcal_mol : ndarray, (poses,)
        Exact intermolecular energy plus the energy of the receptor conformation.
    """

    coordinates: npt.NDArray[np.float64]
    conformations: npt.NDArray[np.int64]
    energies_kcal_mol: npt.NDArray[np.float64]


def rescore(
    receptors: Sequence[Receptor],
    ligand: Ligand,
    outcome: SearchOutcome,
    function: FunctionName = "vina",
    *,
    polished: bool = True,
) -> FinalPoses:
    """Refine the poses of a search on the exact energy and order them by Vina's.

    Parameters
    ----------
    receptors : sequence of Receptor
        The conformations that were searched, in their order.
    ligand : Ligand
    outcome : SearchOutcome
    function : {"vina", "vinardo"}
    polished : bool
        Whether those within 3 kcal/mol of the best descend first; a pose is left where it is when that does not help.
    """
    coordinates = outcome.coordinates.copy()
    energies = np.empty(len(coordinates))
    for number, receptor in enumerate(receptors):
        mine = np.flatnonzero(outcome.conformations == number)
        if len(mine) == 0:
            continue
        places = torch.as_tensor(coordinates[mine])
        found = exact_score(receptor, ligand, places, function)
        if polished:
            some = torch.nonzero(found <= found.min() + _WORTH_POLISHING_KCAL_MOL)[:, 0]
            moved = polish(receptor, ligand, places[some], function)
            after = exact_score(receptor, ligand, moved, function)
            better = after < found[some]
            places[some] = torch.where(better[:, None, None], moved, places[some])
            found[some] = torch.minimum(found[some], after)
            coordinates[mine] = places.numpy()
        energies[mine] = found.numpy() + receptor.energy_kcal_mol
    order = np.argsort(energies, kind="stable")
    return FinalPoses(coordinates[order], outcome.conformations[order], energies[order])


def polish(receptor: Receptor, ligand: Ligand, coordinates_angstrom: Tensor, function: FunctionName = "vina") -> Tensor:
    """Return poses, shape (N, atoms, 3), after a short descent of the exact energy as rigid bodies.

    The energy is Vina's table, read with interpolation so that it has a gradient; computed on the CPU in float64.
    """
    template = torch.as_tensor(ligand.coordinates_angstrom)
    poses = superposed(template, coordinates_angstrom.to("cpu", torch.float64))
    evaluate = _exact_evaluation(receptor, ligand, coordinates_angstrom, function)
    radius = float(np.sqrt((ligand.scored_template_angstrom**2).sum(axis=1).mean()))
    descent = Descent.start(evaluate, poses, torch.zeros(len(poses), dtype=torch.int64), radius)
    for _ in range(_STEPS):
        descent.step(evaluate)
    return descent.poses.coordinates(template)


def _exact_evaluation(receptor: Receptor, ligand: Ligand, around: Tensor, function: FunctionName) -> Evaluate:
    """Return the exact energy of poses that stay near some coordinates, for a descent."""
    points = around.reshape(-1, 3).cpu().numpy()
    reach = CUTOFF_ANGSTROM + _FARTHEST_MOVE_ANGSTROM
    places = receptor.coordinates_angstrom
    near = (
        (receptor.vina_types >= 0)
        & (places >= points.min(axis=0) - reach).all(axis=1)
        & (places <= points.max(axis=0) + reach).all(axis=1)
    )
    places, types = np.ascontiguousarray(places[near]), receptor.vina_types[near].astype(np.int64)
    template, kinds = np.ascontiguousarray(ligand.scored_template_angstrom), ligand.scored_types.astype(np.int64)
    table = pair_table(function)
    if not kernels_allowed():
        return _plain_evaluation(*map(torch.tensor, (template, kinds, places, types, table)))

    from levinthal.kernels.docking.exact import score_exactly

    def evaluate(poses: Poses, _: Tensor) -> RigidScore:
        energies, forces, torques = (np.empty(len(poses)), np.empty((len(poses), 3)), np.empty((len(poses), 3)))
        score_exactly(
            poses.quaternions.numpy(), poses.centres_angstrom.numpy(), template, kinds, places, types, table,
            float(BINS_PER_SQUARE_ANGSTROM), SCORING_CURL, energies, forces, torques,
        )  # fmt: skip
        return RigidScore(torch.from_numpy(energies), torch.from_numpy(forces), torch.from_numpy(torques))

    return evaluate


def _plain_evaluation(template: Tensor, kinds: Tensor, places: Tensor, types: Tensor, table: Tensor) -> Evaluate:
    """Do as `kernels.docking.exact` by torch."""
    n_types, _, n_bins = table.shape
    flat, rows = table.flatten(), (kinds[:, None] * n_types + types) * n_bins

    def evaluate(poses: Poses, _: Tensor) -> RigidScore:
        with torch.enable_grad():
            atoms = poses.coordinates(template).detach().requires_grad_()
            squares = (atoms[:, :, None] - places).square().sum(dim=-1)
            at = (squares * BINS_PER_SQUARE_ANGSTROM - 0.5).clamp(min=0)
            bins = at.detach().long().clamp(max=n_bins - 2)
            low, high = flat[rows + bins], flat[rows + bins + 1]
            reached = squares < (n_bins - 0.5) / BINS_PER_SQUARE_ANGSTROM
            pairs = torch.where(reached, low + (at - bins) * (high - low), 0.0)
            energies = soften(pairs.sum(dim=-1), SCORING_CURL).sum(dim=-1)
            (gradient,) = torch.autograd.grad(energies.sum(), atoms)
        force, torque = rigid_sums(-gradient, atoms.detach() - poses.centres_angstrom[:, None, :])
        return RigidScore(energies.detach(), force, torque)

    return evaluate
