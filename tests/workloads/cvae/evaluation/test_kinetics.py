"""Timescales, VAMP-2 and macrostates against a process whose answer is known, and against spaces that lost it."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest

from levinthal.workloads.cvae.evaluation.kinetics import held_out_timescale, lags_of, reference_of, vamp2_held_out
from levinthal.workloads.cvae.evaluation.scores import state_agreement

CHANCE = 0.01
TIMESCALE = -1.0 / np.log(1.0 - 2.0 * CHANCE)
"""Of a state that changes with a probability of 0.01 a frame, either way: 49.5 frames."""


def switching(n_runs: int, n_frames: int, seed: int) -> list[np.ndarray]:
    rng = np.random.default_rng(seed)
    changes = rng.random((n_runs, n_frames)) < CHANCE
    return list((np.cumsum(changes, axis=1) + rng.integers(0, 2, (n_runs, 1))) % 2)


def embedded(states: list[np.ndarray], noise: float, seed: int) -> list[np.ndarray]:
    rng = np.random.default_rng(seed)
    return [np.column_stack([s + noise * rng.normal(size=len(s)), rng.normal(size=len(s))]) for s in states]


def test_a_space_that_has_the_state_shows_its_timescale_at_every_lag():
    fitted, scored = switching(6, 4000, seed=0), switching(6, 4000, seed=1)
    for lag in (5, 20, 50):
        clean = held_out_timescale(embedded(fitted, 0.0, 2), embedded(scored, 0.0, 3), lag)
        assert clean == pytest.approx(TIMESCALE, rel=0.25)
    noisy = [held_out_timescale(embedded(fitted, 1.0, 2), embedded(scored, 1.0, 3), lag) for lag in (2, 50)]
    assert noisy[0] < 0.5 * TIMESCALE  # at most the true one, and nearer to it at longer lags
    assert noisy[0] < noisy[1]


def test_a_space_that_lost_the_order_of_frames_has_no_slow_process():
    fitted, scored = embedded(switching(6, 4000, seed=0), 0.0, 2), embedded(switching(6, 4000, seed=1), 0.0, 3)
    rng = np.random.default_rng(4)
    shuffled = [rng.permutation(run) for run in scored]
    broken = held_out_timescale(fitted, shuffled, 20)
    assert broken is None or broken < 0.25 * TIMESCALE
    assert vamp2_held_out(fitted, scored, 20) > 1.3  # 1 + (1 - 2 p)^(2 lag) = 1.45
    assert vamp2_held_out(fitted, shuffled, 20) < 1.05
    assert held_out_timescale(fitted, [run[:10] for run in scored], 20) is None


def test_lags_are_those_a_trajectory_can_tell():
    assert lags_of(20, 1000) == [1, 2, 5, 10, 20, 40, 80, 160]
    assert lags_of(20, 90) == [1, 2, 5, 10, 20]


def trajectories(states: list[np.ndarray]) -> list[np.ndarray]:
    return [np.arange(first, last) for first, last in pairwise(np.cumsum([0, *map(len, states)]))]


def test_macrostates_are_the_states_of_the_molecule_the_most_native_first():
    states = switching(8, 2000, seed=5)
    folded = np.concatenate(states)
    rng = np.random.default_rng(6)
    share = np.clip(np.where(folded, 0.85, 0.3) + rng.normal(scale=0.06, size=len(folded)), 0, 1)
    reference = reference_of(share, 1.0 - share, trajectories(states), 2)
    assert reference.states is not None, reference.why
    assert state_agreement(reference.states, folded) > 0.95
    assert share[reference.states == 0].mean() > 0.8
    assert reference.timescale_frames(20) == pytest.approx(TIMESCALE, rel=0.25)
    shuffled = rng.permutation(reference.states)
    assert state_agreement(shuffled, folded) < 0.01


def test_a_reference_that_never_crossed_is_refused_with_the_reason():
    rng = np.random.default_rng(7)
    stuck = [np.full(500, k % 2) for k in range(6)]
    share = np.clip(np.where(np.concatenate(stuck), 0.85, 0.3) + rng.normal(scale=0.06, size=3000), 0, 1)
    reference = reference_of(share, 1.0 - share, trajectories(stuck), 2)
    assert reference.states is None
    assert reference.timescale_frames(5) is None
    assert "Markov model of the reference" in reference.why
