"""Figures of several methods as tables of methods by measures."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from levinthal.harness.results.figures import CANNOT_TELL, Comparison, Terms
from levinthal.harness.results.result import Metric, Repeat, Result
from levinthal.harness.results.summary import summarise
from levinthal.report.comparisons import matrices_of
from levinthal.report.figures import figure_rows
from levinthal.report.page import render


def metric(name: str, value: float | None, **labels: Any) -> Metric:
    return Metric(name=name, labels=labels, value=value, unit="1", better="higher", kind="quality", reason="it failed")


METRICS = (
    metric("cells seen", 80.0, policy="plain", cost="core-second"),
    metric("cells seen", 90.0, policy="dbscan", cost="core-second"),
    metric("recurrence", None, policy="dbscan", cost="core-second"),
    metric("share of prediction time", 0.1, stage="geometry"),
    metric("peak memory", 7.0),
)


def test_methods_are_rows_and_measures_are_columns(
    make_result: Callable[..., Result], make_repeat: Callable[..., Repeat]
) -> None:
    repeats = (make_repeat(0, metrics=METRICS),)
    result = make_result(repeats=repeats, summary=summarise(repeats))
    (matrix,) = matrices_of(figure_rows(result))
    assert (matrix.title, matrix.labels) == ("Quality by policy; cost core-second", ("policy",))
    assert matrix.columns == ("cells seen ↑", "recurrence ↑")
    plain, dbscan = matrix.rows
    assert (plain.values, dbscan.values) == (("plain",), ("dbscan",))
    assert plain.cells[1] is None
    assert dbscan.cells[1] is not None
    assert "it failed" in dbscan.cells[1].problem

    page = render([(None, result)])
    assert "Quality by policy; cost core-second" in page
    assert page.count(">plain</th>") == 1
    # a figure whose labels tell it from no other stays in the list
    assert "share of prediction time (stage geometry)" in page
    assert '<th scope="row">cells seen (policy plain' not in page
    several = tuple(make_repeat(index, metrics=METRICS) for index in range(2))
    again = render([(None, make_result(repeats=several, summary=summarise(several)))])
    assert '<th scope="row">cells seen (policy plain, cost core-second)' in again  # what each repeat measured


def test_one_measure_of_methods_with_two_labels_is_spread_out(
    make_result: Callable[..., Result], make_repeat: Callable[..., Repeat]
) -> None:
    pairs = [(of, space) for of in ("helix", "sheet") for space in ("CVAE", "PCA")][:3]
    metrics = tuple(metric("correlation", 0.5, property=of, space=space) for of, space in pairs)
    (matrix,) = matrices_of(figure_rows(make_result(repeats=(make_repeat(0, metrics=metrics),), summary=())))
    assert (matrix.title, matrix.labels) == ("correlation ↑ by property and space", ("property",))
    assert matrix.columns == ("space CVAE", "space PCA")
    assert [(row.values, [cell is not None for cell in row.cells]) for row in matrix.rows] == [
        (("helix",), [True, True]),
        (("sheet",), [True, False]),
    ]


def test_a_comparison_shows_the_labels_that_tell_it_from_others(
    make_result: Callable[..., Result], make_repeat: Callable[..., Repeat]
) -> None:
    comparisons = tuple(
        Comparison(
            name="faster", labels={"learner": learner, "cost": "step"}, candidate="dbscan", baseline="plain", n=0,
            terms=Terms(amount=2e4, unit="steps"), value=None, verdict=CANNOT_TELL, reason="none arrived",
        )
        for learner in ("CVAE", "tICA")
    )  # fmt: skip
    page = render([(None, make_result(repeats=(make_repeat(0, comparisons=comparisons),)))])
    assert "20,000 steps each" in page
    assert "faster (learner CVAE)" in page
    assert "faster (learner CVAE, cost step)" not in page
