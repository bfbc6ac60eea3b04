"""Many replicas at once: each goes on by chunks through any executor, none waits for another."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Generator, Sequence
from concurrent.futures import FIRST_COMPLETED, BrokenExecutor, Executor, Future, wait
from contextlib import closing
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from levinthal.errors import SimulationError, UsageError
from levinthal.simulation.dynamics.frames import Frames
from levinthal.simulation.dynamics.replica import ReplicaState, advance, start_replica
from levinthal.simulation.systems.molecular_system import MolecularSystem


@dataclass(frozen=True, eq=False)
class Start:
    """Where a replica begins: a name and positions of shape (n_atoms, 3)."""

    name: str
    positions_nm: npt.NDArray[np.floating]


@dataclass(frozen=True)
class Equilibration:
    """Steps made before the first frame, at another temperature where one is given; they are not counted."""

    n_steps: int
    temperature_k: float | None = None


@dataclass(frozen=True, eq=False)
class Chunk:
    """What a worker brought back.

    Attributes
    ----------
    replica, index : int
        Which replica, and which of its chunks.
    start : str
        The replica's start structure.
    n_steps : int
        Steps of the chunk (without the equilibration before the first).
    frames : Frames
        Its frames.
    state : ReplicaState
        The replica after it.
    worker : int
        Process that made it.
    began_unix_s, duration_s : float
        When and how long it took there.
    """

    replica: int
    index: int
    start: str
    n_steps: int
    frames: Frames
    state: ReplicaState
    worker: int
    began_unix_s: float
    duration_s: float


@dataclass(frozen=True, eq=False)
class Trajectory:
    """All frames of a replica and its last state."""

    replica: int
    start: str
    frames: Frames
    state: ReplicaState


@dataclass(frozen=True, eq=False)
class _Task:
    """A chunk to be made; `state` is None before the first."""

    system: MolecularSystem
    replica: int
    index: int
    start: Start
    state: ReplicaState | None
    n_steps: int
    frame_interval: int
    seed: int
    platform: str
    threads: int
    equilibration: Equilibration


def chunk_seed(seed: int, replica: int, index: int) -> int:
    """Return the seed of a chunk: it depends on nothing but these three, whoever computes it and when.

    Parameters
    ----------
    seed : int
        Of the ensemble.
    replica, index : int
        The chunk; index -1 is the seed of the first velocities, -2 that of the equilibration.
    """
    return int(np.random.SeedSequence(seed, spawn_key=(replica, index + 2)).generate_state(1)[0])


def _run(task: _Task) -> Chunk:
    began, clock = time.time(), time.perf_counter()
    state = task.state
    if state is None:
        velocities = chunk_seed(task.seed, task.replica, -1)
        state = start_replica(
            task.system, task.start.positions_nm, velocities, platform=task.platform, threads=task.threads
        )
        if task.equilibration.n_steps:
            state, _ = advance(
                task.system,
                state,
                task.equilibration.n_steps,
                chunk_seed(task.seed, task.replica, -2),
                frame_interval=task.equilibration.n_steps,
                temperature_k=task.equilibration.temperature_k,
                platform=task.platform,
                threads=task.threads,
            )
            state = replace(state, step=0)
    state, frames = advance(
        task.system,
        state,
        task.n_steps,
        chunk_seed(task.seed, task.replica, task.index),
        frame_interval=task.frame_interval,
        platform=task.platform,
        threads=task.threads,
    )
    return Chunk(
        replica=task.replica,
        index=task.index,
        start=task.start.name,
        n_steps=task.n_steps,
        frames=frames,
        state=state,
        worker=os.getpid(),
        began_unix_s=began,
        duration_s=time.perf_counter() - clock,
    )


def simulate_ensemble(
    system: MolecularSystem,
    starts: Sequence[Start],
    *,
    n_steps: int,
    chunk_steps: int,
    frame_interval: int,
    seed: int,
    executor: Executor,
    on_chunk: Callable[[Chunk], None] | None = None,
    platform: str = "auto",
    threads: int = 1,
    equilibration: Equilibration | None = None,
) -> list[Trajectory]:
    """Simulate a replica from each start, as many at a time as the executor has workers.

    There is no barrier: when a chunk comes back its frames are handed on and the replica's next chunk is submitted.
    The trajectories depend on the arguments and the machine, not on the executor or the order in which chunks finish.

    Parameters
    ----------
    system : MolecularSystem
        The molecule.
    starts : sequence of Start
        One for each replica; the same start may be given many times.
    n_steps : int
        Steps of each replica.
    chunk_steps : int
        Steps between two reports; a chunk of some tenths of a second costs about one per cent.
    frame_interval : int
        Steps between frames.
    seed : int
        Of all randomness; not negative.
    executor : concurrent.futures.Executor
        Where the work is done: one process a core is best, each pinned to its core.
    on_chunk : callable, optional
        Called in this thread with each `Chunk`, in order within a replica.
    platform, threads
        As for `advance`.
    equilibration : Equilibration, optional
        Steps before the first frame.

    Returns
    -------
    list of Trajectory
        In the order of `starts`.

    Raises
    ------
    SimulationError
        A simulation broke, or a worker process died.
    UsageError
        Numbers of steps that make no sense.
    """
    if min(n_steps, chunk_steps, frame_interval) < 1 or not starts:
        raise UsageError(
            f"n_steps {n_steps}, chunk_steps {chunk_steps}, frame_interval {frame_interval}, {len(starts)} starts: "
            "all must be at least 1"
        )
    first = _Task(
        system=system, replica=0, index=0, start=starts[0], state=None, n_steps=min(chunk_steps, n_steps),
        frame_interval=frame_interval, seed=seed, platform=platform, threads=threads,
        equilibration=equilibration or Equilibration(0),
    )  # fmt: skip
    collected: list[list[Frames]] = [[] for _ in starts]
    states: dict[int, ReplicaState] = {}
    tasks = [replace(first, replica=replica, start=start) for replica, start in enumerate(starts)]
    with closing(_chunks(tasks, n_steps, executor)) as chunks:
        for chunk in chunks:
            collected[chunk.replica].append(chunk.frames)
            states[chunk.replica] = chunk.state
            if on_chunk is not None:
                on_chunk(chunk)
    return [
        Trajectory(replica, start.name, _joined(collected[replica]), states[replica])
        for replica, start in enumerate(starts)
    ]


def _chunks(first: Sequence[_Task], n_steps: int, executor: Executor) -> Generator[Chunk]:
    """Yield chunks as they come, in order within a replica, until each replica has made its steps."""
    running: dict[Future[Chunk], _Task] = {}

    def submit(task: _Task) -> None:
        try:
            running[executor.submit(_run, task)] = task
        except BrokenExecutor:
            raise _lost(task) from None

    try:
        for task in first:
            submit(task)
        while running:
            finished, _ = wait(running, return_when=FIRST_COMPLETED)
            for future in finished:
                task = running.pop(future)
                try:
                    chunk = future.result()
                except BrokenExecutor:
                    raise _lost(task) from None
                # The next chunk first, so that the worker does not wait for what is done with this one.
                if (left := n_steps - chunk.state.step) > 0:
                    following = min(first[0].n_steps, left)
                    submit(replace(task, index=task.index + 1, state=chunk.state, n_steps=following))
                yield chunk
    finally:
        for future in running:
            future.cancel()


def _lost(task: _Task) -> SimulationError:
    return SimulationError(
        f"a worker process died while replica {task.replica} of {task.system.name} was at chunk {task.index}: "
        "it was killed, perhaps for want of memory; run again, with fewer workers"
    )


def _joined(parts: Sequence[Frames]) -> Frames:
    return Frames(
        np.concatenate([part.coordinates_nm for part in parts]), np.concatenate([part.step for part in parts])
    )
