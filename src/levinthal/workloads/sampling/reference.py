"""The populations that sampling is held against: exact where they are known, else from long plain simulation."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Executor, as_completed
from pathlib import Path
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from levinthal.simulation.analysis.markov import markov_model_of_counts, transition_counts
from levinthal.workloads.sampling.systems import StudySystem
from levinthal.workloads.sampling.task import chunk_seed
from levinthal.workloads.sampling.walkers import Walker
from levinthal.workloads.sampling.yardstick import Yardstick

__all__ = ["WALKS", "reference_populations"]

Doubles: TypeAlias = npt.NDArray[np.float64]
Cells: TypeAlias = npt.NDArray[np.int32]

WALKS = 8
_FRAMES_AT_ONCE = 500


def walk_cells(
    walker: Walker, yardstick: Yardstick, number: int, n_steps: int, frame_interval: int, seed: int
) -> Cells:
    """Return the cells of one plain simulation from a start of the walker, in whatever process this is."""
    state, parts, step, part = walker.start(number, chunk_seed(seed, number, -1)), [], 0, 0
    while step < n_steps:
        size = min(_FRAMES_AT_ONCE * frame_interval, n_steps - step)
        chunk = walker.advance(state, size, chunk_seed(seed, number, part), frame_interval, step)
        parts.append(yardstick.observe(chunk.frames, chunk.states).cell)
        state, step, part = chunk.end_state, step + size, part + 1
    return np.concatenate(parts)


def reference_populations(
    system: StudySystem,
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
    system : StudySystem
        With `reference_walker`, whose starts are taken in turn.
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
        return np.asarray(np.load(file, allow_pickle=False), np.float64)
    walker = system.reference_walker or system.walker
    steps = max(n_steps // (WALKS * frame_interval), 1) * frame_interval
    futures = {
        executor.submit(walk_cells, walker, system.yardstick, number, steps, frame_interval, seed): number
        for number in range(WALKS)
    }
    walks: dict[int, Cells] = {}
    for future in as_completed(futures):
        walks[futures[future]] = future.result()
        on_walk()
    counts = transition_counts([walks[k] for k in range(WALKS)], system.yardstick.n_cells, lag)
    populations = markov_model_of_counts(counts, lag * frame_interval).stationary
    draft = file.with_suffix(".draft")
    with draft.open("wb") as opened:
        np.save(opened, populations)
    draft.replace(file)
    return populations
