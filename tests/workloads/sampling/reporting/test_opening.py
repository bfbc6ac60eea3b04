"""What a study opens with: a bar from plain simulation to those who know, and in words where a model pays."""

from __future__ import annotations

import math

from levinthal.simulation.analysis.intervals import Estimate
from levinthal.simulation.analysis.ratios import PolicyRatio
from levinthal.workloads.sampling.reporting.opening import SystemStanding, in_words, report_opening
from levinthal.workloads.sampling.study.possible import PolicyShare


def ratio(value, low, high):
    return PolicyRatio("faster", value, low, high, 0.95, 16, 0, 0, "?", "as tested")


def standing(system, shares, over, ahead, why=""):
    told = {
        policy: PolicyShare(policy, "faster", "steps", Estimate(*limits, 0.95, "so"), ratio(7.0, 4.0, 9.0))
        for policy, limits in shares.items()
    }
    return SystemStanding(system, "steps", "faster (event)", told, ("random",), tuple(over), over, ahead, why)


class Told:
    def __init__(self):
        self.left, self.said, self.notes = {}, [], []

    def artifact(self, name, content, caption, *, opens):
        assert opens
        self.left[name] = content

    def finding(self, sentence):
        self.said.append(sentence)

    def note(self, sentence):
        self.notes.append(sentence)


UNKNOWN = (math.nan,) * 3
PAYS = standing(
    "landscape", {"random": (-0.9, -1.5, 0.1), "dbscan": (0.5, 0.4, 0.6), "lof": UNKNOWN, "fast": (1.2, 0.3, 4.0)},
    {"dbscan": ratio(3.0, 2.0, 4.0), "lof": ratio(1.1, 0.8, 1.5)}, {"dbscan": True, "lof": False},
)  # fmt: skip
NOT = standing("<surface>", {"dbscan": UNKNOWN}, {"dbscan": ratio(1.1, 0.9, 1.2)}, {"dbscan": False})
HARD = standing("peptide", {}, {"dbscan": ratio(1.0, 0.9, 1.2)}, {"dbscan": False}, "the ceiling is 1.2 times")


def test_words_and_picture_of_a_panel():
    run = Told()
    report_opening(run, [PAYS, NOT, HARD])
    pays, not_, unknown = run.said
    assert "pays" in pays
    assert "landscape (by faster (event): dbscan 0.50 [0.40, 0.60] of the possible)" in pays
    assert "lof" not in pays
    assert not_.startswith("It is not surely ahead")
    assert "dbscan 1.10 [0.90, 1.20] times plain simulation" in not_
    assert unknown.endswith("peptide (the ceiling is 1.2 times).")
    assert "<surface>" not in run.left["possible.svg"]  # escaped
    assert not run.notes


def test_where_nobody_knows_there_is_no_picture_and_it_is_said():
    run = Told()
    why = "no policy that knows the answer took part: add oracle to the policies"
    alone = standing("peptide", {}, {"dbscan": ratio(3.0, 2.0, 4.0)}, {"dbscan": True}, why)
    report_opening(run, [alone])
    assert not run.left
    assert why in run.notes[0]
    (pays,) = run.said
    assert "dbscan 3.00 [2.00, 4.00] times plain simulation" in pays


def test_without_a_model_nothing_is_said_of_one():
    assert in_words([standing("x", {"random": (0.1, 0.0, 0.2)}, {}, {})]) == []
