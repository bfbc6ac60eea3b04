"""Pure functions of a campaign's outcome: what it had found within a budget of core-seconds or of steps."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Literal, TypeAlias

import numpy as np

from levinthal.arrays import Doubles, Integers
from levinthal.errors import DataError
from levinthal.simulation.analysis.coverage import states_visited_curve
from levinthal.simulation.analysis.divergence import jensen_shannon_nats
from levinthal.simulation.analysis.markov import markov_model_of_counts, transition_counts
from levinthal.workloads.sampling.study.outcome import Outcome

Cost: TypeAlias = Literal["core-seconds", "steps"]


def prices(outcome: Outcome, cost: Cost) -> Doubles:
    """Return what the campaign had spent when it had each frame, ascending."""
    return np.asarray(outcome.core_s if cost == "core-seconds" else outcome.steps, np.float64)


def common_budget(outcomes: Sequence[Outcome], cost: Cost, asked: float = 0.0) -> float:
    """Return the budget at which campaigns are compared: what was asked for, else what the cheapest one spent.

    A campaign without a frame spent nothing that can be compared.
    """
    return asked or min((float(prices(outcome, cost)[-1]) for outcome in outcomes if outcome.n_frames), default=0.0)


def _frames_within(outcome: Outcome, cost: Cost, budget: float) -> int:
    return int(np.searchsorted(prices(outcome, cost), budget, side="right"))


def coverage_at(outcome: Outcome, cost: Cost, budget: float) -> int:
    """Return how many cells were seen within a budget."""
    return len(np.unique(outcome.cell[: _frames_within(outcome, cost, budget)]))


def coverage_curve(outcome: Outcome, cost: Cost, budgets: Doubles) -> Doubles:
    """Return how many cells had been seen at each of some budgets."""
    seen = np.concatenate([[0], states_visited_curve(outcome.cell)])
    return np.asarray(seen[np.searchsorted(prices(outcome, cost), budgets, side="right")], np.float64)


def budget_to_cover(outcome: Outcome, cost: Cost, n_cells: int) -> float:
    """Return what had been spent when so many cells were seen, infinite if they never were."""
    first = np.sort(np.unique(outcome.cell, return_index=True)[1])
    return float(prices(outcome, cost)[first[n_cells - 1]]) if 0 < n_cells <= len(first) else math.inf


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
    """Return the stationary vector of the Markov state model of a campaign's first frames, shape (n_cells,).

    Raises
    ------
    DataError
        No segment is longer than the lag.
    """
    runs = [outcome.cell[run] for run in unbroken_runs(outcome, n_frames)]
    return markov_model_of_counts(transition_counts(runs, n_cells, lag), lag * outcome.frame_interval).stationary


def divergences(outcome: Outcome, reference: Doubles, lag: int, cost: Cost, budget: float) -> tuple[float, float]:
    """Return the Jensen-Shannon divergence to the reference: of frames as they come, and reweighted.

    NaN where there are too few frames.
    """
    n_frames = _frames_within(outcome, cost, budget)
    counts = np.bincount(outcome.cell[:n_frames], minlength=len(reference))
    if not n_frames:
        return math.nan, math.nan
    try:
        reweighted = jensen_shannon_nats(reweighted_populations(outcome, len(reference), lag, n_frames), reference)
    except DataError:
        reweighted = math.nan
    return jensen_shannon_nats(counts, reference), reweighted
