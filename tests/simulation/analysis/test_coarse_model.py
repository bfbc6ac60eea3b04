"""A reference from coarse states finds exact populations and timescales, and says where it holds nothing."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from levinthal.errors import DataError
from levinthal.simulation.analysis.coarse_model import coarse_model, coarsen, round_trips
from levinthal.simulation.analysis.divergence import jensen_shannon_nats
from levinthal.simulation.analysis.exact_chain import relaxation_timescales_steps
from levinthal.simulation.exact.folding_landscape import folding_landscape

LANDSCAPE = folding_landscape(5.0)
INTERVAL = 10


def walks(n_steps, starts, landscape=LANDSCAPE):
    return [
        landscape.chain.advance(landscape.chain.start(int(start)), n_steps, seed, frame_interval=INTERVAL)[1].microstate
        for seed, start in enumerate(starts)
    ]


@pytest.fixture(scope="module")
def both_ways():
    return walks(100_000, [LANDSCAPE.unfolded_start, LANDSCAPE.native[3]] * 4)


def test_populations_and_timescale_are_the_exact_ones(both_ways):
    found = coarse_model(both_ways, 500, [np.isin(walk, LANDSCAPE.native) for walk in both_ways])
    exact = relaxation_timescales_steps(LANDSCAPE.chain.transition_matrix, 1)[0] / INTERVAL
    assert found.chosen.holds
    assert found.chosen.timescale_frames == pytest.approx(exact, rel=0.1)
    assert found.stationary.sum() == pytest.approx(1.0)
    assert found.stationary[LANDSCAPE.native].sum() == pytest.approx(
        LANDSCAPE.stationary[LANDSCAPE.native].sum(), rel=0.1
    )
    assert jensen_shannon_nats(found.stationary, LANDSCAPE.stationary) < 0.003
    assert found.share_of_transitions_outside == 0.0
    assert found.n_round_trips > 200


def test_it_does_not_ask_where_walks_began():
    """From the trap alone, frames as they come are far off; a model of them is not."""
    trapped = walks(2_500, [LANDSCAPE.trap[3]] * 150)
    counts = np.bincount(np.concatenate(trapped), minlength=500)
    found = coarse_model(trapped, 500)
    off = jensen_shannon_nats(counts, LANDSCAPE.stationary)
    assert jensen_shannon_nats(found.stationary, LANDSCAPE.stationary) < 0.6 * off


def test_the_lag_of_a_coarse_process_is_not_the_shortest(both_ways):
    """At one step, coarse states forget too soon; what is chosen has levelled off and passes the test."""
    found = coarse_model(both_ways, 500)
    assert [each.holds for each in found.tests] == [False] * (len(found.tests) - 1) + [True]
    assert len(found.tests) > 3
    slowest = [each.timescale_frames for each in found.tests]
    assert slowest[0] < 0.7 * slowest[-1]


def test_what_folds_and_stays_has_no_reference():
    """Walks that unfold to fold once: the model is of the folded states, a tenth of the transitions outside of it."""
    rng = np.random.default_rng(0)
    folding = [np.concatenate([rng.integers(0, 300, 400), rng.integers(300, 310, 3_600)]) for _ in range(4)]
    folded = [rng.integers(300, 310, 4_000) for _ in range(4)]
    both = [*folding, *folded]
    found = coarse_model(both, 310, [walk >= 300 for walk in both])
    assert found.stationary[300:].sum() == pytest.approx(1.0)
    assert found.share_of_transitions_outside == pytest.approx(0.05, abs=0.01)
    assert found.n_round_trips < 4
    never = coarse_model(both, 310, [walk > 310 for walk in both])
    assert never.n_round_trips == 0


def test_seldom_seen_states_join_those_they_exchange_with(both_ways):
    coarse = coarsen(both_ways, 500)
    seen = np.bincount(np.concatenate(both_ways), minlength=500)
    assert ((coarse >= 0) == (seen > 0)).all()
    sizes = np.bincount(coarse[coarse >= 0], weights=seen[coarse >= 0])
    assert sizes.min() >= 50
    assert sizes.sum() == seen.sum()
    native, unfolded = set(coarse[LANDSCAPE.native]), {coarse[LANDSCAPE.unfolded_start]}
    assert not native & unfolded


@given(st.lists(st.lists(st.sampled_from([-1, 0, 1]), max_size=12), max_size=4))
def test_round_trips_are_half_of_the_passages(walks):
    expected = 0
    for walk in walks:
        text = "".join({-1: "a", 1: "b"}.get(each, "") for each in walk)
        expected += text.count("ab") + text.count("ba")
    assert round_trips([np.array(walk, int) for walk in walks]) == expected / 2


@given(st.lists(st.lists(st.integers(0, 3), min_size=40, max_size=60), min_size=1, max_size=3), st.booleans())
def test_it_answers_whatever_the_walks(walks, declared):
    arrays = [np.array(walk) for walk in walks]
    found = coarse_model(arrays, 4, [walk == 3 for walk in arrays] if declared else None)
    assert found.stationary.sum() == pytest.approx(1.0)


def test_walks_too_short_for_a_model():
    with pytest.raises(DataError, match="too short"):
        coarse_model([np.zeros(20, int)], 1)
