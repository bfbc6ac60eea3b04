"""Shares of the possible: planted ones are found, intervals hold them, and none is told where nothing is possible."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from levinthal.simulation.analysis.shares import Gain, share_of_possible


@pytest.mark.parametrize("kind", ["times", "higher", "lower"])
@pytest.mark.parametrize("share", [0.0, 0.5, 1.0])
def test_a_planted_share(kind, share):
    """The ceiling is eight times better, the policy 8 to the share; noise is common and own."""
    rng, held = np.random.default_rng(1), 0
    sign = 1.0 if kind == "higher" else -1.0
    for seed in range(30):
        common = rng.normal(scale=0.3, size=16)
        own = rng.normal(scale=0.3, size=(3, 16))
        levels = [np.exp(common + each + sign * k * math.log(8.0)) for k, each in zip((0, share, 1), own, strict=True)]
        found, ceiling = share_of_possible(Gain(*levels, kind, 100.0 if kind == "times" else math.inf), seed=seed)
        held += found.covers(share)
        assert found.value == pytest.approx(share, abs=0.35)
        assert ceiling.value == pytest.approx(8.0, rel=0.6)
    assert held >= 26


def test_some_never_arrive():
    rng, held = np.random.default_rng(2), 0
    for seed in range(30):
        times = [rng.exponential(mean, 24) for mean in (200.0, 100.0, 50.0)]
        for each in times:
            each[each > 150.0] = math.inf
        found, _ = share_of_possible(Gain(*times, "times", 150.0), seed=seed, least_ceiling=1.0)
        held += math.isnan(found.value) or found.covers(0.5)
    assert held >= 26


def test_where_nothing_is_possible_no_share_is_told():
    rng = np.random.default_rng(3)
    base, ceiling = np.exp(rng.normal(scale=0.5, size=(2, 16)))
    found, ratio = share_of_possible(Gain(base, base, 1.3 * ceiling, "higher"))
    assert math.isnan(found.value)
    assert "not surely 1.5" in found.method
    assert ratio.value < 2.0
    never, _ = share_of_possible(Gain([50.0] * 16, [math.inf] * 16, [5.0] * 16, "times", 100.0))
    assert "found nothing" in never.method


VALUE = st.sampled_from([0.0, 1.0, 1.0, 2.0, 7.0, math.inf])


@given(st.integers(1, 10).flatmap(lambda n: st.lists(st.lists(VALUE, min_size=n, max_size=n), min_size=3, max_size=3)),
       st.sampled_from(["times", "higher", "lower"]))  # fmt: skip
def test_it_answers_whatever_was_seen(sides, kind):
    found, _ = share_of_possible(Gain(*sides, kind, 5.0), least_ceiling=0.5)
    assert found.method
    assert math.isnan(found.low) or found.low <= found.high
