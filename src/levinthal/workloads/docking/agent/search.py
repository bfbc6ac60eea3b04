"""The policy as a search that others can be compared with: the same draws before it, the same descent behind it.

In each round poses are drawn at random and scored, the best are moved by the policy for one episode, and the best of
what it visited descend as in random restarts. The policy stands in the place of the first rounds of descent; what it
gains is its own.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import torch
from torch import Tensor

from levinthal.workloads.docking.agent.environment import DockingEnvironment, EpisodeSettings
from levinthal.workloads.docking.agent.policy import DockingPolicy, features_of
from levinthal.workloads.docking.molecules.pose import Poses
from levinthal.workloads.docking.search.descent import Descent
from levinthal.workloads.docking.search.outcome import SearchOutcome, TraceRecorder
from levinthal.workloads.docking.search.problem import Problem

__all__ = ["PolicySearchSettings", "policy_search"]


@dataclass(frozen=True)
class PolicySearchSettings:
    """Size of the search.

    Attributes
    ----------
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
    episode : EpisodeSettings
        Those that the policy was trained in.
    """

    n_drawn: int = 2048
    n_starts: int = 512
    n_last: int = 64
    last_steps: int = 25
    n_evaluations: int = 50_000
    n_poses: int = 9
    episode: EpisodeSettings = field(default_factory=EpisodeSettings)


@torch.no_grad()
def policy_search(
    problem: Problem,
    policy: DockingPolicy,
    settings: PolicySearchSettings | None = None,
    *,
    seed: int = 0,
    method: str = "policy",
) -> SearchOutcome:
    """Search with a policy, trained or not.

    Parameters
    ----------
    problem : Problem
    policy : DockingPolicy
        On the device of the maps.
    settings : PolicySearchSettings, optional
    seed : int
        Decides the draws and the policy's noise.
    method : str
        The name of the outcome.
    """
    settings = settings or PolicySearchSettings()
    n_starts = min(settings.n_starts, settings.n_drawn)
    environment = DockingEnvironment([problem], n_starts, settings.episode)
    recorder = TraceRecorder()
    found: list[tuple[Poses, Tensor, Tensor]] = []
    number = 0
    while number == 0 or recorder.evaluations < settings.n_evaluations:
        seeds = np.random.SeedSequence((seed, number)).generate_state(2)
        poses, conformations = _starts(problem, settings, n_starts, int(seeds[0]), recorder)
        _follow(environment, policy, poses, conformations, int(seeds[1]), recorder)
        kept = torch.topk(environment.best_energies, min(settings.n_last, n_starts), largest=False).indices
        descent = Descent.start(
            problem.evaluate,
            environment.best_poses[kept],
            environment.best_conformations[kept],
            problem.radius_angstrom,
        )
        for step in range(settings.last_steps + 1):
            if step:
                descent.step(problem.evaluate)
            recorder.note(len(kept), float(descent.energies_kcal_mol.min()))
        found.append((descent.poses, descent.conformations, descent.energies_kcal_mol))
        number += 1
    poses_found, conformations_found, energies = zip(*found, strict=True)
    joined = Poses(
        torch.cat([each.quaternions for each in poses_found]),
        torch.cat([each.centres_angstrom for each in poses_found]),
    )
    return problem.outcome(
        method, joined, torch.cat(conformations_found), torch.cat(energies), recorder.finish(), settings.n_poses
    )


def _starts(
    problem: Problem, settings: PolicySearchSettings, n_starts: int, seed: int, recorder: TraceRecorder
) -> tuple[Poses, Tensor]:
    generator = torch.Generator().manual_seed(seed)
    margin = settings.episode.start_margin_angstrom
    box, device = problem.grids.box, problem.grids.device
    poses = Poses.random(settings.n_drawn, box, generator, margin_angstrom=margin, device=device)
    conformations = problem.spread(settings.n_drawn)
    energies = problem.energies(poses, conformations)
    recorder.note(settings.n_drawn, float(energies.min()))
    chosen = torch.topk(energies, n_starts, largest=False).indices
    return poses[chosen], conformations[chosen]


def _follow(
    environment: DockingEnvironment,
    policy: DockingPolicy,
    poses: Poses,
    conformations: Tensor,
    seed: int,
    recorder: TraceRecorder,
) -> None:
    """Let the policy move the poses for one episode; the environment keeps the best of each."""
    generator = torch.Generator().manual_seed(seed)
    observation = environment.reset_to(poses, conformations)
    memory = policy.first_memory(len(poses))
    recorder.note(len(poses), float(environment.best_energies.min()))  # forces were not known before
    done = False
    while not done:
        decision = policy(features_of(observation), memory)
        memory = decision.memory
        observation, _, done = environment.step(decision.sample(generator))
        recorder.note(len(poses), float(environment.best_energies.min()))
