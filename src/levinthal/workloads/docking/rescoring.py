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

from levinthal.workloads.docking.molecules import Ligand, Receptor
from levinthal.workloads.docking.pose import Poses, superposed
from levinthal.workloads.docking.scoring import RigidScore, exact_score, exact_score_and_gradient
from levinthal.workloads.docking.scoring.functions import FunctionName
from levinthal.workloads.docking.search.descent import Descent
from levinthal.workloads.docking.search.outcome import SearchOutcome

__all__ = ["FinalPoses", "polish", "rescore"]

_STEPS = 15


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
        Whether they descend first; a pose is left where it is when that does not help.
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
            moved = polish(receptor, ligand, places, function)
            after = exact_score(receptor, ligand, moved, function)
            better = after < found
            coordinates[mine] = torch.where(better[:, None, None], moved, places).numpy()
            found = torch.minimum(found, after)
        energies[mine] = found.numpy() + receptor.energy_kcal_mol
    order = np.argsort(energies, kind="stable")
    return FinalPoses(coordinates[order], outcome.conformations[order], energies[order])


def polish(receptor: Receptor, ligand: Ligand, coordinates_angstrom: Tensor, function: FunctionName = "vina") -> Tensor:
    """Return poses, shape (N, atoms, 3), after a short descent of the analytic energy as rigid bodies."""
    template = torch.as_tensor(ligand.coordinates_angstrom)

    def evaluate(poses: Poses, _: Tensor) -> RigidScore:
        return exact_score_and_gradient(receptor, ligand, poses, function)

    poses = superposed(template, coordinates_angstrom)
    radius = float(np.sqrt((ligand.scored_template_angstrom**2).sum(axis=1).mean()))
    descent = Descent.start(evaluate, poses, torch.zeros(len(poses), dtype=torch.int64), radius)
    for _ in range(_STEPS):
        descent.step(evaluate)
    return descent.poses.coordinates(template)
