"""The ranked list and what it is worth, against another package and under the null."""

from __future__ import annotations

import csv
import io
from types import SimpleNamespace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import roc_auc_score

from levinthal.workloads.discovery.docked import DockedState, read_docked, worth_of
from levinthal.workloads.discovery.ranking import (
    Ranking,
    area_of,
    area_under_curve,
    areas_compared,
    binders_ahead,
    ranked_csv,
)
from levinthal.workloads.discovery.refinement import Refined
from levinthal.workloads.docking.preparation.library import Failure, LibraryEntry


def docked(state, values):
    n = len(values)
    return DockedState(state, tuple(values), (np.zeros((0, 3)),) * n, ("",) * n, 0.0, 1.0, "process 1")


@given(st.lists(st.tuples(st.integers(-5, 5), st.booleans()), min_size=2, max_size=30))
def test_the_area_is_scikit_learns_ties_included(rows):
    scores, active = np.array([float(a) for a, _ in rows]), np.array([b for _, b in rows])
    if active.all() or not active.any():
        return
    expected = roc_auc_score(active, -scores)
    assert area_under_curve(scores[active], scores[~active]) == pytest.approx(expected, abs=1e-12)
    told = area_of(scores, active)
    assert told.value == pytest.approx(expected, abs=1e-12)
    assert 0.0 <= told.low <= told.high <= 1.0


def test_binders_that_are_ahead_pass_and_broken_scores_or_labels_do_not():
    rng = np.random.default_rng(0)
    active = np.arange(33) < 13
    scores = np.where(active, rng.normal(-5.0, 0.4, 33), rng.normal(-3.5, 0.8, 33))
    assert binders_ahead(scores, active).low > 0.5
    assert binders_ahead(-scores, active).low < 0  # a score of the wrong sign
    shuffled = [binders_ahead(scores, rng.permutation(active)).low >= 0 for _ in range(40)]
    assert np.mean(shuffled) < 0.15  # labels of other compounds


def test_an_ensemble_that_is_the_structure_gains_nothing():
    rng = np.random.default_rng(1)
    active = np.arange(30) < 12
    scores = rng.normal(size=30)
    same = areas_compared(scores, scores, active)
    assert (same.value, same.low, same.high) == (1.0, 1.0, 1.0)
    better = areas_compared(np.where(active, -1.0, 1.0), scores, active)
    assert better.low > 1.0


def test_each_compound_stands_by_its_best_state_and_what_failed_at_the_end():
    nan = float("nan")
    ranking = Ranking.of([docked(2, [-1.0, -9.0, nan, nan]), docked(0, [-3.0, -2.0, nan, -1.0])])
    assert ranking.states.tolist() == [0, 2]
    assert ranking.order == [1, 0, 3]
    np.testing.assert_array_equal(ranking.rigid(), [-3.0, -2.0, nan, -1.0])
    library = [SimpleNamespace(entry=LibraryEntry(name, "C", mark)) for name, mark in
               (("a", True), ("b,c", False), ("d", None), ("e", None))]  # fmt: skip
    text = ranked_csv(ranking, library, [Failure("f", "no such atom")], {1: Refined(-7.5, 0.4)})
    rows = list(csv.DictReader(io.StringIO(text)))
    assert [(row["rank"], row["name"], row["state"], row["known"]) for row in rows[:3]] == [
        ("1", "b,c", "2", "decoy"), ("2", "a", "0", "active"), ("3", "e", "0", ""),
    ]  # fmt: skip
    assert rows[0]["mmff_interaction_kcal_mol"] == "-7.50"
    assert [(row["name"], row["reason"]) for row in rows[3:]] == [("d", "no state took it"), ("f", "no such atom")]


def test_a_state_that_nothing_could_be_docked_into_has_no_worth():
    nan = float("nan")
    assert worth_of([docked(0, [nan, nan]), docked(1, [-2.0, nan])]) == {1: -2.0}


def test_a_damaged_answer_is_named(tmp_path):
    (tmp_path / "state.json").write_text('{"state": 0}')
    with pytest.raises(Exception, match=r"state\.json is damaged .*: delete it and resume"):
        read_docked(tmp_path / "state.json")
