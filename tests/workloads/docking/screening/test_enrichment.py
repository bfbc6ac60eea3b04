"""Enrichment against values that can be counted by hand, and its invariants."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from levinthal.workloads.docking.screening.enrichment import enrichment_of


def test_a_perfect_a_reversed_and_a_tied_ranking():
    active = np.arange(200) < 10
    perfect = enrichment_of(np.arange(200.0), active)
    assert (perfect.roc_auc, perfect.enrichment) == (1.0, 20.0)
    assert perfect.bedroc == pytest.approx(1.0)
    reverse = enrichment_of(-np.arange(200.0), active)
    assert (reverse.roc_auc, reverse.enrichment) == (0.0, 0.0)
    assert reverse.bedroc == pytest.approx(0.0, abs=1e-3)
    tied = enrichment_of(np.zeros(200), active)
    assert (tied.roc_auc, tied.enrichment) == (0.5, 0.0)


def test_counted_by_hand():
    # decoy, active, active, decoy: of four pairs the active stands first in two
    found = enrichment_of([-9.0, -8.0, -7.0, -6.0], [False, True, True, False])
    assert (found.n_active, found.n_decoy, found.roc_auc, found.enrichment) == (2, 2, 0.5, 0.0)


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
    assert again == found
    assert 0.0 <= found.roc_auc <= 1.0
    assert 0.0 <= found.bedroc <= 1.0 + 1e-9
    reverse = enrichment_of(-scores, active)
    assert reverse.roc_auc == pytest.approx(1.0 - found.roc_auc)
