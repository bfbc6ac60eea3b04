"""Jensen-Shannon against scipy and its bounds; effective samples against chains whose correlation is known."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.signal import lfilter
from scipy.spatial.distance import jensenshannon

from levinthal.errors import DataError
from levinthal.simulation.analysis.divergence import jensen_shannon_nats, jensen_shannon_noise_nats
from levinthal.simulation.analysis.effective_samples import (
    correlation_time_of_runs_steps,
    effective_sample_size,
    integrated_autocorrelation_time_steps,
    kish_effective_sample_size,
)
from levinthal.simulation.exact.markov_chain import markov_chain

WEIGHTS = st.lists(st.floats(0.01, 10), min_size=5, max_size=5)


@given(WEIGHTS, WEIGHTS)
def test_it_is_the_square_of_scipys_distance(p, q):
    found = jensen_shannon_nats(np.array(p), np.array(q))
    assert found == pytest.approx(jensenshannon(p, q) ** 2, abs=1e-12)
    assert 0.0 <= found <= math.log(2)
    assert found == pytest.approx(jensen_shannon_nats(np.array(q), np.array(p)), abs=1e-12)


def test_bounds():
    assert jensen_shannon_nats(np.array([1, 0]), np.array([0, 3])) == pytest.approx(math.log(2))
    assert jensen_shannon_nats(np.array([2, 2]), np.array([5, 5])) == 0.0
    with pytest.raises(DataError, match="2 and 3 states"):
        jensen_shannon_nats(np.ones(2), np.ones(3))
    with pytest.raises(DataError, match="is not a distribution"):
        jensen_shannon_nats(np.zeros(2), np.ones(2))


def test_noise_of_a_finite_sample():
    rng = np.random.default_rng(0)
    pi = rng.dirichlet(np.full(100, 5.0))
    found = [jensen_shannon_nats(rng.multinomial(5000, pi), pi) for _ in range(200)]
    assert np.mean(found) == pytest.approx(jensen_shannon_noise_nats(pi, 5000), rel=0.05)


def test_kish():
    assert kish_effective_sample_size(np.ones(7)) == pytest.approx(7)
    assert kish_effective_sample_size(np.array([1e300, 0, 0])) == pytest.approx(1)
    assert kish_effective_sample_size(np.array([1.0, 3.0])) == pytest.approx(16 / 10)
    with pytest.raises(DataError):
        kish_effective_sample_size(np.array([1.0, -1.0]))


@pytest.mark.parametrize("stay", [0.5, 0.9, 0.99])
def test_autocorrelation_time_of_a_two_state_chain(stay):
    # rho(k) = (2 stay - 1)^k, so tau = (1 + rho) / (1 - rho) / 2.
    chain = markov_chain("pair", np.array([[stay, 1 - stay], [1 - stay, stay]]))
    _, frames = chain.advance(chain.start(0), 400_000, 5)
    rho = 2 * stay - 1
    expected = 0.5 * (1 + rho) / (1 - rho)
    found = integrated_autocorrelation_time_steps(frames.microstate.astype(float), lag_steps=3)
    assert found == pytest.approx(3 * expected, rel=0.1)
    assert effective_sample_size(frames.microstate.astype(float)) == pytest.approx(400_000 / (2 * expected), rel=0.1)


def test_the_correlation_time_of_many_short_runs_is_that_of_the_process():
    """Each run is three correlation times long: about its own mean the series would seem to forget sooner."""
    rng = np.random.default_rng(1)
    phi, n_frames = 0.95, 120
    noise = rng.normal(size=(400, n_frames)) * np.sqrt(1 - phi**2)
    noise[:, 0] /= np.sqrt(1 - phi**2)  # begins in equilibrium
    runs = lfilter([1.0], [1.0, -phi], noise, axis=1)
    expected = (1 + phi) / (1 - phi)
    assert correlation_time_of_runs_steps(list(runs), lag_steps=5) == pytest.approx(5 * expected, rel=0.15)
    alone = np.mean([2 * integrated_autocorrelation_time_steps(run) for run in runs])
    assert alone < 0.75 * expected
    assert correlation_time_of_runs_steps([np.full(7, 0.1), np.full(9, 0.1)]) == 0.0
    with pytest.raises(DataError):
        correlation_time_of_runs_steps([])


def test_a_constant_series_is_worth_nothing():
    assert effective_sample_size(np.full(10, 2.5)) == 0.0
    with pytest.raises(DataError):
        integrated_autocorrelation_time_steps(np.array([1.0, 2.0]))
