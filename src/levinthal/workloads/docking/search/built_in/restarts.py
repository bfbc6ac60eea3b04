"""Random restarts with gradient descent on the batched score: no learning, the control of everything that learns.

Poses are drawn at random and the best of them descend together (`Halving`). All conformations of the receptor are
searched in one batch.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor

from levinthal.workloads.docking.molecules.pose import Poses
from levinthal.workloads.docking.search.contract import Problem, Search
from levinthal.workloads.docking.search.descent import Descent, Halving
from levinthal.workloads.docking.search.outcome import SearchOutcome


@dataclass(frozen=True)
class RandomRestarts(Search):
    """Search from random poses.

    Attributes
    ----------
    n_drawn : int
        Random poses that are scored, in each receptor conformation.
    n_starts : int
        The best of them, which descend.
    round_steps, n_last, last_steps : int
        See `Halving`.
    n_poses : int
        Distinct poses that are returned.

    Examples
    --------
    >>> from pathlib import Path
    >>> from levinthal.docking import Box, Problem, RandomRestarts, prepare_ligand, prepare_receptor
    >>> from levinthal.simulation import capped_peptide
    >>> size = Path("helix.pdb").write_text(capped_peptide("helix", "AKAEA", ("helix",))[0].topology_pdb)
    >>> receptor = prepare_receptor("helix.pdb")
    >>> box = Box.around(receptor.coordinates_angstrom, 2.0)
    >>> problem = Problem.of(receptor, prepare_ligand("Cc1ccc(C)cc1"), box)
    >>> outcome = RandomRestarts(n_drawn=256, n_starts=32).search(problem, seed=0)
    >>> bool(outcome.energies_kcal_mol[0] < 0)
    True
    """

    n_drawn: int = 4096
    n_starts: int = 512
    round_steps: int = 6
    n_last: int = 32
    last_steps: int = 30
    n_poses: int = 9

    shown: ClassVar[str] = "random restarts"
    is_control: ClassVar[bool] = True

    def search(self, problem: Problem, *, seed: int = 0) -> SearchOutcome:
        """Search from poses that the seed decides."""
        recorder = problem.recorder()
        count = self.n_drawn * problem.n_conformations
        generator = torch.Generator().manual_seed(seed)
        poses = Poses.random(count, problem.grids.box, generator, margin_angstrom=1.0, device=problem.grids.device)
        conformations = problem.spread(count)
        descent = Descent.start(problem.evaluate, poses, conformations, problem.radius_angstrom)
        energies = descent.energies_kcal_mol
        recorder.note(count, energies, poses)
        descent.keep(_best_of_each(energies, conformations, self.n_starts, problem.n_conformations))
        return Halving(self.round_steps, self.n_last, self.last_steps).follow(problem, descent, recorder, self.n_poses)


def _best_of_each(energies: Tensor, conformations: Tensor, most: int, n_conformations: int) -> Tensor:
    """Return the indices of the lowest energies, as many of each conformation; they are dealt in turn."""
    table = energies.reshape(-1, n_conformations)
    found = torch.topk(table, min(most, len(table)), dim=0, largest=False).indices
    return (found * n_conformations + torch.arange(n_conformations, device=energies.device)).flatten()


SEARCH = RandomRestarts
