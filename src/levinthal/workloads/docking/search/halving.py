"""The descent that ends most searches: all poses together, and after each round of steps only the better half goes on.

Successive halving: Jamieson and Talwalkar, AISTATS 2016.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from levinthal.workloads.docking.molecules.pose import Poses
from levinthal.workloads.docking.search.contract import Problem
from levinthal.workloads.docking.search.descent import Descent
from levinthal.workloads.docking.search.outcome import SearchOutcome, TraceRecorder


@dataclass(frozen=True)
class Halving:
    """How long poses are followed.

    Attributes
    ----------
    round_steps : int
        Evaluations between two halvings.
    n_last : int
        How many poses are followed to the end.
    last_steps : int
        Evaluations of these.
    """

    round_steps: int = 6
    n_last: int = 32
    last_steps: int = 30

    def descend(
        self, problem: Problem, poses: Poses, conformations: Tensor, recorder: TraceRecorder, n_poses: int
    ) -> SearchOutcome:
        """Descend from N poses.

        Parameters
        ----------
        problem : Problem
        poses : Poses
        conformations : Tensor of int64, shape (N,)
        recorder : TraceRecorder
            Its clock runs already; evaluations are added to it.
        n_poses : int
            Distinct poses that are returned.
        """
        descent = Descent.start(problem.evaluate, poses, conformations, problem.radius_angstrom)
        recorder.note(len(poses), float(descent.energies_kcal_mol.min()))
        while True:
            n_left = len(descent.energies_kcal_mol)
            last = n_left <= self.n_last
            for _ in range(self.last_steps if last else self.round_steps):
                descent.step(problem.evaluate)
                recorder.note(n_left, float(descent.energies_kcal_mol.min()))
            if last:
                break
            best = torch.topk(descent.energies_kcal_mol, max(self.n_last, n_left // 2), largest=False).indices
            descent.keep(best)
        return problem.outcome(
            descent.poses, descent.conformations, descent.energies_kcal_mol, recorder.finish(), n_poses
        )
