"""A scaling study on the page: Figure 3, its table, its place among other results."""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest

from levinthal.commands.headline import summary_lines
from levinthal.commands.study_lines import last_line
from levinthal.harness.results.result import Result
from levinthal.harness.results.summary import summarise
from levinthal.report.figures import figure_rows
from levinthal.report.page import render
from levinthal.report.study.view import study_view


def test_lines_are_where_the_medians_are(study: Result) -> None:
    view = study_view(study, figure_rows(study))
    assert view is not None
    panel, other = view.panels
    assert (panel.letter, panel.name, other.letter, other.name) == ("A", "22x22", "B", "106x106")
    a, b = panel.curves, other.curves
    assert a is not None
    assert b is not None
    assert [tick.label for tick in a.x_ticks] == ["1", "2", "4"]
    # one doubling of ranks is as wide as the next
    assert a.x_ticks[1].percent - a.x_ticks[0].percent == pytest.approx(a.x_ticks[2].percent - a.x_ticks[1].percent)
    assert [curve.name for curve in a.curves] == ["256", "2048"]
    (x1, y1, _), (x2, y2, title), (x4, y4, _) = a.curves[0].dots
    assert x1 < x2 < x4
    assert y1 < y2 < y4
    assert title == "batch 256, 2 ranks: 55.6 s"
    ideal = [tuple(map(float, part.split())) for part in a.curves[0].ideal.removeprefix("M").split("L")]
    assert ideal[0] == pytest.approx((x1, y1), abs=0.01)
    assert ideal[1][0] == pytest.approx(x4, abs=0.01)
    assert ideal[1][1] > y4  # below the measured time
    # on logarithmic axes 0.9 a doubling is a straight line
    assert y2 - y1 == pytest.approx(y4 - y2, rel=1e-6)
    assert len(b.curves[0].dots) == 2
    assert a.curves[0].bars.count("M") == 2  # no interval where all repeats agree
    assert a.words.startswith("batch 256 goes from 100 s at 1 rank to 30.9 s at 4 ranks; batch 2048 goes")


def test_the_page_has_figure_and_table_once(study: Result, make_result: Callable[..., Result]) -> None:
    page = render([(None, study), (None, make_result())])
    assert page.count(">Scaling") == 1
    assert "A. 22x22" in page
    assert "B. 106x106" in page
    assert "its ranks ended with status -9" in page
    assert "--world-sizes 1,2,4" in page
    assert "--batch-sizes 106x106=32" in page
    table = re.search(r'<table class="wide scaling">.*?</table>', page, re.S)
    assert table is not None
    assert table.group().count("<tr>") == 1 + 6
    # the figures of points stand in that table alone
    assert "time per epoch (case 22x22, batch size 256, ranks 1)<" not in page
    order = [page.index("parallel efficiency (case 22x22, batch size 2048, ranks 4)"), page.index("A. 22x22")]
    assert order == sorted(order)


def test_the_terminal_says_the_same(study: Result) -> None:
    lines = summary_lines(study)
    (line,) = (line for line in lines if "22x22, batch 2048, 4 ranks" in line)
    assert line.split()[-4:] != []
    assert "81.0 %" in line
    assert all(len(each) <= 110 for each in lines)
    last = last_line(study)
    assert last.startswith("parallel efficiency at 4 ranks (strong scaling): 22x22, batch 2048: 81.0 % [")
    assert last.endswith("; 106x106 not measured")


def test_a_study_of_nothing_is_shown_too(study: Result) -> None:
    empty = study.model_copy(update={"repeats": (), "summary": summarise(()), "verdict": "failed"})
    page = render([(None, empty)])
    assert page.count("No point of this panel was measured") == 2
    assert "not measured" in last_line(empty)


def test_a_small_share_keeps_its_power_of_ten(study: Result) -> None:
    (repeat, *_) = study.repeats
    key = next(metric.key for metric in repeat.metrics if metric.name == "share of data loading")
    changed = tuple(
        metric.model_copy(update={"value": 6.2e-6}) if metric.key == key else metric for metric in repeat.metrics
    )
    one = (repeat.model_copy(update={"metrics": changed}),)
    page = render([(None, study.model_copy(update={"repeats": one, "summary": summarise(one)}))])
    cell = re.search(r'<td class="number"><data value="6.2e-06"[^>]*>[^<]*</data>([^<]*)</td>', page)
    assert cell is not None
    assert "10⁻⁶" in cell.group(1)
