"""Enrichment against values that can be counted by hand, and its invariants."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from levinthal.workloads.docking.screening.enrichment import enrichment_of


def test_a_perfect_a_reversed_and_a_tied_ranking():
    active = np.arange(2000) < 100
    perfect = enrichment_of(np.arange(2000.0), active)
    assert (perfect.roc_auc.value, perfect.enrichment) == (1.0, 20.0)
    assert (perfect.roc_auc.low, perfect.roc_auc.high) == (1.0, 1.0)
    assert perfect.bedroc.value == pytest.approx(1.0)
    reverse = enrichment_of(-np.arange(2000.0), active)
    assert (reverse.roc_auc.value, reverse.enrichment) == (0.0, 0.0)
    assert reverse.bedroc.value == pytest.approx(0.0, abs=1e-3)
    tied = enrichment_of(np.zeros(2000), active)
    assert (tied.roc_auc.value, tied.enrichment) == (0.5, 0.0)


def test_counted_by_hand():
    # decoy, active, active, decoy: of four pairs the active stands first in two
    found = enrichment_of([-9.0, -8.0, -7.0, -6.0], [False, True, True, False])
    assert (found.n_active, found.n_decoy, found.roc_auc.value) == (2, 2, 0.5)


def test_a_handful_has_no_interval_and_a_small_library_no_enrichment():
    few = enrichment_of(np.arange(20.0), np.arange(20) < 9)
    assert np.isnan([few.roc_auc.low, few.bedroc.high]).all()
    assert "too few" in few.roc_auc.method
    assert enrichment_of(np.arange(999.0), np.arange(999) < 50).enrichment is None


def test_areas_are_those_of_scikit_learn_and_intervals_hold_the_truth():
    from sklearn.metrics import roc_auc_score

    generator = np.random.default_rng(0)
    active = np.arange(400) < 60
    truth = 0.7602  # of normal scores one standard deviation apart: Phi(1 / sqrt(2))
    held = 0
    for _ in range(40):
        scores = generator.normal(size=400) - active
        found = enrichment_of(scores, active)
        assert found.roc_auc.value == pytest.approx(roc_auc_score(active, -scores))
        held += found.roc_auc.covers(truth)
    assert held >= 34  # of 40 at 95 %: fewer has a chance of 1 in 300


def test_nothing_is_said_without_both_kinds():
    assert enrichment_of([-1.0, -2.0], [True, True]) is None
    assert enrichment_of([], []) is None


@given(st.lists(st.tuples(st.integers(-50, 0), st.booleans()), min_size=2, max_size=60))
def test_only_the_order_counts(rows):
    scores, active = np.array([row[0] for row in rows], float), np.array([row[1] for row in rows])
    found = enrichment_of(scores, active)
    if found is None:
        assert active.all() or not active.any()
        return
    again = enrichment_of(np.exp(scores / 10), active)
    assert (again.roc_auc.value, again.bedroc.value) == (found.roc_auc.value, found.bedroc.value)
    assert 0.0 <= found.roc_auc.value <= 1.0
    assert 0.0 <= found.bedroc.value <= 1.0 + 1e-9
    reverse = enrichment_of(-scores, active)
    assert reverse.roc_auc.value == pytest.approx(1.0 - found.roc_auc.value)
