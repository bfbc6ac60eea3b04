"""Any study on the page: which axes make curves, a map or bars, and what is drawn where."""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest

from levinthal.harness.results.grid import Axis, StudyPlan
from levinthal.harness.results.result import Metric, Result
from levinthal.harness.results.summary import summarise
from levinthal.report.figures import figure_rows
from levinthal.report.page import render
from levinthal.report.study.view import layout_of, study_view

WORDS = Axis(name="policy", values=("plain", "dbscan", "fast"))
MORE_WORDS = Axis(name="learner", values=("pca", "cvae"))
NUMBERS = Axis(name="kelvin", values=(280, 300, 320))
MORE_NUMBERS = Axis(name="lag", values=(1, 2))
SEEDS = Axis(name="seed", values=(1, 2, 3), repeats=True)
ALONE = Axis(name="system", values=("chain",))


@pytest.mark.parametrize(
    ("axes", "shape", "across", "along", "n_panels"),
    [
        ((WORDS,), "bars", "policy", None, 1),
        ((WORDS, SEEDS), "bars", "policy", None, 1),
        ((ALONE, WORDS), "bars", "policy", None, 1),
        ((NUMBERS,), "curves", "kelvin", None, 1),
        ((NUMBERS, WORDS), "curves", "kelvin", "policy", 1),
        ((WORDS, NUMBERS, MORE_WORDS), "curves", "kelvin", "learner", 3),
        ((MORE_WORDS, WORDS), "map", "policy", "learner", 1),
        ((NUMBERS, MORE_NUMBERS), "map", "lag", "kelvin", 1),
        ((ALONE, NUMBERS, MORE_NUMBERS, SEEDS), "map", "lag", "kelvin", 1),
    ],
)
def test_the_axes_say_how_a_study_is_drawn(axes, shape, across, along, n_panels) -> None:
    layout = layout_of(StudyPlan(kind="any", axes=axes))
    assert (layout.shape, layout.across.name) == (shape, across)
    assert (layout.along.name if layout.along is not None else None) == along
    assert len(layout.panels) == n_panels


@pytest.fixture
def studied(make_result: Callable[..., Result], make_repeat) -> Callable[..., Result]:
    """Make a result of a study in which the k-th point measured k + 1 seconds, the last one nothing."""

    def make(*axes: Axis) -> Result:
        plan = StudyPlan(kind="any", axes=axes)
        points = plan.figure_points()
        repeats = tuple(
            make_repeat(
                index,
                metrics=tuple(
                    Metric(
                        name="time", labels=point, unit="s", better="lower",
                        value=None if point == points[-1] else (k + 1) * (1 + 0.01 * index),
                        reason="it was too warm" if point == points[-1] else None,
                    )
                    for k, point in enumerate(points)
                ),
            )
            for index in range(3)
        )  # fmt: skip
        return make_result(repeats=repeats, study=plan, summary=summarise(repeats))

    return make


def test_bars_are_as_long_as_their_medians(studied: Callable[..., Result]) -> None:
    result = studied(WORDS)
    view = study_view(result, figure_rows(result))
    assert view is not None
    (panel,) = view.panels
    assert [bar.name for bar in panel.bars] == ["plain", "dbscan"]
    first, second = panel.bars
    assert second.percent == pytest.approx(2 * first.percent)
    assert second.interval is not None
    assert second.interval[1] == pytest.approx(100.0)
    page = render([(None, result)])
    assert re.search(r'<table class="bars">.*?plain.*?dbscan.*?</table>', page, re.S)
    assert "it was too warm" in page
    assert page.count("it was too warm") < 5  # not again in the table of all figures
    assert "<strong>time</strong> in s" in page


def test_a_map_has_a_cell_for_each_point(studied: Callable[..., Result]) -> None:
    result = studied(MORE_WORDS, WORDS)
    view = study_view(result, figure_rows(result))
    assert view is not None
    chart = view.panels[0].map
    assert chart is not None
    assert chart.columns == WORDS.values
    assert [name for name, _ in chart.rows] == ["pca", "cvae"]
    depths = [cell[1] if cell else None for _, cells in chart.rows for cell in cells]
    assert depths[0] == 0.0
    assert depths[-1] is None
    assert depths[:-1] == sorted(depths[:-1])
    page = render([(None, result)])
    table = re.search(r'<table class="map">.*?</table>', page, re.S)
    assert table is not None
    assert table.group().count("heat") == 5


def test_curves_on_plain_axes(studied: Callable[..., Result]) -> None:
    result = studied(MORE_WORDS, NUMBERS)
    view = study_view(result, figure_rows(result))
    assert view is not None
    chart = view.panels[0].curves
    assert chart is not None
    assert not chart.logarithmic
    assert [tick.label for tick in chart.x_ticks] == ["280", "300", "320"]
    assert [len(curve.dots) for curve in chart.curves] == [3, 2]
    assert chart.words.startswith("pca goes from 1.01 s at kelvin 280 to 3.03 s at kelvin 320; cvae goes")
    assert "pca goes from" in render([(None, result)])
