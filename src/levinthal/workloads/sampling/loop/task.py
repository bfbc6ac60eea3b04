"""A chunk of simulation as a task that any worker can do, and the seeds of everything that is drawn."""

from __future__ import annotations

import os
import time
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from levinthal.errors import SimulationError
from levinthal.workloads.sampling.systems.dynamics import Dynamics


@dataclass(frozen=True, eq=False)
class ChunkTask:
    """A chunk to be made.

    Attributes
    ----------
    dynamics : Dynamics
        The system.
    walker, position, attempt : int
        Which chunk; with the campaign's seed they decide its noise.
    state : ndarray of float64, shape (state_width,), or None
        Where it begins; None is the walker's own start.
    n_steps, frame_interval, first_step, seed : int
        As for `Dynamics.advance`; the seed is the campaign's.
    """

    dynamics: Dynamics
    walker: int
    position: int
    attempt: int
    state: npt.NDArray[np.float64] | None
    n_steps: int
    frame_interval: int
    first_step: int
    seed: int


@dataclass(frozen=True, eq=False)
class ChunkResult:
    """What a worker brought back; times are seconds since 1970 by the worker's clock."""

    frames: npt.NDArray[np.float32]
    states: npt.NDArray[np.float64]
    worker: str
    cpu_s: float
    received: float
    started: float
    simulated: float
    ended: float


def _draw(seed: int, *key: int) -> int:
    return int(np.random.SeedSequence(seed, spawn_key=key).generate_state(1)[0])


def chunk_seed(seed: int, walker: int, position: int, attempt: int = 0) -> int:
    """Return the seed of a chunk: it depends on nothing but these, whoever computes it and when.

    The first attempts have the seeds of `simulate_ensemble`: a campaign without restarts makes the same trajectories.

    Parameters
    ----------
    seed : int
        Of the campaign.
    walker, position : int
        The chunk; position -1 is the walker's start.
    attempt : int
        How often it had failed.
    """
    return _draw(seed, walker, position + 2, *((attempt,) if attempt else ()))


def decision_rng(seed: int, walker: int, position: int) -> np.random.Generator:
    """Return the random numbers for the decision about a chunk."""
    return np.random.default_rng(np.random.SeedSequence(seed, spawn_key=(walker, position, 0, 1)))


def start_seed(seed: int, walker: int, position: int, attempt: int = 0) -> int:
    """Return the seed of a walker's start, another one each time that it begins again."""
    return chunk_seed(seed, walker, -1, attempt) if position == 0 else _draw(seed, walker, position, attempt, 4)


def round_rng(seed: int, position: int) -> np.random.Generator:
    """Return the random numbers for what all walkers do next, before their chunks at a position."""
    return np.random.default_rng(np.random.SeedSequence(seed, spawn_key=(position, 0, 0, 5)))


def refresh_rng(seed: int, n_frames: int) -> np.random.Generator:
    """Return the random numbers for a policy's look at all frames."""
    return np.random.default_rng(np.random.SeedSequence(seed, spawn_key=(n_frames, 0, 0, 2)))


def model_seed(seed: int, version: int) -> int:
    """Return the seed of a model's training."""
    return _draw(seed, version, 0, 0, 3)


def run_chunk(task: ChunkTask) -> ChunkResult:
    """Make a chunk, in whatever process this is.

    Raises
    ------
    SimulationError
        The simulation broke.
    """
    received = time.time()
    state = task.state
    if state is None:
        state = task.dynamics.start(task.walker, start_seed(task.seed, task.walker, task.position, task.attempt))
    started, processor = time.time(), time.process_time()
    chunk = task.dynamics.advance(
        state,
        task.n_steps,
        chunk_seed(task.seed, task.walker, task.position, task.attempt),
        task.frame_interval,
        task.first_step,
    )
    simulated, cpu_s = time.time(), time.process_time() - processor
    if not (np.isfinite(chunk.frames).all() and np.isfinite(chunk.states).all()):
        raise SimulationError(
            f"simulation of {task.dynamics.name} broke: walker {task.walker}, chunk {task.position} holds NaN or "
            "infinite values; take a shorter time step"
        )
    return ChunkResult(
        frames=chunk.frames,
        states=chunk.states,
        worker=f"{os.uname().nodename}:{os.getpid()}",
        cpu_s=cpu_s,
        received=received,
        started=started,
        simulated=simulated,
        ended=time.time(),
    )
