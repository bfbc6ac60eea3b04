"""The phase in which the workload trains its policy, or reads one that was trained before; what is reported of it."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from levinthal.harness import Run
from levinthal.metrics.process import process_tree_usage
from levinthal.workloads.docking.search.agent.checkpoint import load_policy, save_policy
from levinthal.workloads.docking.search.agent.environment import DockingEnvironment
from levinthal.workloads.docking.search.agent.episodes import EpisodeSettings
from levinthal.workloads.docking.search.agent.policy import DockingPolicy, TrainedPolicy
from levinthal.workloads.docking.search.agent.ppo import Iteration, PPOSettings, Training, train
from levinthal.workloads.docking.search.built_in.restarts import RandomRestarts
from levinthal.workloads.docking.search.contract import Problem
from levinthal.workloads.docking.settings import DockingSettings
from levinthal.workloads.training.reporting import first_time, report_time_to_target


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
    reach = float(np.mean([RandomRestarts().search(each).energies_kcal_mol[0] for each in problems]))
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
    _report(run, settings, training.history, reach, cpu_s)
    save_policy(
        run.folder / "policy.safetensors",
        policy,
        {"ligands": [each.ligand.name for each in problems], "iterations": len(training.history)},
    )
    return TrainedPolicy(policy.eval(), episode, run.duration_s("train"))


def _report(run: Run, settings: DockingSettings, history: Sequence[Iteration], reach: float, cpu_s: float) -> None:
    duration_s = run.duration_s("train")
    frames = sum(each.frames for each in history)
    run.metric("training rate", frames / duration_s, unit="frame/s", better="higher")
    run.metric("episodes", frames / settings.horizon / duration_s, unit="episode/s", better="higher")
    run.metric("cores used in training", cpu_s / duration_s, unit="core", better="higher")
    played = sum(each.play_s for each in history)
    run.metric("training time spent in episodes", played / duration_s, unit="1", better="higher")
    clock = np.cumsum([each.play_s + each.learn_s for each in history])
    best = [each.best_energy_kcal_mol for each in history]
    why = f"episodes did not come within {settings.target:g} kcal/mol of the best known score on the maps"
    report_time_to_target(run, first_time(clock.tolist(), best, reach + settings.target), why)
    frames_done = np.cumsum([each.frames for each in history])
    for what, energies in (
        ("best of an episode, mean", best),
        ("best known", [reach] * len(history)),
    ):
        run.curve(
            "energy of the pose", frames_done, energies, x_name="frames of the training", x_unit="frame",
            unit="kcal/mol", labels={"pose": what},
        )  # fmt: skip
