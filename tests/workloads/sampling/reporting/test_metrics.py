"""What is said in words beside the figures."""

from __future__ import annotations

import pytest

from levinthal.simulation.analysis.ratios import PolicyRatio
from levinthal.workloads.sampling.reporting.metrics import report_controls, report_ratios
from levinthal.workloads.sampling.study.comparison import PolicyComparison


class Told:
    """Keeps what a run is told."""

    def __init__(self):
        self.notes, self.metrics = [], []

    def note(self, text):
        self.notes.append(text)

    def metric(self, name, value, **_):
        self.metrics.append((name, value))


def compared(candidate, baseline, value, low, high, verdict):
    ratio = PolicyRatio("effective sampling", value, low, high, 0.95, 16, 0, 0, verdict, "as tested")
    return PolicyComparison("effective sampling", candidate, baseline, "core-seconds", 30.0, ratio)


@pytest.mark.parametrize(
    ("value", "low", "high", "verdict", "words"),
    [
        (0.9, 0.7, 1.2, "can't tell", "The control random does as well as dbscan"),
        (0.5, 0.4, 0.8, "less effective", "The control random does better than dbscan"),
        (2.0, 1.5, 2.5, "more effective", ""),
    ],
)
def test_what_a_control_is_worth_is_said_in_words(value, low, high, verdict, words):
    run = Told()
    report_controls(run, [compared("dbscan", "random", value, low, high, verdict)], ["plain", "random"])
    assert [note[: len(words)] for note in run.notes] == ([words] if words else [])


def test_a_control_is_not_the_headline():
    run = Told()
    made = [
        compared("random", "plain", 8.0, 6.0, 10.0, "more effective"),
        compared("dbscan", "plain", 5.0, 4.0, 6.0, ""),
    ]
    report_ratios(run, made, "plain", ["plain", "random"])
    assert [value for _, value in run.metrics] == [5.0, 8.0]
