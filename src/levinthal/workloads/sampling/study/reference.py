"""The populations that sampling is held against: exact where they are known, else from long plain simulation."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Executor, as_completed
from pathlib import Path
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from levinthal.arrays import Doubles
from levinthal.errors import DataError
from levinthal.files.numbers import read_array
from levinthal.files.writing import whole_file
from levinthal.simulation.analysis.markov import markov_model_of_counts, transition_counts
from levinthal.workloads.sampling.loop.task import chunk_seed
from levinthal.workloads.sampling.systems.dynamics import Dynamics
from levinthal.workloads.sampling.systems.observables import Observables
from levinthal.workloads.sampling.systems.system import System

Cells: TypeAlias = npt.NDArray[np.int32]

WALKS = 8
_FRAMES_AT_ONCE = 500
_AGAIN = "delete it, and it is made again"


def walk_cells(
    dynamics: Dynamics, observables: Observables, number: int, n_steps: int, frame_interval: int, seed: int
) -> Cells:
    """Return the cells of one plain simulation from a start of the dynamics, in whatever process this is."""
    state, parts, step, part = dynamics.start(number, chunk_seed(seed, number, -1)), [], 0, 0
    while step < n_steps:
        size = min(_FRAMES_AT_ONCE * frame_interval, n_steps - step)
        chunk = dynamics.advance(state, size, chunk_seed(seed, number, part), frame_interval, step)
        parts.append(observables.observe(chunk.frames, chunk.states).cell)
        state, step, part = chunk.end_state, step + size, part + 1
    return np.concatenate(parts)


def reference_populations(
    system: System,
    *,
    n_steps: int,
    frame_interval: int,
    lag: int,
    seed: int,
    executor: Executor,
    file: Path,
    on_walk: Callable[[], None],
) -> Doubles:
    """Return populations of the cells from the Markov state model of plain simulations, shape (n_cells,).

    The model's stationary vector does not depend on where simulations began, if they went both ways: half of them
    begin in the native structure, half where campaigns do.

    Parameters
    ----------
    system : System
        With `reference_dynamics`, whose starts are taken in turn.
    n_steps : int
        Of all simulations together.
    frame_interval, lag : int
        Steps between frames, and frames of a transition.
    seed : int
        Of the simulations.
    executor : Executor
        Where they run.
    file : Path
        Where the populations are kept for a repeat that is resumed.
    on_walk : callable
        Called as each of eight is done.
    """
    if file.exists():
        kept = read_array(file, _AGAIN)
        if kept.dtype != np.float64 or kept.shape != (system.observables.n_cells,):
            raise DataError(f"{file} holds no populations of {system.observables.n_cells} cells: {_AGAIN}")
        return kept
    dynamics = system.reference_dynamics or system.dynamics
    steps = max(n_steps // (WALKS * frame_interval), 1) * frame_interval
    futures = {
        executor.submit(walk_cells, dynamics, system.observables, number, steps, frame_interval, seed): number
        for number in range(WALKS)
    }
    walks: dict[int, Cells] = {}
    for future in as_completed(futures):
        walks[futures[future]] = future.result()
        on_walk()
    counts = transition_counts([walks[k] for k in range(WALKS)], system.observables.n_cells, lag)
    populations = markov_model_of_counts(counts, lag * frame_interval).stationary
    with whole_file(file) as opened:
        np.save(opened, populations)
    return populations
