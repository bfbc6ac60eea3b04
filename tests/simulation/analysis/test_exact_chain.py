"""Exact answers against formulas of textbook chains and against walks."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import sparse

from levinthal.errors import DataError
from levinthal.simulation.analysis import exact_chain
from levinthal.simulation.analysis.exact_chain import (
    first_passage_survival,
    mean_first_passage_steps,
    mean_recurrence_steps,
    mean_time_outside_steps,
    relaxation_timescales_steps,
    stationary_distribution,
)
from levinthal.simulation.exact.folding_landscape import folding_landscape


def birth_and_death(n: int, up: float, down: float) -> sparse.csr_array:
    matrix = np.diag(np.full(n - 1, up), 1) + np.diag(np.full(n - 1, down), -1)
    return sparse.csr_array(matrix + np.diag(1 - matrix.sum(axis=1)))


@pytest.mark.parametrize("n_states", [40, 2000])
def test_stationary_distribution_of_birth_and_death_is_geometric(n_states):
    up, down = (0.2, 0.3) if n_states == 40 else (0.29, 0.3)
    expected = (up / down) ** np.arange(n_states)
    found = stationary_distribution(birth_and_death(n_states, up, down))
    np.testing.assert_allclose(found, expected / expected.sum(), rtol=1e-6, atol=1e-10)


def test_elimination_steps_in_where_arpack_does_not_settle(monkeypatch):
    landscape = folding_landscape(7.0)

    def unsettled(*_args, **_kwargs):
        raise exact_chain.linalg.ArpackNoConvergence("no convergence", np.array([]), np.array([]))

    monkeypatch.setattr(exact_chain, "_DENSE_UP_TO_STATES", 100)
    monkeypatch.setattr(exact_chain.linalg, "eigs", unsettled)
    found = stationary_distribution(landscape.chain.transition_matrix)
    np.testing.assert_allclose(found, landscape.stationary, rtol=1e-9)


def test_a_chain_of_two_pieces_has_no_one_stationary_distribution():
    with pytest.raises(DataError, match="2 closed classes"):
        stationary_distribution(np.eye(2))
    with pytest.raises(DataError, match="square"):
        stationary_distribution(np.ones((2, 3)))
    leaky = np.array([[0.5, 0.5, 0.0], [0.0, 0.2, 0.8], [0.0, 0.8, 0.2]])
    np.testing.assert_allclose(stationary_distribution(leaky), [0, 0.5, 0.5], atol=1e-15)


def test_symmetric_walk_to_the_end_takes_the_square_of_the_way():
    # Reflecting at 0 with a lazy step: from i to n - 1 it takes ((n-1)n - i(i+1)) / (2 p) steps.
    n, p = 30, 0.25
    steps = mean_first_passage_steps(birth_and_death(n, p, p), [n - 1])
    i = np.arange(n)
    np.testing.assert_allclose(steps, ((n - 1) * n - i * (i + 1)) / (2 * p), rtol=1e-9)


def test_what_cannot_be_reached_takes_for_ever():
    matrix = np.array([[0.5, 0.25, 0.25], [0.0, 1.0, 0.0], [0.0, 0.0, 1.0]])
    np.testing.assert_array_equal(mean_first_passage_steps(matrix, [1]), [np.inf, 0, np.inf])
    np.testing.assert_allclose(mean_first_passage_steps(matrix, [1, 2]), [2, 0, 0])
    with pytest.raises(DataError, match="0 to 2"):
        mean_first_passage_steps(matrix, [3])


def test_survival_sums_to_the_mean_and_large_chains_take_the_sparse_way(monkeypatch):
    landscape = folding_landscape(2.0)
    matrix = landscape.chain.transition_matrix
    mean = mean_first_passage_steps(matrix, landscape.native)
    survival = first_passage_survival(matrix, landscape.unfolded_start, landscape.native, 60_000)
    assert survival[0] == 1.0
    assert survival.sum() == pytest.approx(mean[landscape.unfolded_start], rel=1e-6)
    spread = first_passage_survival(matrix, landscape.stationary, landscape.native, 5)
    assert spread[0] == pytest.approx(1 - landscape.stationary[landscape.native].sum())
    monkeypatch.setattr(exact_chain, "_DENSE_UP_TO_STATES", 100)
    np.testing.assert_allclose(mean_first_passage_steps(matrix, landscape.native), mean, rtol=1e-9)


def test_recurrence_and_time_outside_of_two_states():
    matrix = np.array([[0.9, 0.1], [0.3, 0.7]])
    pi = stationary_distribution(matrix)
    assert mean_recurrence_steps(pi, [1]) == pytest.approx(4.0)
    assert mean_time_outside_steps(matrix, [1]) == pytest.approx(10.0)


def test_relaxation_of_two_states_and_agreement_of_both_ways(monkeypatch):
    matrix = np.array([[0.9, 0.1], [0.3, 0.7]])
    assert relaxation_timescales_steps(matrix, 1)[0] == pytest.approx(-1 / np.log(0.6))
    landscape = folding_landscape(4.0).chain.transition_matrix
    arnoldi = relaxation_timescales_steps(landscape, 4)
    monkeypatch.setattr(exact_chain, "_ALL_EIGENVALUES_UP_TO_STATES", 1000)
    np.testing.assert_allclose(arnoldi, relaxation_timescales_steps(landscape, 4), rtol=1e-6)
    with pytest.raises(DataError, match="ask for 1 to 1"):
        relaxation_timescales_steps(matrix, 2)
