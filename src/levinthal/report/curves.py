"""The curves of a result as charts: those of one name share a chart, their labels tell the lines apart."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from levinthal.harness.results.result import Curve, Repeat
from levinthal.report.axis import Axis, Tick, linear_axis, log_axis
from levinthal.report.rounding import rounded

_MOST_POINTS = 500
_LOG_RATIO = 50.0

Point = tuple[float, float | None]


@dataclass(frozen=True)
class Series:
    """A named curve; all repeats share its colour and dashes."""

    name: str
    style: int


@dataclass(frozen=True)
class Line:
    """The curve of one repeat as an SVG path in a 100 by 100 box."""

    style: int
    path: str
    title: str
    failed: bool


@dataclass(frozen=True)
class Plot:
    """One chart: `notes` say what could not be drawn as recorded, `words` what it shows."""

    name: str
    x_label: str
    y_label: str
    x_ticks: tuple[Tick, ...]
    y_ticks: tuple[Tick, ...]
    logarithmic: bool
    series: tuple[Series, ...]
    lines: tuple[Line, ...]
    n_repeats: int
    notes: tuple[str, ...]
    words: str


@dataclass(frozen=True)
class _Drawn:
    series: str
    curve: Curve
    repeat: Repeat
    points: tuple[Point, ...]


def plots_of(repeats: Sequence[Repeat]) -> tuple[Plot, ...]:
    """Return a chart for each plot that the repeats recorded, in order of first appearance."""
    names = dict.fromkeys(curve.name for repeat in repeats for curve in repeat.curves)
    return tuple(plot for name in names if (plot := _plot(name, repeats)) is not None)


def thin_out(points: Sequence[Point], most: int = _MOST_POINTS) -> list[Point]:
    """Keep at most about `most` points: of each stretch the first, the lowest and the highest, gaps included."""
    if len(points) <= most:
        return list(points)
    stretch = -(-len(points) * 3 // most)
    kept: list[Point] = []
    for begin in range(0, len(points), stretch):
        piece = points[begin : begin + stretch]
        numbers = [(y, at) for at, (_, y) in enumerate(piece) if y is not None]
        wanted = {0, *((min(numbers)[1], max(numbers)[1]) if numbers else ())}
        kept += [piece[at] for at in sorted(wanted)]
    return [*kept, points[-1]] if kept[-1] != points[-1] else kept


def _plot(plot: str, repeats: Sequence[Repeat]) -> Plot | None:
    curves = [
        _Drawn(_series(curve), curve, repeat, tuple(thin_out(_points(curve))))
        for repeat in repeats
        for curve in repeat.curves
        if curve.name == plot
    ]
    heights = [y for curve in curves for _, y in curve.points if y is not None]
    places = [x for curve in curves for x, y in curve.points if y is not None]
    if not heights:
        return None
    logarithmic = min(heights) > 0 and max(heights) > _LOG_RATIO * min(heights)
    try:
        x_axis = linear_axis(min(places), max(places))
        y_axis = (
            log_axis(min(heights), max(heights))
            if logarithmic
            else linear_axis(min(heights), max(heights), margin=0.04)
        )
    except ValueError:
        return None
    names = list(dict.fromkeys(curve.series for curve in curves))
    styles = {name: position for position, name in enumerate(names)}
    units = list(dict.fromkeys(drawn.curve.unit for drawn in curves if drawn.curve.unit))
    gaps = any(y is None for drawn in curves for y in drawn.curve.y)
    return Plot(
        name=plot,
        x_label=" or ".join(dict.fromkeys(_x_label(drawn.curve) for drawn in curves)),
        y_label=" or ".join("pure number" if unit == "1" else unit for unit in units),
        x_ticks=x_axis.ticks,
        y_ticks=y_axis.ticks,
        logarithmic=logarithmic,
        series=tuple(Series(name, style) for name, style in styles.items()),
        lines=tuple(
            Line(
                styles[curve.series],
                _path(curve.points, x_axis, y_axis),
                f"{curve.series}, repeat {curve.repeat.index + 1}",
                curve.repeat.verdict == "failed",
            )
            for curve in curves
        ),
        n_repeats=len({curve.repeat.index for curve in curves}),
        notes=("a gap in a line is a value that was not finite",) if gaps else (),
        words=_words(curves),
    )


def _series(curve: Curve) -> str:
    return ", ".join(map(str, curve.labels.values())) or curve.name


def _x_label(curve: Curve) -> str:
    return curve.x_name if curve.x_unit in ("", "1", curve.x_name) else f"{curve.x_name}, {curve.x_unit}"


def _points(curve: Curve) -> list[Point]:
    return [(x, y) for x, y in zip(curve.x, curve.y, strict=True) if x is not None]


def _path(points: Sequence[Point], x_axis: Axis, y_axis: Axis) -> str:
    """Return an SVG path; a point with gaps on both sides becomes a dot by its round cap."""
    commands = []
    pen_down = False
    for x, y in points:
        if y is None:
            pen_down = False
            continue
        place = f"{x_axis.percent(x):.2f} {100 - y_axis.percent(y):.2f}"
        commands.append(f"L{place}" if pen_down else f"M{place}h0")
        pen_down = True
    return "".join(commands)


def _words(curves: Sequence[_Drawn]) -> str:
    parts = []
    for name in dict.fromkeys(curve.series for curve in curves):
        mine = [curve for curve in curves if curve.series == name]
        ys = [y for _, y in mine[0].points if y is not None]
        if ys:
            where = f" in repeat {mine[0].repeat.index + 1}" if len(mine) > 1 else ""
            unit = "" if mine[0].curve.unit == "1" else f" {mine[0].curve.unit}"
            parts.append(f"{name} goes from {rounded(ys[0]).whole} to {rounded(ys[-1]).whole}{unit}{where}")
    return "; ".join(parts)
