"""Random restarts with gradient descent on the batched score: no learning, the control of everything that learns.

Poses are drawn at random, the best of them descend together, and after each round of steps only the better half goes on
(successive halving: Jamieson and Talwalkar, AISTATS 2016). All conformations of the receptor are searched in one batch.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from levinthal.workloads.docking.molecules.pose import Poses
from levinthal.workloads.docking.search.descent import Descent
from levinthal.workloads.docking.search.outcome import SearchOutcome, TraceRecorder
from levinthal.workloads.docking.search.problem import Problem

__all__ = ["RestartSettings", "descend_from", "random_restarts"]


@dataclass(frozen=True)
class RestartSettings:
    """How many starts, and how long they are followed.

    Attributes
    ----------
    n_drawn : int
        Random poses that are scored, in each receptor conformation.
    n_starts : int
        The best of them, which descend.
    round_steps : int
        Evaluations between two halvings.
    n_last : int
        How many poses are followed to the end.
    last_steps : int
        Evaluations of these.
    n_poses : int
        Distinct poses that are returned.
    """

    n_drawn: int = 4096
    n_starts: int = 512
    round_steps: int = 6
    n_last: int = 32
    last_steps: int = 30
    n_poses: int = 9


def random_restarts(
    problem: Problem, settings: RestartSettings | None = None, *, seed: int = 0, method: str = "restarts"
) -> SearchOutcome:
    """Search from random poses.

    Parameters
    ----------
    problem : Problem
    settings : RestartSettings, optional
    seed : int
    method : str
        The name of the outcome.

    Examples
    --------
    >>> from pathlib import Path
    >>> from levinthal.docking import Box, Problem, build_grids, prepare_ligand, prepare_receptor, random_restarts
    >>> from levinthal.simulation import capped_peptide
    >>> size = Path("helix.pdb").write_text(capped_peptide("helix", "AKAEA", ("helix",))[0].topology_pdb)
    >>> receptor = prepare_receptor("helix.pdb")
    >>> ligand = prepare_ligand("Cc1ccc(C)cc1")
    >>> box = Box.around(receptor.coordinates_angstrom, 2.0)
    >>> problem = Problem(build_grids(receptor, ligand.scored_types, box), ligand)
    >>> outcome = random_restarts(problem, seed=0)
    >>> bool(outcome.energies_kcal_mol[0] < 0)
    True
    """
    settings = settings or RestartSettings()
    recorder = TraceRecorder()
    count = settings.n_drawn * problem.n_conformations
    generator = torch.Generator().manual_seed(seed)
    poses = Poses.random(count, problem.grids.box, generator, margin_angstrom=1.0, device=problem.grids.device)
    conformations = problem.spread(count)
    energies = problem.energies(poses, conformations)
    recorder.note(count, float(energies.min()))
    chosen = _best_of_each(energies, conformations, settings.n_starts, problem.n_conformations)
    return descend_from(problem, poses[chosen], conformations[chosen], settings, recorder, method=method)


def descend_from(
    problem: Problem,
    poses: Poses,
    conformations: Tensor,
    settings: RestartSettings,
    recorder: TraceRecorder,
    *,
    method: str,
) -> SearchOutcome:
    """Descend from given starts, halving them after each round, and return the best distinct poses.

    Parameters
    ----------
    problem : Problem
    poses : Poses
    conformations : Tensor of int64, shape (N,)
    settings : RestartSettings
    recorder : TraceRecorder
        Its clock runs already; evaluations are added to it.
    method : str
        The name of the outcome.
    """
    descent = Descent.start(problem.evaluate, poses, conformations, problem.radius_angstrom)
    recorder.note(len(poses), float(descent.energies_kcal_mol.min()))
    while True:
        n_left = len(descent.energies_kcal_mol)
        last = n_left <= settings.n_last
        for _ in range(settings.last_steps if last else settings.round_steps):
            descent.step(problem.evaluate)
            recorder.note(n_left, float(descent.energies_kcal_mol.min()))
        if last:
            break
        best = torch.topk(descent.energies_kcal_mol, max(settings.n_last, n_left // 2), largest=False).indices
        descent.keep(best)
    return problem.outcome(
        method, descent.poses, descent.conformations, descent.energies_kcal_mol, recorder.finish(), settings.n_poses
    )


def _best_of_each(energies: Tensor, conformations: Tensor, most: int, n_conformations: int) -> Tensor:
    """Return the indices of the lowest energies, as many of each conformation; they are dealt in turn."""
    table = energies.reshape(-1, n_conformations)
    found = torch.topk(table, min(most, len(table)), dim=0, largest=False).indices
    return (found * n_conformations + torch.arange(n_conformations, device=energies.device)).flatten()
