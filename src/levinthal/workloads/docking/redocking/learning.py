"""The phase in which the workload trains its policy, where a killed repeat left off, and what it reports of it."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from levinthal.harness import Run
from levinthal.harness.contract.recording import Recording
from levinthal.harness.contract.run import OpenPhase
from levinthal.metrics.process import process_tree_usage
from levinthal.workloads.docking.search.agent.checkpoint import (
    load_policy,
    resume_training,
    save_policy,
    save_training,
)
from levinthal.workloads.docking.search.agent.environment import DockingEnvironment
from levinthal.workloads.docking.search.agent.episodes import EpisodeSettings
from levinthal.workloads.docking.search.agent.policy import DockingPolicy, PolicySettings, TrainedPolicy
from levinthal.workloads.docking.search.agent.ppo import Iteration, PPOSettings, Training, train
from levinthal.workloads.docking.search.built_in.restarts import RandomRestarts
from levinthal.workloads.docking.search.contract import Problem
from levinthal.workloads.docking.settings import DockingSettings
from levinthal.workloads.pace import estimate_after
from levinthal.workloads.training.checkpoint import Keeping
from levinthal.workloads.training.reporting import first_time, report_time_to_target
from levinthal.workloads.training.resuming import say_where_it_went_on, train_or_go_on

POLICY = "policy.safetensors"
"""The trained policy in a repeat's folder."""


def obtain_policy(run: Run, settings: DockingSettings, problems: Sequence[Problem], *, gated: bool) -> TrainedPolicy:
    """Train a policy on some problems, or read the one that the settings name.

    Raises
    ------
    DataError
        The policy's file cannot be read.
    """
    chooses = max(each.n_conformations for each in problems) > 1
    if settings.policy:
        policy, _ = load_policy(settings.policy, device=run.device)
        episode = episode_of(settings, policy.settings.chooses_conformation)
        run.note(f"The policy was not trained here but read from {settings.policy}.")
        return TrainedPolicy(policy, episode, None)
    episode = episode_of(settings, chooses)
    if settings.training_steps == 0:
        run.note("The policy was not trained: it moves at random.")
        return TrainedPolicy(new_policy(run, chooses).eval(), episode, None)
    reach = float(np.mean([RandomRestarts().search(each).energies_kcal_mol[0] for each in problems]))
    environment = DockingEnvironment(problems, max(1, settings.environments // len(problems)), episode)
    cpu_before_s = process_tree_usage().cpu_s
    with run.phase("train", total=settings.training_steps, doing="the search policy on this pocket") as phase:
        training, resumed_at = _train(run, settings, environment, phase)
        phase.items = sum(each.frames for each in training.history[resumed_at:])
    cpu_s = process_tree_usage().cpu_s - cpu_before_s
    say_where_it_went_on(run, resumed_at, settings.training_steps)
    earlier_s = sum(each.play_s + each.learn_s for each in training.history[:resumed_at])
    cores = cpu_s / run.duration_s("train") if resumed_at < len(training.history) else None
    _report(run, settings, training.history, reach, earlier_s + run.duration_s("train"), cores)
    if gated:
        gate_training(run, training.history[-1].best_energy_kcal_mol - reach, settings.target)
    save_policy(
        run.folder / POLICY,
        training.policy,
        {"ligands": [each.ligand.name for each in problems], "iterations": len(training.history)},
    )
    return TrainedPolicy(training.policy.eval(), episode, earlier_s + run.duration_s("train"))


def gate_training(run: Recording, above_kcal_mol: float, target_kcal_mol: float) -> None:
    """Check that training met its own target: the mean best energy of its last episodes above the best known."""
    run.gate(
        "best of an episode above the best known (kcal/mol)", above_kcal_mol, at_most=target_kcal_mol,
        advice="the policy missed its target: raise training_steps",
    )  # fmt: skip


def episode_of(settings: DockingSettings, chooses: bool) -> EpisodeSettings:
    """Return the episodes of a policy: where a pocket has several conformations, each action may change it."""
    return EpisodeSettings(horizon=settings.horizon, receptor="choose" if chooses else "start")


def new_policy(run: Run, chooses: bool = False) -> DockingPolicy:
    """Return a policy that has learned nothing yet, and whether its actions change the conformation."""
    seed = run.seed_for("weights", bits=31)
    return DockingPolicy(PolicySettings(chooses_conformation=chooses), seed=seed).to(run.device)


def _train(
    run: Run, settings: DockingSettings, environment: DockingEnvironment, phase: OpenPhase
) -> tuple[Training, int]:
    """Return a finished training, and how many of its iterations an earlier try had made."""
    how, seed = PPOSettings(iterations=settings.training_steps), run.seed_for("training", bits=31)

    def fit(keep: Keeping | None) -> tuple[Training, int]:
        training = Training.start(new_policy(run, environment.settings.receptor == "choose"), how)
        if keep is not None and keep.resume:
            resume_training(keep.folder, training, how, seed, environment)
        resumed_at = len(training.history)
        what = f"training of the policy, {how.iterations:,} updates"
        tell = estimate_after(run, 2, how.iterations - resumed_at, what)

        def on_iteration(training: Training) -> None:
            phase.advance()
            tell()
            done = len(training.history)
            if keep is not None and (done % settings.checkpoint_interval == 0 or done == how.iterations):
                save_training(keep.folder, training, how, seed, environment)

        train(training, environment, how, seed=seed, on_iteration=on_iteration)
        return training, resumed_at

    return train_or_go_on(run, settings.checkpoint_interval, fit)


def _report(
    run: Run,
    settings: DockingSettings,
    history: Sequence[Iteration],
    reach: float,
    duration_s: float,
    cores: float | None,
) -> None:
    frames = sum(each.frames for each in history)
    run.metric("training rate", frames / duration_s, unit="frame/s", better="higher")
    run.metric("episodes", frames / settings.horizon / duration_s, unit="episode/s", better="higher")
    why = "an earlier try, which was killed, had trained to the end"
    run.metric("cores used in training", cores, unit="core", better="higher", reason=why)
    played = sum(each.play_s for each in history)
    run.metric("training time spent in episodes", played / duration_s, unit="1", better="higher")
    clock = np.cumsum([each.play_s + each.learn_s for each in history])
    best = [each.best_energy_kcal_mol for each in history]
    why = f"episodes did not come within {settings.target:g} kcal/mol of the best known score on the maps"
    reached_s = first_time(clock.tolist(), best, reach + settings.target)
    report_time_to_target(run, reached_s, why, waited_s=float(clock[-1]))
    frames_done = np.cumsum([each.frames for each in history])
    for what, energies in (
        ("best of an episode, mean", best),
        ("best known", [reach] * len(history)),
    ):
        run.curve(
            "energy of the pose", frames_done, energies, x_name="frames of the training", x_unit="frame",
            unit="kcal/mol", labels={"pose": what},
        )  # fmt: skip
