"""Identity of figures: name and labels."""

from __future__ import annotations

import numpy as np
import pytest

from levinthal.errors import ResultError
from levinthal.harness.results.figures import Metric, Summaries, Summary, Terms
from levinthal.harness.results.labels import Key, find_figure


def metric(name: str, **labels: str | int | float) -> Metric:
    return Metric(name=name, labels=labels, value=1.0, unit="1", better="higher")


def test_the_order_of_labels_is_no_part_of_the_identity() -> None:
    a, b = metric("speed", case="22x22", ranks=2), metric("speed", ranks=2, case="22x22")
    assert a.key == b.key == Key.of("speed", {"ranks": 2, "case": "22x22"})
    assert str(a) == "speed (case 22x22, ranks 2)"
    assert a.key != metric("speed", case="22x22", ranks=4).key


def test_numbers_of_numpy_become_plain_and_come_back_from_json() -> None:
    made = metric("x", lag=np.int64(10), share=np.float32(0.5), policy=np.str_("dbscan"))
    assert {type(value) for value in made.labels.values()} == {int, float, str}
    assert Metric.model_validate_json(made.model_dump_json()) == made


@pytest.mark.parametrize("value", [True, None, (1, 2), np.zeros(2)])
def test_what_cannot_be_a_label_is_refused(value: object) -> None:
    with pytest.raises(ValueError, match="label"):
        Metric.model_validate({**metric("x").model_dump(), "labels": {"a": value}})


def test_a_figure_is_found_by_as_many_labels_as_tell_it_from_others() -> None:
    metrics = [metric("cells", policy="plain", cost="steps"), metric("cells", policy="dbscan", cost="steps")]
    metrics += [metric("memory"), metric("memory", device="gpu")]
    assert find_figure(metrics, "cells", {"policy": "dbscan"}) is metrics[1]
    assert find_figure(metrics, "memory") is metrics[2]
    for asked, says in (
        (("cells",), r"there are 2: choose among cells \(policy plain, cost steps\), cells \(policy dbscan"),
        (("cells", {"policy": "lof"}), r"it has other labels: choose among cells \(policy plain"),
        (("rate",), "there is no 'rate' here: choose among cells, memory"),
    ):
        with pytest.raises(KeyError, match=says) as caught:
            find_figure(metrics, *asked)
        assert isinstance(caught.value, ResultError)
        assert "\n" not in str(caught.value)


def test_summaries_are_asked_by_name_and_labels() -> None:
    made = [
        Summary(name="cells", labels={"policy": each}, unit="1", better="higher", n=0, median=None, ci95=None)
        for each in ("plain", "dbscan")
    ]
    summary = Summaries(tuple(made))
    assert [*summary] == made
    assert len(summary) == 2
    assert summary["cells", {"policy": "plain"}] is made[0]
    assert summary.named("cells", policy="dbscan") == (made[1],)
    assert summary.get("cells") is None
    assert summary.get("cells", {"policy": "dbscan"}) is made[1]
    assert Summaries.model_validate_json(summary.model_dump_json()) == summary


@pytest.mark.parametrize(
    ("text", "amount", "unit"),
    [
        ("60 core-seconds each", 60.0, "core-seconds"),
        ("0.987 core-seconds each", 0.987, "core-seconds"),
        ("1,500,000 steps each", 1.5e6, "steps"),
        ("the same seed", None, "the same seed"),
    ],
)
def test_terms_are_read_and_written(text: str, amount: float | None, unit: str) -> None:
    assert Terms.parse(text) == Terms(amount=amount, unit=unit)
    assert str(Terms.parse(text)) == text
