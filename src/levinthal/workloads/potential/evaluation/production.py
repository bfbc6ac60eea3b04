"""Runs of the student as its user would make them: how long they hold, where they go, how fast they are."""

from __future__ import annotations

import time
from concurrent.futures import Executor
from dataclasses import dataclass

import numpy as np

from levinthal.arrays import Doubles
from levinthal.simulation.analysis.survival import Durations, durations
from levinthal.workloads.potential.dynamics.langevin import Motion, parts, simulate, start_state
from levinthal.workloads.potential.learning.exploration import Committee
from levinthal.workloads.potential.teachers.contract import make_teacher

_COLD_STEPS = 2000


@dataclass(frozen=True, eq=False)
class ReplicaTask:
    """A run of one member of a committee, as any worker can make it."""

    committee: Committee
    member: int
    motion: Motion
    start: int
    n_steps: int
    interval: int
    seed: int


@dataclass(frozen=True, eq=False)
class Replica:
    """What came of it.

    Attributes
    ----------
    positions_nm : ndarray, shape (n_frames, n_atoms, 3)
    energies : ndarray, shape (n_frames,)
        Of the student, kJ/mol less a constant.
    n_steps : int
        Made before a bond was outside its limits.
    whole : bool
        Whether none was.
    duration_s : float
    """

    positions_nm: Doubles
    energies: Doubles
    n_steps: int
    whole: bool
    duration_s: float


def run_replica(task: ReplicaTask) -> Replica:
    """Run the student from one of the molecule's structures; the steps that warm it up are not part of it."""
    committee, motion = task.committee, task.motion
    molecule, potential = committee.molecule, committee.potentials()[task.member]
    positions = molecule.conformers_nm[task.start % len(molecule.conformers_nm)]
    state = start_state(molecule, positions, motion.temperature_k, task.seed)
    begun = simulate(potential, molecule, motion, state, min(_COLD_STEPS, task.n_steps), task.seed, 1)
    began = time.perf_counter()
    course = simulate(potential, molecule, motion, begun.end, task.n_steps, task.seed + 1, task.interval)
    return Replica(
        course.frames[:, 0],
        course.energies[:, 0],
        course.n_steps if begun.whole else begun.n_steps,
        begun.whole and course.whole,
        time.perf_counter() - began,
    )


def run_replicas(executor: Executor, task: ReplicaTask, n: int) -> list[Replica]:
    """Run several, each from another structure and with a seed of its own."""
    seeds = np.random.SeedSequence(task.seed).generate_state(n, np.uint32)
    tasks = [
        ReplicaTask(task.committee, task.member, task.motion, k, task.n_steps, task.interval, int(seed))
        for k, seed in enumerate(seeds)
    ]
    return list(executor.map(run_replica, tasks))


def failure_times(replicas: list[Replica], timestep_fs: float) -> Durations:
    """Return the ps until each run failed; those that did not are censored."""
    return durations(
        np.array([1e-3 * timestep_fs * each.n_steps for each in replicas]),
        np.array([not each.whole for each in replicas]),
    )


@dataclass(frozen=True, eq=False)
class TeacherTask:
    """Steps of the teacher, to be timed."""

    teacher: str
    committee: Committee
    motion: Motion
    n_steps: int
    seed: int


def time_teacher(task: TeacherTask) -> float:
    """Return the seconds of a step of the teacher, in whatever process this is; the first steps are not counted."""
    molecule, teacher = task.committee.molecule, make_teacher(task.teacher, task.committee.molecule)
    state = start_state(molecule, molecule.conformers_nm[0], task.motion.temperature_k, task.seed)
    state = simulate(teacher, molecule, task.motion, state, max(1, task.n_steps // 10), task.seed, 1).end
    began, steps = time.perf_counter(), 0
    for part in parts(task.n_steps, 10):
        size = part.stop - part.start
        state = simulate(teacher, molecule, task.motion, state, size, task.seed, size).end
        steps += size
    return (time.perf_counter() - began) / steps
