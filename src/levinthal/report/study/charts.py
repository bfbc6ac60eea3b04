"""The panels of a study as plain values for the template: curves in a box of 100 by 100, maps, and bars."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from levinthal.harness.results.grid import Axis as GridAxis
from levinthal.harness.results.grid import Point
from levinthal.harness.results.labels import Label
from levinthal.harness.results.result import Summary
from levinthal.report.axis import Axis, Tick, linear_axis, log_axis
from levinthal.report.rounding import rounded

Summaries = Mapping[Point, Summary]
"""Summaries with a median, by point."""

_LOG_RATIO = 30.0
_MOST_TICKS = 8
_DEEPEST = 55.0


@dataclass(frozen=True)
class Curve:
    """One line, as SVG paths: measured, its intervals, and what it is held against."""

    name: str
    style: int
    path: str
    bars: str
    ideal: str
    dots: tuple[tuple[float, float, str], ...]


@dataclass(frozen=True)
class Curves:
    """The lines of a panel."""

    x_ticks: tuple[Tick, ...]
    y_ticks: tuple[Tick, ...]
    x_name: str
    logarithmic: bool
    curves: tuple[Curve, ...]
    words: str


@dataclass(frozen=True)
class Map:
    """Two axes of a panel as a table: the point of each cell and how deep it is coloured, in per cent."""

    corner: str
    columns: tuple[str, ...]
    rows: tuple[tuple[str, tuple[tuple[Point, float] | None, ...]], ...]


@dataclass(frozen=True)
class Bar:
    """A point as a bar from 0, with the ends of its interval, in per cent of the longest."""

    name: str
    point: Point
    percent: float
    interval: tuple[float, float] | None


@dataclass(frozen=True)
class _Dot:
    x: float
    y: float
    low: float
    high: float
    words: str


def curves_of(
    found: Summaries,
    points: Sequence[Point],
    across: GridAxis,
    along: GridAxis | None,
    *,
    logarithmic: bool,
    ideal: bool,
) -> Curves | None:
    """Return the lines of a panel, None where nothing was measured.

    Parameters
    ----------
    found : mapping of Point to Summary
        With a median.
    points : sequence of Point
        Of the panel.
    across, along : axis
        From left to right, and of the lines.
    logarithmic : bool
        Whether both axes are to be, if all numbers are above 0.
    ideal : bool
        Whether lines are held against one that is in proportion to the axis, or in inverse proportion where less is
        better.
    """
    lines: dict[Label, list[_Dot]] = {}
    for point in points:
        if point not in found:
            continue
        summary, x = found[point], float(point[across.name])
        assert summary.median is not None
        low, high = summary.ci95 or (summary.median, summary.median)
        here = [axis.words(point[axis.name]) for axis in (along, across) if axis is not None]
        words = f"{', '.join(here)}: {_with_unit(summary)}"
        lines.setdefault(point[along.name] if along else "", []).append(_Dot(x, summary.median, low, high, words))
    if not lines:
        return None
    lines = {value: sorted(line, key=lambda dot: dot.x) for value, line in lines.items()}
    dots = [dot for line in lines.values() for dot in line]
    logarithmic = logarithmic and min(min(dot.x, dot.y) for dot in dots) > 0
    if logarithmic:
        lines = {
            value: [_Dot(dot.x, dot.y, max(dot.low, 1e-3 * dot.y), dot.high, dot.words) for dot in line]
            for value, line in lines.items()
        }
    rises = next(iter(found.values())).better == "higher"
    last = max(float(value) for value in across.values)
    ends = {value: _ideal(line[0], last, rises=rises) for value, line in lines.items()} if ideal else {}
    heights = [y for line in lines.values() for dot in line for y in (dot.y, dot.low, dot.high)]
    heights += [end.y for end in ends.values()]
    x_axis = _x_axis([float(value) for value in across.values], logarithmic=logarithmic)
    y_axis = (
        log_axis(min(heights), max(heights)) if logarithmic else linear_axis(min(heights), max(heights), margin=0.04)
    )
    return Curves(
        x_ticks=x_axis.ticks,
        y_ticks=y_axis.ticks,
        x_name=across.title or across.name,
        logarithmic=logarithmic,
        curves=tuple(
            Curve(
                name=str(value),
                style=style,
                path=_path([(dot.x, dot.y) for dot in line], x_axis, y_axis),
                bars="".join(
                    _path([(dot.x, dot.low), (dot.x, dot.high)], x_axis, y_axis) for dot in line if dot.high > dot.low
                ),
                ideal=_path([(line[0].x, line[0].y), (ends[value].x, ends[value].y)], x_axis, y_axis)
                if ideal and last > line[0].x
                else "",
                dots=tuple((x_axis.percent(dot.x), 100 - y_axis.percent(dot.y), dot.words) for dot in line),
            )
            for style, (value, line) in enumerate(lines.items())
        ),
        words=_words(lines, across, along),
    )


def _ideal(first: _Dot, last: float, *, rises: bool) -> _Dot:
    factor = last / first.x
    y = first.y * factor if rises else first.y / factor
    return _Dot(last, y, y, y, "")


def _words(lines: Mapping[Label, Sequence[_Dot]], across: GridAxis, along: GridAxis | None) -> str:
    parts = []
    for value, line in lines.items():
        what = along.words(value) if along is not None else across.name
        begun, ended = (dot.words.removeprefix(f"{what}, ") for dot in (line[0], line[-1]))
        parts.append(f"{what} goes from {_turned(begun)} to {_turned(ended)}")
    return "; ".join(parts)


def _turned(words: str) -> str:
    """Return `100 s at 1 rank` of `1 rank: 100 s`."""
    where, _, what = words.rpartition(": ")
    return f"{what} at {where}"


def _with_unit(summary: Summary) -> str:
    assert summary.median is not None
    return " ".join([rounded(summary.median).whole, *([summary.unit] if summary.unit != "1" else [])])


def _x_axis(values: Sequence[float], *, logarithmic: bool) -> Axis:
    """Return an axis with a tick at each value while there are few, and a margin on both sides."""
    if not logarithmic:
        axis = linear_axis(min(values), max(values), margin=0.04)
        if len(values) > _MOST_TICKS:
            return axis
        ticks = tuple(Tick(axis.percent(value), f"{value:g}") for value in values)
        return Axis(axis.low, axis.high, False, ticks)
    low, high = min(values) / 1.15, max(values) * 1.15
    if len(values) > _MOST_TICKS:
        return log_axis(low, high)
    span = math.log(high / low)
    return Axis(low, high, True, tuple(Tick(100 * math.log(n / low) / span, f"{n:g}") for n in values))


def _path(points: Sequence[tuple[float, float]], x_axis: Axis, y_axis: Axis) -> str:
    places = [f"{x_axis.percent(x):.2f} {100 - y_axis.percent(y):.2f}" for x, y in points]
    return "M" + "L".join(places)


def map_of(found: Summaries, points: Sequence[Point], across: GridAxis, along: GridAxis) -> Map | None:
    """Return two axes of a panel as a table, None where nothing was measured; parameters as for `curves_of`."""
    medians = {point: float(found[point].median or 0.0) for point in points if point in found}
    if not medians:
        return None
    low, high = min(medians.values()), max(medians.values())
    logarithmic = low > 0 and high > _LOG_RATIO * low

    def depth(value: float) -> float:
        if high == low:
            return _DEEPEST / 2
        if logarithmic:
            return _DEEPEST * math.log(value / low) / math.log(high / low)
        return _DEEPEST * (value - low) / (high - low)

    places = {(point[along.name], point[across.name]): point for point in medians}
    columns = tuple(dict.fromkeys(point[across.name] for point in points))
    rows = tuple(dict.fromkeys(point[along.name] for point in points))

    def cell(row: Label, column: Label) -> tuple[Point, float] | None:
        point = places.get((row, column))
        return None if point is None else (point, depth(medians[point]))

    return Map(
        corner=f"{along.title or along.name} \\ {across.title or across.name}",
        columns=tuple(map(str, columns)),
        rows=tuple((str(row), tuple(cell(row, column) for column in columns)) for row in rows),
    )


def bars_of(found: Summaries, points: Sequence[Point], across: GridAxis) -> tuple[Bar, ...]:
    """Return a bar for each point that was measured, in order; parameters as for `curves_of`."""
    shown = [point for point in points if point in found]
    ends = [max(found[point].ci95 or (float(found[point].median or 0.0),)) for point in shown]
    longest = max(ends, default=0.0)
    share = 100 / longest if longest > 0 else 0.0
    bars = []
    for point in shown:
        interval = found[point].ci95
        bars.append(
            Bar(
                name=str(point[across.name]),
                point=point,
                percent=max(0.0, share * float(found[point].median or 0.0)),
                interval=(max(0.0, share * interval[0]), max(0.0, share * interval[1])) if interval else None,
            )
        )
    return tuple(bars)
