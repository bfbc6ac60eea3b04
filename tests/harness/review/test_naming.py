"""Rules for what figures are called."""

from __future__ import annotations

from typing import Any

import pytest

from levinthal.harness.results.result import Dataset, Metric, Repeat, Result, WorkloadId
from levinthal.harness.results.summary import summarise
from levinthal.harness.review.check import labels_in_names, unlike_namesakes


def result(*metrics: tuple[str, dict[str, Any]], **changes: str) -> Result:
    made = [
        Metric(name=name, labels=labels, value=1.0, unit="1", better="higher", kind="quality")
        for name, labels in metrics
    ]
    made[-1] = made[-1].model_copy(update=changes)
    repeats = tuple(
        Repeat(index=index, seed=index, started_utc="now", metrics=tuple(made), verdict="passed") for index in (0, 1)
    )
    return Result(
        workload=WorkloadId(name="w", version=1),
        dataset=Dataset(name="d", version="1", synthetic=True),
        size="tiny",
        division="closed",
        settings={},
        machine={},
        software={},
        repeats=repeats,
        summary=summarise(repeats),
        verdict="passed",
    )


@pytest.mark.parametrize(
    ("name", "labels", "says"),
    [
        ("cells seen, dbscan", {"policy": "dbscan"}, ["metric 'cells seen, dbscan' has its label policy dbscan in"]),
        ("median of 30", {}, ["metric 'median of 30' has the number 30 in its name"]),
        ("success at 2.5 A", {"cut-off": 2.5}, ["has the number 2.5", "has its label cut-off 2.5"]),
        ("VAMP-2", {"space": "tICA"}, []),
        ("lDDT-CA", {"split": "held out"}, []),
        ("simulation rate", {"share": "simulate"}, []),
    ],
)
def test_labels_and_numbers_are_no_part_of_a_name(name: str, labels: dict[str, Any], says: list[str]) -> None:
    lines = list(labels_in_names(result((name, labels))))
    assert len(lines) == len(says)
    assert all(words in line for words, line in zip(says, lines, strict=True))


@pytest.mark.parametrize(
    ("changes", "says"),
    [({"unit": "s"}, "unit is 1"), ({"better": "lower"}, "better is higher"), ({"kind": "speed"}, "kind is quality")],
)
def test_figures_of_one_name_mean_the_same(changes: dict[str, str], says: str) -> None:
    pair = (("divergence", {"policy": "a"}), ("divergence", {"policy": "b"}))
    assert list(unlike_namesakes(result(*pair))) == []
    (line,) = unlike_namesakes(result(*pair, **changes))
    assert line.startswith(f"{says} for 'divergence (policy a)' and ")


def test_figures_of_one_name_have_the_same_labels() -> None:
    (line,) = unlike_namesakes(result(("divergence", {"policy": "a"}), ("divergence", {"policy": "b", "lag": 10})))
    assert line == "'divergence (policy a)' and 'divergence (policy b, lag 10)' have other labels"
