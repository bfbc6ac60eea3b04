"""What sampling is held against: populations that are exact where they are known, else from long plain simulation.

A reference that does not hold is refused before any campaign is begun: nothing could be said against it.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from concurrent.futures import Executor, as_completed
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from levinthal.arrays import Doubles
from levinthal.datasets.registry import data_folder
from levinthal.errors import DataError, UsageError
from levinthal.simulation.analysis.coarse_model import (
    CHAPMAN_KOLMOGOROV_WITHIN,
    LEVEL_WITHIN,
    CoarseModel,
    coarse_model,
)
from levinthal.simulation.analysis.divergence import jensen_shannon_nats
from levinthal.workloads.sampling.study.walks import Walk, WalkTask, content_key, kept_folder, make_walk
from levinthal.workloads.sampling.systems.system import System

WALKS = 8
MOST_OUTSIDE = 0.01
LEAST_ROUND_TRIPS = 50


@dataclass(frozen=True)
class ExchangeModel:
    """On how much a reference by replica exchange rests.

    Attributes
    ----------
    factors : tuple of float
        Temperatures as multiples of the system's own, ascending from 1.
    least_accepted : float
        Share of the exchanges that were accepted, between the neighbours that swap least.
    n_round_trips : int
        From the lowest temperature to the highest and back, all replicas together.
    """

    factors: tuple[float, ...]
    least_accepted: float
    n_round_trips: int


@dataclass(frozen=True, eq=False)
class Reference:
    """What sampling is held against.

    Attributes
    ----------
    populations : ndarray of float64, shape (n_cells,)
        Of the cells.
    event_population : float
        Of the frames that meet the event; NaN where it is not known.
    model : CoarseModel or None
        What those of plain simulation come from; None where they are exact or from replica exchange.
    halves_nats : float
        Jensen-Shannon divergence between the references of both halves of the walks: about four times what the whole
        is off the truth. 0 where it is exact.
    exchange : ExchangeModel or None
        What those of replica exchange rest on.
    """

    populations: Doubles
    event_population: float = math.nan
    model: CoarseModel | None = None
    halves_nats: float = 0.0
    exchange: ExchangeModel | None = None


def exact_reference(system: System) -> Reference | None:
    """Return the exact answer where the system has one."""
    if system.stationary is None:
        return None
    return Reference(np.asarray(system.stationary, np.float64), system.event_population)


def simulated_reference(
    system: System, n_steps: int, frame_interval: int, executor: Executor, on_walk: Callable[[], None]
) -> Reference:
    """Return the reference from plain simulations, half of which begin in the native structure where there is one.

    Parameters
    ----------
    system : System
        With `reference_dynamics`, whose starts are taken in turn.
    n_steps : int
        Of all simulations together.
    frame_interval : int
        Steps between frames.
    executor : Executor
        Where they run.
    on_walk : callable
        Called as each of eight is done.

    Raises
    ------
    UsageError
        The reference does not hold; the message says what to raise.
    """
    dynamics = system.reference_dynamics or system.dynamics
    key, named = content_key(dynamics, system.observables, frame_interval)
    folder = kept_folder(data_folder(), key) if named else None
    n_frames = max(n_steps // (WALKS * frame_interval), 1)
    futures = {}
    for number in range(WALKS):
        task = WalkTask(dynamics, system.observables, number, n_frames, frame_interval, folder, key)
        futures[executor.submit(make_walk, task)] = number
    found: dict[int, Walk] = {}
    for future in as_completed(futures):
        found[futures[future]] = future.result()
        on_walk()
    return reference_of([found[k] for k in range(WALKS)], system, frame_interval, folder)


def reference_of(
    walks: Sequence[Walk], system: System, frame_interval: int, folder: Path | None = None, fix: str = ""
) -> Reference:
    """Return the reference of walks; errors as for `simulated_reference`.

    Parameters
    ----------
    walks : sequence of Walk
        At least one.
    system : System
        With the event.
    frame_interval : int
        Steps between frames.
    folder : Path, optional
        Where the walks are kept, for the message.
    fix : str
        What to do where it does not hold, instead of more steps.
    """
    n_cells, declared = system.observables.n_cells, bool(system.observables.event)

    def model_of(part: Sequence[Walk]) -> CoarseModel:
        return coarse_model(
            [each.cell for each in part], n_cells, [each.arrived for each in part] if declared else None
        )

    n_steps = frame_interval * sum(map(len, walks))
    try:
        model = model_of(walks)
    except DataError as error:
        what = fix or "raise reference_steps"
        raise UsageError(f"the reference of {system.name} does not hold: {error}; fix: {what}") from None
    problem = why_not(model, system.observables.event, n_steps, fix)
    if problem:
        where = f" (what was simulated is kept in {folder} and gone on with)" if folder is not None else ""
        raise UsageError(f"the reference of {system.name} does not hold: {problem}{where}")
    if len(walks) == 1:
        cut = len(walks[0]) // 2
        (one,) = walks
        walks = [Walk(one.cell[part], one.arrived[part], one.state) for part in (slice(cut), slice(cut, None))]
    half = len(walks) // 2
    try:
        halves = [model_of(part).stationary for part in (walks[:half], walks[half:])]
        halves_nats = jensen_shannon_nats(halves[0], halves[1])
    except DataError:
        halves_nats = math.nan
    event = math.nan
    if declared:
        cell = np.concatenate([each.cell for each in walks])
        seen = np.bincount(cell, minlength=n_cells)
        met = np.bincount(cell, weights=np.concatenate([each.arrived for each in walks]), minlength=n_cells)
        event = float((model.stationary * np.divide(met, seen, out=np.zeros(n_cells), where=seen > 0)).sum())
    return Reference(model.stationary, event, model, halves_nats)


def why_not(model: CoarseModel, event: str, n_steps: int, fix: str = "") -> str:
    """Return why a reference does not hold and what to raise, or what else is to be done; nothing where it does."""
    wrong = []
    if model.share_of_transitions_outside > MOST_OUTSIDE:
        wrong.append(
            f"{100 * model.share_of_transitions_outside:.3g} % of the transitions lie outside the states that are "
            f"left and entered again (at most {100 * MOST_OUTSIDE:g} %)"
        )
    trips = model.n_round_trips
    if trips < LEAST_ROUND_TRIPS:
        ends = f"where {event} and the other end" if event else "both ends"
        wrong.append(f"{trips:g} round trips between {ends} of the slowest process (at least {LEAST_ROUND_TRIPS})")
    if not model.chosen.holds:
        wrong.append(
            f"no lag up to {model.tests[-1].lag_frames} frames passes both tests (the timescale grows by "
            f"{100 * model.chosen.growth:.2g} %, at most {100 * LEVEL_WITHIN:g} %; Chapman-Kolmogorov "
            f"{model.chosen.chapman_kolmogorov:.2g}, at most {CHAPMAN_KOLMOGOROV_WITHIN:g})"
        )
    if not wrong:
        return ""
    if fix:
        return f"{'; '.join(wrong)}; fix: {fix}, or leave it out"
    if trips >= 2:
        wanted = n_steps * max(1.5, 1.2 * LEAST_ROUND_TRIPS / trips)
        fix = f"raise reference_steps from {n_steps:,} to {wanted:,.0f}"
    else:
        fix = f"raise temperature until it goes back and forth within reference_steps ({n_steps:,}), or raise both"
    return f"{'; '.join(wrong)}; fix: {fix}, or set reference_steps=0 to do without"
