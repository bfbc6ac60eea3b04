"""The loop: labels, a committee, dynamics on it, labels where its members disagree, and again.

Each stage is kept when it is done, in `run.kept`: after a kill it is read. What is random depends on seeds alone and a
training is the same to the last bit on a CPU, so a run that was killed and resumed ends with the same labels and the
same student. Dynamics runs on the engine and with the record of the sampling workload; each chunk's frames are sent to
the teacher while the other walkers go on.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from levinthal.arrays import Doubles, Integers
from levinthal.harness import Run
from levinthal.workloads.potential.dynamics.langevin import Motion
from levinthal.workloads.potential.learning.exploration import Committee, CommitteeDynamics, compile_loops
from levinthal.workloads.potential.learning.labels import (
    TrajectoryTask,
    label,
    read_labels,
    teacher_trajectory,
    write_labels,
)
from levinthal.workloads.potential.learning.training import TrainingTask, train
from levinthal.workloads.potential.molecule import Molecule
from levinthal.workloads.potential.settings import PotentialSettings
from levinthal.workloads.potential.students.contract import Labels
from levinthal.workloads.sampling.loop.campaign import run_campaign
from levinthal.workloads.sampling.loop.plan import CampaignPlan
from levinthal.workloads.sampling.policies.built_in.plain import PlainPolicy
from levinthal.workloads.sampling.record.reader import DATABASE, CampaignRecord
from levinthal.workloads.sampling.record.rows import ChunkRow
from levinthal.workloads.training.tensor_file import below, read_tensors, write_tensors

_COMMITTEE = "levinthal.potential.committee/1"


@dataclass(eq=False)
class Learned:
    """What came of the loop.

    Attributes
    ----------
    committee : Committee
        After the last training.
    held_out : Labels
        Whole trajectories of the teacher that nothing was trained on.
    counts : list of int
        Labels that each training had.
    committees : list of Committee
        After each training.
    losses : list of ndarray
        Of the first member's steps, a training each.
    labels : Labels
        All that was trained on.
    training_core_s, training_s, label_core_s : float
        Spent in this session: what was read from an earlier one counts nothing.
    trained_frames, n_labelled : int
        Likewise.
    """

    labels: Labels
    held_out: Labels
    committee: Committee
    counts: list[int] = field(default_factory=list)
    committees: list[Committee] = field(default_factory=list)
    losses: list[Doubles] = field(default_factory=list)
    training_core_s: float = 0.0
    training_s: float = 0.0
    trained_frames: int = 0


def _kept(path: Path, make: Callable[[], Labels]) -> Labels:
    """Return labels that are kept, or make and keep them."""
    if path.exists():
        return read_labels(path)
    labels = make()
    write_labels(path, labels)
    return labels


def first_labels(run: Run, settings: PotentialSettings, molecule: Molecule) -> tuple[Labels, Labels]:
    """Return labels of teacher dynamics to begin with, and those that are held out."""

    def simulated(what: str, temperature_k: float, starts: range, steps: int, interval: int) -> Labels:
        seeds = np.random.SeedSequence(run.seed_for(what)).generate_state(len(starts), np.uint32)
        motion = Motion(settings.timestep_fs, temperature_k, settings.label_friction_per_ps)
        tasks = [
            TrajectoryTask(settings.teacher, molecule, motion, k, steps, interval, int(seed))
            for k, seed in zip(starts, seeds, strict=True)
        ]
        found = [run.executor.submit(teacher_trajectory, task) for task in tasks]
        compile_loops(settings.model, molecule)  # once, while the teacher works, and not in every worker
        return Labels.joined(*(each.result() for each in found))

    n, each = settings.trajectories, settings.label_interval
    first = _kept(
        run.kept / "labels-0.safetensors",
        lambda: simulated("first labels", settings.label_temperature_k, range(n), settings.trajectory_steps, each),
    )
    # from other structures than those that are trained on
    others = range(n, n + settings.held_out)
    held_out = _kept(
        run.kept / "held-out.safetensors",
        lambda: simulated("held out", settings.temperature_k, others, settings.held_out_steps, each),
    )
    return first, held_out


def learn(run: Run, settings: PotentialSettings, molecule: Molecule, labels: Labels, held_out: Labels) -> Learned:
    """Train a committee, and label and train again in each round."""
    learned = Learned(labels, held_out, Committee(settings.model, molecule, labels, ()))
    made_from = labels
    for number in range(settings.rounds + 1):
        if number:
            with run.phase("explore", doing=f"round {number}: dynamics on the committee, labels") as phase:
                found = _kept(
                    run.kept / f"labels-{number}.safetensors", partial(_explore, run, settings, learned, number)
                )
                phase.items = len(found)
            learned.labels = Labels.joined(learned.labels, found)
        with run.phase("train", doing=f"a committee on {len(learned.labels)} labels") as phase:
            learned.committee = _train(run, settings, learned, made_from, number)
            phase.items = settings.steps_of(number) * settings.batch_size * settings.committee
        learned.counts.append(len(learned.labels))
        learned.committees.append(learned.committee)
    return learned


def _train(run: Run, settings: PotentialSettings, learned: Learned, made_from: Labels, number: int) -> Committee:
    before, path = learned.committee, run.kept / f"committee-{number}.safetensors"
    if path.exists():
        tensors, _ = read_tensors(path, _COMMITTEE)
        members = tuple(below(f"{k}/", tensors) for k in range(settings.committee))
        return Committee(settings.model, before.molecule, made_from, members)
    tasks = [
        TrainingTask(
            settings.model, before.molecule, made_from, learned.labels, before.members[k] if before.members else None,
            settings.steps_of(number), settings.batch_size, settings.learning_rate,
            run.seed_for(f"training {number} of member {k}", bits=31), run.device,
        )
        for k in range(settings.committee)
    ]  # fmt: skip
    began = time.perf_counter()
    trained = list(run.executor.map(train, tasks))
    learned.training_s += time.perf_counter() - began
    learned.training_core_s += sum(each.core_s for each in trained)
    learned.trained_frames += sum(len(each.losses) for each in trained) * settings.batch_size
    learned.losses.append(trained[0].losses)
    tensors = {f"{k}/{name}": value for k, each in enumerate(trained) for name, value in each.weights.items()}
    write_tensors(path, tensors, _COMMITTEE, {"labels": len(learned.labels)})
    return Committee(settings.model, before.molecule, made_from, tuple(each.weights for each in trained))


def chosen_frames(disagreement: Doubles, states: Doubles, count: int, rng: np.random.Generator | None) -> Integers:
    """Return which frames of a chunk are labelled: those of most disagreement, or any where there is a generator.

    A frame that repeats the one before, of a molecule that fell apart, is never chosen.
    """
    new = np.ones(len(states), bool)
    new[1:] = (states[1:] != states[:-1]).any(axis=1)
    able = np.flatnonzero(new)
    if rng is not None:
        return np.sort(rng.choice(able, min(count, len(able)), replace=False)).astype(np.int64)
    order = np.argsort(-disagreement[able], kind="stable")
    return np.sort(able[order[:count]]).astype(np.int64)


def _explore(run: Run, settings: PotentialSettings, learned: Learned, number: int) -> Labels:
    """Run a round of dynamics and return the labels of what was chosen of each walker."""
    motion = Motion(settings.timestep_fs, settings.explore_temperature_k, settings.label_friction_per_ps)
    dynamics = CommitteeDynamics(learned.committee, motion)
    folder = run.kept / f"round-{number}"
    plan = CampaignPlan(
        n_walkers=settings.walkers,
        chunk_steps=settings.explore_steps,
        frame_interval=settings.explore_interval,
        seed=run.seed_for(f"round {number}", bits=31),
        n_workers=run.n_workers,
        max_steps=settings.walkers * settings.explore_steps,
    )
    pending: dict[int, Future[Any]] = {}

    def send(chunk: ChunkRow) -> None:
        record = CampaignRecord(folder)
        part = slice(chunk.first_frame, chunk.first_frame + chunk.n_frames)
        states = np.array(record.states[part])
        blind = run.rng(f"blind {number} {chunk.walker}") if settings.selection == "blind" else None
        count = -(-settings.round_labels // settings.walkers)
        chosen = chosen_frames(np.array(record.frames[part, 0], np.float64), states, count, blind)
        positions = states[chosen].reshape(len(chosen), 2, -1, 3)[:, 0]
        pending[chunk.walker] = run.executor.submit(label, settings.teacher, dynamics.committee.molecule, positions)

    run_campaign(
        dynamics, PlainPolicy(), None, folder, plan, make_executor=run.new_executor,
        resume=(folder / DATABASE).exists(), on_chunk=send,
    )  # fmt: skip
    for chunk in CampaignRecord(folder).chunks:  # those of a session that was killed
        if chunk.walker not in pending:
            send(chunk)
    return Labels.joined(*(pending[walker].result() for walker in sorted(pending)))


def errors_along(learned: Learned, score: Callable[[Committee], float]) -> tuple[Sequence[int], list[float]]:
    """Return numbers of labels and a score of the committee that learned them."""
    return learned.counts, [score(each) for each in learned.committees]
