"""Pure functions of a campaign's outcome: what it had found within a budget of core-seconds or of steps."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Literal, TypeAlias

import numpy as np

from levinthal.arrays import Doubles, Integers
from levinthal.simulation.analysis.coverage import states_visited_curve
from levinthal.simulation.analysis.divergence import jensen_shannon_nats
from levinthal.simulation.analysis.first_passage import mean_recurrence
from levinthal.simulation.analysis.markov import markov_model_of_counts, transition_counts
from levinthal.workloads.sampling.study.guard import attempt
from levinthal.workloads.sampling.study.outcome import Outcome
from levinthal.workloads.sampling.study.weighing import BY_WEIGHTS, weighing_of, weighted_populations

Cost: TypeAlias = Literal["core-seconds", "steps", "all-atom core-seconds"]


def prices(outcome: Outcome, cost: Cost) -> Doubles:
    """Return what the campaign had spent when it had each frame, ascending.

    A bead's or a chain's step costs almost nothing, so that training, inferring and selecting look dearer than they are
    beside a molecule: all-atom core-seconds are all core-seconds but those of simulation, in whose place each step has
    the price of an all-atom step on this machine.
    """
    if cost == "steps":
        return np.asarray(outcome.steps, np.float64)
    if cost == "core-seconds":
        return outcome.core_s
    besides = np.maximum.accumulate(np.maximum(outcome.core_s - outcome.simulate_s, 0.0))
    return np.asarray(besides + outcome.all_atom_step_s * outcome.steps, np.float64)


def common_budget(outcomes: Sequence[Outcome], cost: Cost, asked: float = 0.0) -> float:
    """Return the budget at which campaigns are compared: what was asked for, else what the cheapest one spent.

    A campaign without a frame spent nothing that can be compared.
    """
    return asked or min((float(prices(outcome, cost)[-1]) for outcome in outcomes if outcome.n_frames), default=0.0)


def frames_within(outcome: Outcome, cost: Cost, budget: float) -> int:
    """Return how many frames a campaign had within a budget."""
    return int(np.searchsorted(prices(outcome, cost), budget, side="right"))


def coverage_at(outcome: Outcome, cost: Cost, budget: float) -> int:
    """Return how many cells were seen within a budget."""
    return len(np.unique(outcome.cell[: frames_within(outcome, cost, budget)]))


def coverage_curve(outcome: Outcome, cost: Cost, budgets: Doubles) -> Doubles:
    """Return how many cells had been seen at each of some budgets."""
    seen = np.concatenate([[0], states_visited_curve(outcome.cell)])
    return np.asarray(seen[np.searchsorted(prices(outcome, cost), budgets, side="right")], np.float64)


def budget_to_cover(outcome: Outcome, cost: Cost, n_cells: int) -> float:
    """Return what had been spent when so many cells were seen, infinite if they never were."""
    first = np.sort(np.unique(outcome.cell, return_index=True)[1])
    return float(prices(outcome, cost)[first[n_cells - 1]]) if 0 < n_cells <= len(first) else math.inf


def mass_at(outcome: Outcome, cost: Cost, budget: float, populations: Doubles) -> float:
    """Return the stationary mass of the cells that were seen within a budget."""
    return float(populations[np.unique(outcome.cell[: frames_within(outcome, cost, budget)])].sum())


def mass_curve(outcome: Outcome, cost: Cost, budgets: Doubles, populations: Doubles) -> Doubles:
    """Return the stationary mass of the cells that had been seen at each of some budgets."""
    first = np.unique(outcome.cell, return_index=True)[1]
    gained = np.zeros(outcome.n_frames + 1)
    gained[first + 1] = populations[outcome.cell[first]]
    return np.asarray(np.cumsum(gained)[np.searchsorted(prices(outcome, cost), budgets, side="right")], np.float64)


def budget_to_see(outcome: Outcome, cost: Cost, cells: Integers) -> float:
    """Return what had been spent when all of some cells had been seen, infinite if they never were."""
    seen, first = np.unique(outcome.cell, return_index=True)
    if not np.isin(cells, seen).all():
        return math.inf
    return float(prices(outcome, cost)[first[np.isin(seen, cells)].max(initial=0)])


def nearest_nm(outcome: Outcome, cost: Cost, budget: float, axis: int, quantile: float = 0.0) -> float:
    """Return the lowest RMSD to the native structure within a budget, or a quantile of its frames'."""
    values = outcome.values[: frames_within(outcome, cost, budget), axis]
    return float(np.quantile(values, quantile)) if len(values) else math.nan


def recurrence_steps(outcome: Outcome) -> float:
    """Return the mean number of steps from one frame that meets the event to the next, infinite if none came back."""
    marks = [outcome.arrived[frames] for frames in unbroken_runs(outcome)]
    return mean_recurrence(marks, outcome.frame_interval).value


def recurrence_error(outcome: Outcome, event_population: float) -> float:
    """Return by how much the recurrence is off Kac's lag / pi(A): the absolute logarithm of their quotient."""
    steps = recurrence_steps(outcome)
    return abs(math.log(steps * event_population / outcome.frame_interval)) if math.isfinite(steps) else math.inf


def first_arrival(outcome: Outcome, cost: Cost) -> float:
    """Return what had been spent when the event was first met, infinite if it never was."""
    return float(prices(outcome, cost)[outcome.arrived.argmax()]) if outcome.arrived.any() else math.inf


def unbroken_runs(outcome: Outcome, n_frames: int | None = None) -> list[Integers]:
    """Return the frames of each segment, in order of time, led by the frame that it went on from.

    A restart goes on from a full state, so the step from there is one of the dynamics.
    """
    segment = outcome.segment[:n_frames]
    order = np.argsort(segment, kind="stable")
    bounds = np.flatnonzero(np.diff(segment[order])) + 1
    runs = []
    for frames in np.split(order, bounds):
        if len(frames):
            parent = int(outcome.parents[segment[frames[0]]])
            runs.append(np.concatenate([[parent], frames]) if parent >= 0 else frames)
    return [np.asarray(run, np.int64) for run in runs]


def reweighted_populations(outcome: Outcome, n_cells: int, lag: int, n_frames: int | None = None) -> Doubles:
    """Return what a campaign's first frames say of the populations whatever its policy did, shape (n_cells,).

    From the weights where its policy keeps them and does not recycle; else the stationary vector of a Markov state
    model.

    Raises
    ------
    DataError
        No segment is longer than the lag, or no round was ended.
    """
    if weighing_of(outcome) == BY_WEIGHTS:
        return weighted_populations(outcome, n_cells, n_frames)
    runs = [outcome.cell[run] for run in unbroken_runs(outcome, n_frames)]
    return markov_model_of_counts(transition_counts(runs, n_cells, lag), lag * outcome.frame_interval).stationary


def divergences(outcome: Outcome, reference: Doubles, lag: int, cost: Cost, budget: float) -> tuple[float, float]:
    """Return the Jensen-Shannon divergence to the reference: of frames as they come, and reweighted.

    NaN where there are too few frames.
    """
    n_frames = frames_within(outcome, cost, budget)
    counts = np.bincount(outcome.cell[:n_frames], minlength=len(reference))
    if not n_frames:
        return math.nan, math.nan
    plain, _ = attempt(lambda: jensen_shannon_nats(counts, reference))
    reweighted, _ = attempt(
        lambda: jensen_shannon_nats(reweighted_populations(outcome, len(reference), lag, n_frames), reference)
    )
    return math.nan if plain is None else plain, math.nan if reweighted is None else reweighted
