"""Random restarts led by the agent: starts where it proposes them, and only those go on that it thinks worth it.

Draws, descents and halving are those of random restarts, so that what is gained is the agent's. What it culls makes
room for the next round of proposals: a search is many short rounds.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor

from levinthal.workloads.docking.search.agent.guide import GuidedPocket, TrainedGuide
from levinthal.workloads.docking.search.contract import Problem, Search
from levinthal.workloads.docking.search.descent import Descent, Halving
from levinthal.workloads.docking.search.outcome import SearchOutcome


@dataclass(frozen=True, eq=False)
class GuidedRestarts(Search):
    """Search with a guide.

    Attributes
    ----------
    model : TrainedGuide
        Its networks are on the device of the maps.
    n_drawn : int
        Poses that it proposes, over all receptor conformations, which are scored.
    n_starts : int
        Of these, those that descend.
    round_steps, n_last, last_steps : int
        See `Halving`.
    uniform_share : float
        Share of the starts that are drawn anywhere.
    n_poses : int
        Distinct poses that are returned.
    """

    model: TrainedGuide
    n_drawn: int = 1024
    n_starts: int = 64
    round_steps: int = 6
    n_last: int = 8
    last_steps: int = 24
    uniform_share: float = 0.2
    n_poses: int = 9

    shown: ClassVar[str] = "agent"
    described: ClassVar[str] = "the agent"
    needs_model: ClassVar[bool] = True
    learns: ClassVar[str] = "starts"

    @torch.no_grad()
    def search(self, problem: Problem, *, seed: int = 0) -> SearchOutcome:
        """Search from proposals that the seed decides."""
        recorder, guide = problem.recorder(), self.model.guide
        pocket = GuidedPocket.of(guide, problem)
        generator = torch.Generator().manual_seed(seed)
        poses, conformations = pocket.propose(self.n_drawn, generator, self.uniform_share)
        drawn = Descent.start(problem.evaluate, poses, conformations, problem.radius_angstrom)
        recorder.note(len(poses), drawn.energies_kcal_mol, poses)

        def worth(descent: Descent, n_steps: int, before: Tensor) -> Tensor:
            energies = descent.energies_kcal_mol
            seen = pocket.pose_numbers(
                descent.poses, descent.conformations, energies, descent.gradients, before - energies, n_steps
            )
            ranked: Tensor = -guide.worth(seen)[:, 0]
            return ranked

        first = worth(drawn, 0, drawn.energies_kcal_mol)
        drawn.keep(torch.topk(first, min(self.n_starts, self.n_drawn), largest=False).indices)
        return Halving(self.round_steps, self.n_last, self.last_steps).follow(
            problem, drawn, recorder, self.n_poses, worth
        )


SEARCH = GuidedRestarts
