"""Markov state models find populations and timescales of a chain, wherever the runs were started."""

from __future__ import annotations

import numpy as np
import pytest

from levinthal.errors import DataError
from levinthal.simulation.analysis.divergence import jensen_shannon_nats
from levinthal.simulation.analysis.exact_chain import relaxation_timescales_steps
from levinthal.simulation.analysis.markov import (
    connected_states,
    cross_validated_vamp2,
    estimate_markov_model,
    frame_weights,
    held_out_vamp2,
    markov_model_of_counts,
    transition_counts,
    vamp2,
)
from levinthal.simulation.exact.folding_landscape import folding_landscape

LANDSCAPE = folding_landscape(4.0)
CHAIN = LANDSCAPE.chain


def walks(n_steps: int, starts: list[int]) -> list[np.ndarray]:
    return [
        np.concatenate([[start], CHAIN.advance(CHAIN.start(start), n_steps, seed)[1].microstate])
        for seed, start in enumerate(starts)
    ]


@pytest.fixture(scope="module")
def from_the_trap() -> list[np.ndarray]:
    return walks(20_000, [int(LANDSCAPE.trap[3])] * 40)


def test_reweighting_mends_biased_starts(from_the_trap):
    short = [run[:800] for run in from_the_trap]
    counts = np.bincount(np.concatenate(short), minlength=500)
    model = estimate_markov_model(short, 500)
    before = jensen_shannon_nats(counts, LANDSCAPE.stationary)
    after = jensen_shannon_nats(model.stationary, LANDSCAPE.stationary)
    assert before > 0.05
    assert after < 0.5 * before
    weights = frame_weights(short, model.stationary)
    assert sum(w.sum() for w in weights) == pytest.approx(1.0)
    x = np.concatenate([LANDSCAPE.deviation_nm[run] for run in short])
    assert np.concatenate(weights) @ x == pytest.approx(model.stationary @ LANDSCAPE.deviation_nm)


def test_counts_add_up(from_the_trap):
    together = transition_counts(from_the_trap[:3], 500)
    apart = sum(
        (transition_counts([run], 500) for run in from_the_trap[1:3]), transition_counts(from_the_trap[:1], 500)
    )
    assert abs(together - apart).max() == 0
    assert together.sum() == 3 * 20_000
    a, b = markov_model_of_counts(together), estimate_markov_model(from_the_trap[:3], 500)
    np.testing.assert_array_equal(a.stationary, b.stationary)


def test_timescales_are_in_steps_whatever_the_lag_and_the_frames(from_the_trap):
    exact = relaxation_timescales_steps(CHAIN.transition_matrix, 2)
    np.testing.assert_allclose(estimate_markov_model(from_the_trap, 500).implied_timescales_steps(2), exact, rtol=0.15)
    thinned = [run[::10] for run in from_the_trap]
    model = estimate_markov_model(thinned, 500, lag_frames=2, frame_interval=10)
    assert model.lag_steps == 20
    np.testing.assert_allclose(model.implied_timescales_steps(1), exact[:1], rtol=0.2)


def test_detailed_balance_where_asked():
    runs = walks(3_000, [0, 0, 0])
    coarse = [run // 100 for run in runs]
    model = estimate_markov_model(coarse, 5, reversible=True)
    flux = model.stationary[model.states][:, None] * model.transition_matrix.toarray()
    np.testing.assert_allclose(flux, flux.T, atol=1e-6)
    free = estimate_markov_model(coarse, 5)
    assert not free.reversible
    np.testing.assert_allclose(free.stationary, model.stationary, atol=0.05)


def test_what_lies_outside_the_connected_set_is_told():
    model = estimate_markov_model([np.array([0, 1, 0, 1, 2, 3, 2, 3, 2])], 6)
    np.testing.assert_array_equal(model.states, [2, 3])
    assert model.stationary.sum() == pytest.approx(1.0)
    assert (model.stationary[[0, 1, 4, 5]] == 0).all()
    assert model.share_of_transitions_outside == pytest.approx(4 / 8)
    weights = frame_weights([np.array([0, 2])], model.stationary)[0]
    np.testing.assert_allclose(weights, [0, 1])
    with pytest.raises(DataError, match="gives weight"):
        frame_weights([np.array([0, 1])], model.stationary)


def test_the_connected_set_is_that_of_most_transitions_not_of_most_states():
    """A chain unfolds through twenty states back and forth once, then stays folded: the model is of where it stays."""
    unfolding = [*range(20), *range(18, -1, -1)]
    folded = [20, 21] * 200
    model = estimate_markov_model([np.array([*unfolding, *folded])], 22)
    np.testing.assert_array_equal(model.states, [20, 21])
    assert model.share_of_transitions_outside == pytest.approx(39 / 438)
    np.testing.assert_array_equal(connected_states(transition_counts([np.array([2, 1, 0])], 3)), [1])


def test_one_way_trajectory_leaves_a_single_state():
    model = estimate_markov_model([np.array([0, 1, 2])], 3)
    assert len(model.states) == 1
    assert model.stationary.sum() == 1.0


@pytest.mark.parametrize(
    ("runs", "lag"), [([np.array([0, 1])], 2), ([np.array([0, 9])], 1), ([np.array([0, -1])], 1), ([], 1)]
)
def test_mistakes_are_refused(runs, lag):
    with pytest.raises(DataError):
        transition_counts(runs, 5, lag)


def features(run: np.ndarray) -> np.ndarray:
    x, y = CHAIN.embedding[run].T
    return np.stack([x, y, x * y], axis=1)


def test_vamp2_is_that_of_the_exact_covariances(from_the_trap):
    pi, lag = LANDSCAPE.stationary, 50
    values = features(np.arange(500))
    values = values - pi @ values
    later = values
    for _ in range(lag):
        later = CHAIN.transition_matrix @ later
    c00, c0t = values.T @ (pi[:, None] * values), values.T @ (pi[:, None] * later)
    inverse = np.linalg.inv(np.linalg.cholesky(c00))
    expected = 1.0 + float(((inverse @ c0t @ inverse.T) ** 2).sum())
    runs = walks(100_000, [LANDSCAPE.unfolded_start] * 5)
    projected = [features(run[::10]) for run in runs]
    assert vamp2(projected, 5) == pytest.approx(expected, rel=0.03)
    # on the data it was fitted to, VAMP-E is VAMP-2
    assert held_out_vamp2(projected, projected, 5) == pytest.approx(vamp2(projected, 5), rel=1e-6)
    validated = cross_validated_vamp2(projected, 5)
    assert validated.value == pytest.approx(expected, rel=0.05)


def test_cross_validation_sees_through_features_of_noise():
    rng = np.random.default_rng(0)
    noise = [rng.normal(size=(60, 15)) for _ in range(6)]
    assert vamp2(noise, 1) > 1.4
    assert cross_validated_vamp2(noise, 1, n_folds=3).value < 1.0
    with pytest.raises(DataError, match="2 to as many"):
        cross_validated_vamp2(noise, 1, n_folds=7)
    with pytest.raises(DataError, match="longer than the lag"):
        vamp2(noise, 60)
