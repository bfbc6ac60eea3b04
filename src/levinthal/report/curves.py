"""Curves from raw samples: `curve/PLOT/SERIES`, drawn against `curve/PLOT/x` where that was recorded."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from levinthal.harness.results.result import Repeat, Samples
from levinthal.report.axis import Axis, Tick, linear_axis, log_axis
from levinthal.report.rounding import rounded

__all__ = ["Line", "Plot", "Series", "is_curve", "plots_of", "thin_out"]

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
class _Curve:
    series: str
    unit: str
    repeat: Repeat
    points: tuple[Point, ...]


def is_curve(name: str) -> bool:
    """Say whether samples of this name are drawn as a curve or hold the x values of one."""
    kind, _, rest = name.partition("/")
    plot, _, series = rest.partition("/")
    return kind == "curve" and bool(plot) and bool(series)


def plots_of(repeats: Sequence[Repeat]) -> tuple[Plot, ...]:
    """Return a chart for each plot that the repeats recorded, in order of first appearance."""
    names: dict[str, None] = {}
    for repeat in repeats:
        for name in repeat.samples:
            if is_curve(name) and name.split("/", 2)[2] != "x":
                names.setdefault(name.split("/", 2)[1])
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
    notes: dict[str, None] = {}
    curves = [curve for repeat in repeats for curve in _curves(plot, repeat, notes)]
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
    units = list(dict.fromkeys(curve.unit for curve in curves if curve.unit))
    x_units = [samples.unit for repeat in repeats if (samples := repeat.samples.get(f"curve/{plot}/x")) is not None]
    return Plot(
        name=plot,
        x_label=x_units[0] if x_units else "number of the sample",
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
        notes=tuple(notes),
        words=_words(curves),
    )


def _curves(plot: str, repeat: Repeat, notes: dict[str, None]) -> list[_Curve]:
    samples: Mapping[str, Samples] = repeat.samples
    xs = samples[f"curve/{plot}/x"].values if f"curve/{plot}/x" in samples else None
    curves = []
    for name, recorded in samples.items():
        if not is_curve(name) or name.split("/", 2)[1] != plot or name.split("/", 2)[2] == "x":
            continue
        series, ys = name.split("/", 2)[2], recorded.values
        if xs is not None and len(xs) != len(ys):
            notes.setdefault(
                f"{series} has {len(ys)} values but x has {len(xs)} in repeat {repeat.index + 1}: "
                "drawn evenly over the range of x"
            )
        places = _places(xs, len(ys))
        if any(y is None for y in ys):
            notes.setdefault("a gap in a line is a value that was not finite")
        points = tuple((x, y) for x, y in zip(places, ys, strict=True) if x is not None)
        curves.append(_Curve(series, recorded.unit, repeat, tuple(thin_out(points))))
    return curves


def _places(xs: Sequence[float | None] | None, n: int) -> Sequence[float | None]:
    """Return an x for each of `n` values: as recorded, else evenly spaced."""
    if xs is not None and len(xs) == n:
        return xs
    known = [x for x in xs or () if x is not None]
    if len(known) < 2:
        return [float(number) for number in range(1, n + 1)]
    low, high = min(known), max(known)
    return [low + (high - low) * number / max(1, n - 1) for number in range(n)]


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


def _words(curves: Sequence[_Curve]) -> str:
    parts = []
    for name in dict.fromkeys(curve.series for curve in curves):
        mine = [curve for curve in curves if curve.series == name]
        ys = [y for _, y in mine[0].points if y is not None]
        if ys:
            where = f" in repeat {mine[0].repeat.index + 1}" if len(mine) > 1 else ""
            unit = "" if mine[0].unit == "1" else f" {mine[0].unit}"
            parts.append(f"{name} goes from {rounded(ys[0]).whole} to {rounded(ys[-1]).whole}{unit}{where}")
    return "; ".join(parts)
