"""A study as the page shows it: where its axes go, its panels, and a table of all that was measured of each point."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from levinthal.harness.results.grid import Axis, Point, StudyPlan
from levinthal.harness.results.labels import Key
from levinthal.harness.results.result import Result
from levinthal.report.figures import FigureRow
from levinthal.report.study.charts import Bar, Curves, Map, bars_of, curves_of, map_of

Shape = Literal["curves", "map", "bars"]


@dataclass(frozen=True)
class Layout:
    """How the panels of a study are drawn.

    Attributes
    ----------
    shape : {"curves", "map", "bars"}
    across : Axis
        From left to right; of bars, from top to bottom.
    along : Axis or None
        Its values are the lines of curves, or the rows of a map.
    panels : tuple of (Point, tuple of Point)
        What the points of each panel have in common, and these points.
    """

    shape: Shape
    across: Axis
    along: Axis | None
    panels: tuple[tuple[Point, tuple[Point, ...]], ...]


def layout_of(plan: StudyPlan) -> Layout:
    """Return where the axes of a study go.

    What the study's `drawing` leaves open follows from the kinds of its axes: points over one numeric axis are curves,
    with a line for each value of an axis of words; two axes of the same kind are a map; a single axis of words is
    drawn as bars. What is left makes panels.
    """
    axes = [axis for axis in plan.axes if not axis.repeats]
    several = [axis for axis in axes if len(axis.values) > 1] or axes[-1:]
    drawing = plan.drawing
    numeric = [axis for axis in several if axis.numeric]
    across = plan.axis(drawing.across) if drawing.across else (numeric or several)[-1]
    rest = [axis for axis in several if axis is not across]
    along: Axis | None = None
    if drawing.along:
        along = plan.axis(drawing.along)
    elif rest and drawing.shape != "bars":
        along = ([axis for axis in rest if not axis.numeric] or rest)[-1]
    shape: Shape
    if drawing.shape:
        shape = drawing.shape
    elif across.numeric and (along is None or not along.numeric):
        shape = "curves"
    else:
        shape = "bars" if along is None else "map"
    inside = {across.name, along.name if along is not None else ""}
    panels: dict[Point, list[Point]] = {}
    for point in plan.figure_points():
        panels.setdefault(point.on(*(axis.name for axis in axes if axis.name not in inside)), []).append(point)
    return Layout(shape, across, along, tuple((common, tuple(points)) for common, points in panels.items()))


_LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"


@dataclass(frozen=True)
class Panel:
    """A figure over one or two axes: one of `curves`, `map` and `bars`, or none of them if nothing was measured."""

    letter: str
    name: str
    figure: str
    unit: str
    legend: str
    curves: Curves | None
    map: Map | None
    bars: tuple[Bar, ...]
    rows: Mapping[Point, FigureRow]


@dataclass(frozen=True)
class PointRow:
    """One point of the table: its figures in the order of the columns, None where one was not recorded."""

    words: str
    figures: tuple[FigureRow | None, ...]
    problem: str


@dataclass(frozen=True)
class Table:
    """What was measured of the points of a panel."""

    name: str
    head: str
    columns: tuple[str, ...]
    rows: tuple[PointRow, ...]


@dataclass(frozen=True)
class StudyView:
    """The study, ready to be laid out; `keys` are the figures that its table shows."""

    title: str
    lead: str
    caption: str
    ideal: bool
    panels: tuple[Panel, ...]
    tables: tuple[Table, ...]
    keys: frozenset[Key]


def study_view(result: Result, rows: Sequence[FigureRow]) -> StudyView | None:
    """Prepare the panels and tables of a study.

    Parameters
    ----------
    result : Result
    rows : sequence of FigureRow
        Of all its metrics.

    Returns
    -------
    StudyView or None
        None for an ordinary run.
    """
    plan = result.study
    if plan is None:
        return None
    points = {Key.of("", point).labels: point for point in plan.figure_points()}
    cells = {(row.key.name, points[row.key.labels]): row for row in rows if row.key.labels in points}
    names = tuple(dict.fromkeys(name for name, _ in cells))
    layout = layout_of(plan)
    drawn = plan.drawing.figures or names[:1]
    every = [(figure, common, shown) for figure in drawn for common, shown in layout.panels]
    return StudyView(
        title=plan.drawing.title or f"{plan.kind} study",
        lead=plan.drawing.lead,
        caption=plan.drawing.caption,
        ideal=plan.drawing.ideal,
        panels=tuple(
            _panel(_LETTERS[k : k + 1], result, layout, figure, common, shown, cells)
            for k, (figure, common, shown) in enumerate(every)
        ),
        tables=tuple(_tables(plan, layout, names, cells)),
        keys=frozenset(row.key for row in cells.values()),
    )


def headline_keys(plan: StudyPlan) -> list[Key]:
    """Return the figures that say most, of the points that do."""
    return [Key.of(figure, point) for figure in plan.drawing.headline for point in plan.headline_points()]


Cells = Mapping[tuple[str, Point], FigureRow]


def _panel(
    letter: str,
    result: Result,
    layout: Layout,
    figure: str,
    common: Point,
    points: Sequence[Point],
    cells: Cells,
) -> Panel:
    plan = result.study
    assert plan is not None
    rows = {point: cells[figure, point] for point in points if (figure, point) in cells}
    summaries = {summary.key: summary for summary in result.summary.named(figure)}
    found = {
        point: summaries[row.key]
        for point, row in rows.items()
        if row.key in summaries and summaries[row.key].median is not None
    }
    across, along = layout.across, layout.along
    drawing = plan.drawing
    return Panel(
        letter=letter,
        name=plan.words(common),
        figure=figure,
        unit=next((row.plain_unit for row in rows.values()), ""),
        legend=(along.title or along.name) if along is not None else "",
        curves=curves_of(found, points, across, along, logarithmic=drawing.logarithmic, ideal=drawing.ideal)
        if layout.shape == "curves"
        else None,
        map=map_of(found, points, across, along) if layout.shape == "map" and along is not None else None,
        bars=bars_of(found, points, across) if layout.shape == "bars" else (),
        rows=rows,
    )


def _tables(plan: StudyPlan, layout: Layout, names: Sequence[str], cells: Cells) -> Iterator[Table]:
    if not names:
        return
    for common, points in layout.panels:
        axes = [axis for axis in points[0] if axis not in common]
        yield Table(
            name=plan.words(common),
            head=", ".join(axes).capitalize(),
            columns=tuple(_heading(plan, name, points, cells) for name in names),
            rows=tuple(_row(point, axes, names, cells) for point in points),
        )


def _heading(plan: StudyPlan, name: str, points: Sequence[Point], cells: Cells) -> str:
    heading = plan.drawing.headings.get(name, name[:1].upper() + name[1:])
    unit = next((cells[name, point].plain_unit for point in points if (name, point) in cells), "")
    return f"{heading}, {unit}" if unit else heading


def _row(point: Point, axes: Sequence[str], names: Sequence[str], cells: Cells) -> PointRow:
    figures = tuple(cells.get((name, point)) for name in names)
    first = figures[0]
    problem = "not measured" if first is None else first.problem if first.median is None else ""
    return PointRow(", ".join(str(point[axis]) for axis in axes), figures, problem)
