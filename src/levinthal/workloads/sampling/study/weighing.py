"""What campaigns with weights say: populations, and the rate of the event."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from levinthal.arrays import Doubles
from levinthal.errors import DataError
from levinthal.simulation.analysis.exact_chain import mean_first_passage_steps
from levinthal.simulation.analysis.intervals import Estimate
from levinthal.simulation.analysis.weighted_ensemble import hill_rate
from levinthal.workloads.sampling.study.outcome import Outcome
from levinthal.workloads.sampling.systems.dynamics import ChainDynamics
from levinthal.workloads.sampling.systems.observables import MicrostateObservables
from levinthal.workloads.sampling.systems.system import System

SETTLED = 0.5
"""Rounds are told from here on, as a share of all: before, walkers remember where they began."""
BY_WEIGHTS, BY_MODEL = "of walkers", "Markov state model"
_EQUAL = 1e-9
_DENSE_UP_TO_STATES = 1500


def weighing_of(outcome: Outcome) -> str:
    """Return by what the frames of a campaign are weighed to tell populations."""
    return BY_WEIGHTS if outcome.round_frames and not outcome.recycled else BY_MODEL


def settled_frames(outcome: Outcome, n_frames: int | None = None) -> slice:
    """Return the frames, of the first so many, of the whole rounds in the second half of all.

    Raises
    ------
    DataError
        There is none, or the policy keeps no weights.
    """
    if not outcome.round_frames:
        raise DataError(f"policy {outcome.policy} keeps no weights")
    n_rounds = (outcome.n_frames if n_frames is None else n_frames) // outcome.round_frames
    if not n_rounds:
        raise DataError("no round of all walkers was ended: raise steps, or lower chunk_steps")
    return slice(int(SETTLED * n_rounds) * outcome.round_frames, n_rounds * outcome.round_frames)


def weighted_populations(outcome: Outcome, n_cells: int, n_frames: int | None = None) -> Doubles:
    """Return the share of the weight in each cell, shape (n_cells,); errors as for `settled_frames`."""
    those = settled_frames(outcome, n_frames)
    found = np.bincount(outcome.cell[those], weights=outcome.weight[those], minlength=n_cells)
    return np.asarray(found / found.sum(), np.float64)


def arrivals(outcome: Outcome, n_frames: int | None = None) -> tuple[float, float]:
    """Return the weight that met the event, and weight times steps until then; errors as for `settled_frames`.

    A walker that met it in the middle of a chunk waits no longer: what it does until the chunk ends counts for nothing.
    """
    those, m = settled_frames(outcome, n_frames), outcome.chunk_frames
    arrived, weight = outcome.arrived[those].reshape(-1, m), outcome.weight[those].reshape(-1, m)[:, 0]
    met = arrived.any(axis=1)
    waited = np.where(met, arrived.argmax(axis=1) + 1, m)
    return float(weight[met].sum()), float(outcome.frame_interval * (weight * waited).sum())


def exact_rate(system: System, frame_interval: int) -> float:
    """Return the rate of the event, per step, as an exact chain that is watched at its frames has it; NaN of others."""
    dynamics, observables = system.dynamics, system.observables
    if not isinstance(dynamics, ChainDynamics) or not isinstance(observables, MicrostateObservables):
        return math.nan
    if not observables.target.any() or observables.n_cells > _DENSE_UP_TO_STATES:
        return math.nan
    watched = np.linalg.matrix_power(dynamics.chain.transition_matrix.toarray(), frame_interval)
    passage = mean_first_passage_steps(watched, np.flatnonzero(observables.target))
    return 1.0 / (frame_interval * float(passage[list(dynamics.starts)].mean()))


def rate_of(outcomes: Sequence[Outcome], n_frames: Sequence[int], seed: int = 0) -> Estimate:
    """Return the rate of the event, per step, from campaigns of a policy that recycles.

    Parameters
    ----------
    outcomes : sequence of Outcome
        The campaigns.
    n_frames : sequence of int
        How many of the frames of each are within the budget.
    seed : int
        Of the bootstrap.

    Raises
    ------
    DataError
        A policy that does not recycle; or as for `settled_frames`.
    """
    if not all(each.recycled for each in outcomes):
        raise DataError("a rate needs walkers that go back to their start: policies weighted-rate and plain-rate")
    found = np.array([arrivals(*each) for each in zip(outcomes, n_frames, strict=True)])
    alike = all(float(np.ptp(each.weight)) < _EQUAL for each in outcomes)
    walkers = outcomes[0].round_frames // outcomes[0].chunk_frames
    return hill_rate(found[:, 0], found[:, 1], walkers=walkers if alike else None, seed=seed)
