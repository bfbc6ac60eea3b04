"""The phase in which the workload trains its policy, or takes one that was trained before, and what it tells of it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from levinthal.harness import Run
from levinthal.metrics.process import process_tree_usage
from levinthal.workloads.docking.agent.checkpoint import load_policy, save_policy
from levinthal.workloads.docking.agent.environment import DockingEnvironment, EpisodeSettings
from levinthal.workloads.docking.agent.policy import DockingPolicy
from levinthal.workloads.docking.agent.ppo import Iteration, PPOSettings, Training, train
from levinthal.workloads.docking.agent.search import PolicySearchSettings, policy_search
from levinthal.workloads.docking.search.outcome import SearchOutcome
from levinthal.workloads.docking.search.problem import Problem
from levinthal.workloads.docking.search.restarts import random_restarts
from levinthal.workloads.docking.settings import DockingSettings

__all__ = ["TrainedPolicy", "obtain_policy"]


@dataclass(frozen=True, eq=False)
class TrainedPolicy:
    """A policy, the episodes that it knows, and what its training cost.

    Attributes
    ----------
    policy : DockingPolicy
    episode : EpisodeSettings
    training_s : float or None
        None where it was trained elsewhere.
    """

    policy: DockingPolicy
    episode: EpisodeSettings
    training_s: float | None

    def search(self, n_poses: int) -> Callable[[Problem, int], SearchOutcome]:
        """Return the search with this policy, from a problem and a seed to an outcome."""
        how = PolicySearchSettings(n_evaluations=0, n_poses=n_poses, episode=self.episode)

        def search(problem: Problem, seed: int) -> SearchOutcome:
            return policy_search(problem, self.policy, how, seed=seed)

        return search


def obtain_policy(run: Run, settings: DockingSettings, problems: Sequence[Problem]) -> TrainedPolicy:
    """Train a policy on some problems, or read the one that the settings name.

    Raises
    ------
    DataError
        The policy's file cannot be read.
    """
    episode = EpisodeSettings(horizon=settings.horizon)
    if settings.policy:
        policy, _ = load_policy(settings.policy, device=run.device)
        run.note(f"The policy was not trained here but read from {settings.policy}.")
        return TrainedPolicy(policy, episode, None)
    policy = DockingPolicy(seed=run.seed_for("weights", bits=31)).to(run.device)
    if settings.training_steps == 0:
        run.note("The policy was not trained: it moves at random.")
        return TrainedPolicy(policy.eval(), episode, None)
    reach = float(np.mean([random_restarts(each, seed=0).energies_kcal_mol[0] for each in problems]))
    how = PPOSettings(iterations=settings.training_steps)
    training = Training.start(policy, how)
    environment = DockingEnvironment(problems, max(1, settings.environments // len(problems)), episode)
    cpu_before_s = process_tree_usage().cpu_s
    with run.phase("train", total=settings.training_steps) as phase:
        train(
            training, environment, how, seed=run.seed_for("training", bits=31), on_iteration=lambda _: phase.advance()
        )
        phase.items = sum(each.frames for each in training.history)
    cpu_s = process_tree_usage().cpu_s - cpu_before_s
    _tell(run, settings, training.history, reach, cpu_s)
    save_policy(
        run.folder / "policy.safetensors",
        policy,
        {"ligands": [each.ligand.name for each in problems], "iterations": len(training.history)},
    )
    return TrainedPolicy(policy.eval(), episode, run.duration_s("train"))


def _tell(run: Run, settings: DockingSettings, history: Sequence[Iteration], reach: float, cpu_s: float) -> None:
    duration_s = run.duration_s("train")
    frames = sum(each.frames for each in history)
    run.metric("training frames", frames / duration_s, unit="frame/s", better="higher")
    run.metric("episodes", frames / settings.horizon / duration_s, unit="episode/s", better="higher")
    run.metric("cores used in training", cpu_s / duration_s, unit="core", better="higher")
    played = sum(each.play_s for each in history)
    run.metric("training time spent in episodes", played / duration_s, unit="1", better="higher")
    clock = np.cumsum([each.play_s + each.learn_s for each in history])
    target = reach + settings.target
    reached = [float(at) for at, each in zip(clock, history, strict=True) if each.best_energy_kcal_mol <= target]
    run.metric(
        "time to train to the target",
        reached[0] if reached else None,
        unit="s",
        better="lower",
        reason=f"episodes did not come within {settings.target:g} kcal/mol of the best known score on the maps",
    )
    frames_done = np.cumsum([each.frames for each in history])
    energies = {"best of an episode, mean": [each.best_energy_kcal_mol for each in history],
                "best known": [reach] * len(history)}  # fmt: skip
    for pose, values in energies.items():
        run.curve("energy of the pose", frames_done, values, x_name="frames of the training", x_unit="frame",
                  unit="kcal/mol", labels={"pose": pose})  # fmt: skip
