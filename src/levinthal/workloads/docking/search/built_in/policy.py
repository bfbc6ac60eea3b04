"""The policy as a search that others can be compared with: the same draws before it, the same descent behind it.

In each round poses are drawn at random and scored, the best are moved by the policy for one episode, and the best of
what it visited descend as in random restarts. The policy stands in the place of the first rounds of descent; what it
gains is its own.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import torch
from torch import Tensor

from levinthal.workloads.docking.molecules.pose import Poses
from levinthal.workloads.docking.search.agent.environment import DockingEnvironment
from levinthal.workloads.docking.search.agent.policy import TrainedPolicy, features_of
from levinthal.workloads.docking.search.contract import Problem, Search
from levinthal.workloads.docking.search.descent import Descent
from levinthal.workloads.docking.search.outcome import SearchOutcome, TraceRecorder


@dataclass(frozen=True, eq=False)
class PolicySearch(Search):
    """Search with a policy, trained or not.

    Attributes
    ----------
    model : TrainedPolicy
        Its policy is on the device of the maps.
    n_drawn : int
        Random poses that are scored in each round, over all receptor conformations.
    n_starts : int
        The best of them, which the policy moves.
    n_last : int
        The best poses that it found, which descend.
    last_steps : int
        Evaluations of each of these.
    n_evaluations : int
        Evaluations in all, after which no new round begins; the first is always finished.
    n_poses : int
        Distinct poses that are returned.
    """

    model: TrainedPolicy
    n_drawn: int = 2048
    n_starts: int = 512
    n_last: int = 64
    last_steps: int = 25
    n_evaluations: int = 0
    n_poses: int = 9

    shown: ClassVar[str] = "trained policy"
    described: ClassVar[str] = "the trained policy"
    needs_model: ClassVar[bool] = True

    @torch.no_grad()
    def search(self, problem: Problem, *, seed: int = 0) -> SearchOutcome:
        """Search from draws, and with the policy's noise, that the seed decides."""
        n_starts = min(self.n_starts, self.n_drawn)
        environment = DockingEnvironment([problem], n_starts, self.model.episode)
        recorder = problem.recorder()
        found: list[tuple[Poses, Tensor, Tensor]] = []
        while not found or (recorder.evaluations < self.n_evaluations and not recorder.is_over):
            seeds = np.random.SeedSequence((seed, len(found))).generate_state(2)
            first = environment.first_conformation(problem)
            poses, conformations = self._starts(problem, n_starts, first, int(seeds[0]), recorder)
            self._follow(environment, poses, conformations, int(seeds[1]), recorder)
            kept = torch.topk(environment.best_energies, min(self.n_last, n_starts), largest=False).indices
            descent = Descent.start(
                problem.evaluate,
                environment.best_poses[kept],
                environment.best_conformations[kept],
                problem.radius_angstrom,
            )
            for step in range(self.last_steps + 1):
                if step:
                    descent.step(problem.evaluate)
                recorder.note(len(kept), descent.energies_kcal_mol, descent.poses)
                if recorder.is_over:
                    break
            found.append((descent.poses, descent.conformations, descent.energies_kcal_mol))
        poses_found, conformations_found, energies = zip(*found, strict=True)
        return problem.outcome(
            Poses.joined(poses_found), torch.cat(conformations_found), torch.cat(energies), recorder.finish(),
            self.n_poses,
        )  # fmt: skip

    def _starts(
        self, problem: Problem, n_starts: int, first: int, seed: int, recorder: TraceRecorder
    ) -> tuple[Poses, Tensor]:
        generator = torch.Generator().manual_seed(seed)
        margin = self.model.episode.start_margin_angstrom
        box, device = problem.grids.box, problem.grids.device
        poses = Poses.random(self.n_drawn, box, generator, margin_angstrom=margin, device=device)
        conformations = first + torch.arange(self.n_drawn, device=device) % (problem.n_conformations - first)
        energies = problem.energies(poses, conformations)
        recorder.note(self.n_drawn, energies, poses)
        chosen = torch.topk(energies, n_starts, largest=False).indices
        return poses[chosen], conformations[chosen]

    def _follow(
        self,
        environment: DockingEnvironment,
        poses: Poses,
        conformations: Tensor,
        seed: int,
        recorder: TraceRecorder,
    ) -> None:
        """Let the policy move the poses for one episode; the environment keeps the best of each."""
        policy = self.model.policy
        generator = torch.Generator().manual_seed(seed)
        observation = environment.reset_to(poses, conformations)
        memory = policy.first_memory(len(poses))
        recorder.note(len(poses), environment.best_energies, environment.best_poses)  # forces were not known before
        done = False
        while not (done or recorder.is_over):
            decision = policy(features_of(observation), memory)
            memory = decision.memory
            observation, _, done = environment.step(decision.sample(generator))
            recorder.note(len(poses), environment.best_energies, environment.best_poses)


SEARCH = PolicySearch
