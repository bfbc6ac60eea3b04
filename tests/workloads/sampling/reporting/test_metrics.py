"""What is said in words beside the figures."""

from __future__ import annotations

import pytest

from levinthal.simulation.analysis.ratios import PolicyRatio
from levinthal.workloads.sampling.reporting.verdicts import report_controls, report_ratios
from levinthal.workloads.sampling.study.comparison import PolicyComparison


class Told:
    """Keeps what a run is told."""

    def __init__(self):
        self.notes, self.metrics = [], []

    def note(self, text):
        self.notes.append(text)

    def metric(self, name, value, **_):
        self.metrics.append((name, value))


def compared(candidate, baseline, value, low, high, verdict, name="greater", cost="core-seconds"):
    ratio = PolicyRatio(name, value, low, high, 0.95, 16, 0, 0, verdict, "as tested")
    return PolicyComparison(name, candidate, baseline, cost, 30.0, ratio)


@pytest.mark.parametrize(
    ("others", "words"),
    [
        (("faster", 0.9, 0.7, 1.2, "can't tell"), "The control random does as well as dbscan at equal core-seconds"),
        (("faster", 0.5, 0.4, 0.8, "slower"), "The control random does better than dbscan at equal core-seconds"),
        (("faster", 2.0, 1.5, 2.5, "faster"), ""),
    ],
)
def test_what_a_control_is_worth_is_said_in_words(others, words):
    run, (name, *faster) = Told(), others
    alike = compared("dbscan", "random", 1.1, 0.9, 1.3, "can't tell")
    report_controls(run, [alike, compared("dbscan", "random", *faster, name)], ["plain", "random"])
    assert [note[: len(words)] for note in run.notes] == ([words] if words else [])
    assert not words or "greater 1.1 [0.9, 1.3], can't tell; faster" in run.notes[0]


def test_one_ratio_does_not_stand_for_the_others():
    """Ahead in one of the three and behind in another: the latter is said."""
    run = Told()
    made = [
        compared("dbscan", "plain", 2.0, 1.5, 2.5, "faster", "faster"),
        compared("dbscan", "plain", 0.04, 0.02, 0.1, "worse", "better"),
    ]
    report_controls(run, made, ["plain"])
    assert run.notes == ["dbscan is behind the control plain at equal core-seconds: better 0.04 [0.02, 0.1], worse."]


def test_a_control_is_not_the_headline():
    run = Told()
    made = [
        compared("random", "plain", 8.0, 6.0, 10.0, "greater"),
        compared("dbscan", "plain", 5.0, 4.0, 6.0, "greater"),
    ]
    report_ratios(run, made, "plain", ["plain", "random"])
    assert [value for _, value in run.metrics] == [5.0, 8.0]
