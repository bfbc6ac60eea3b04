"""A scaling study as the paper's Figure 3 draws it: time per epoch against devices, a panel for each problem size."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from levinthal.harness.results.labels import Key
from levinthal.harness.results.result import Result, Summaries
from levinthal.harness.results.scaling_points import EFFICIENCY, EPOCH_TIME, FIGURES, Point, Scaling
from levinthal.report.axis import Axis, Tick, log_axis
from levinthal.report.figures import FigureRow
from levinthal.report.rounding import rounded

__all__ = ["Curve", "Panel", "PointRow", "ScalingView", "headline_keys", "scaling_view"]

_LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"


@dataclass(frozen=True)
class Curve:
    """One batch size in a panel, as SVG paths in a 100 by 100 box: measured, its intervals, and ideal."""

    name: str
    style: int
    path: str
    bars: str
    ideal: str
    dots: tuple[tuple[float, float, str], ...]


@dataclass(frozen=True)
class Panel:
    """One problem size; `problem` says why nothing is drawn."""

    letter: str
    name: str
    x_ticks: tuple[Tick, ...]
    y_ticks: tuple[Tick, ...]
    curves: tuple[Curve, ...]
    words: str
    problem: str


@dataclass(frozen=True)
class PointRow:
    """One point of the table: its figures in the order of `FIGURES`, None where one was not recorded."""

    batch: str
    ranks: int
    figures: tuple[FigureRow | None, ...]
    problem: str


@dataclass(frozen=True)
class ScalingView:
    """The study, ready to be laid out."""

    mode: str
    ranks: str
    batch: str
    panels: tuple[Panel, ...]
    tables: tuple[tuple[str, tuple[PointRow, ...]], ...]
    keys: frozenset[Key]


def scaling_view(result: Result, rows: Sequence[FigureRow]) -> ScalingView | None:
    """Prepare the figure and the table of a scaling study.

    Parameters
    ----------
    result : Result
    rows : sequence of FigureRow
        Of all its metrics.

    Returns
    -------
    ScalingView or None
        None for an ordinary run; `keys` are the metrics that the table shows.
    """
    scaling = result.scaling
    if scaling is None:
        return None
    by_key = {row.key: row for row in rows}
    points = list(scaling.points())
    panels = tuple(
        _panel(letter, case, scaling, result.summary)
        for letter, case in zip(_LETTERS, scaling.batch_sizes, strict=False)
    )
    tables = tuple(
        (case, tuple(_row(point, by_key) for point in points if point.case == case)) for case in scaling.batch_sizes
    )
    on_gpus = any(repeat.device.startswith("cuda") for repeat in result.repeats)
    return ScalingView(
        mode=scaling.mode,
        ranks="GPUs" if on_gpus else "ranks, a core each",
        batch="batch" if scaling.mode == "strong" else "batch of each rank",
        panels=panels,
        tables=tables,
        keys=frozenset(Key.of(figure, point.labels) for figure in FIGURES for point in points),
    )


def headline_keys(scaling: Scaling) -> list[Key]:
    """Return the metrics that say most: efficiency and time per epoch at the most ranks and the largest batches."""
    most = max(scaling.world_sizes)
    points = [Point(case, max(sizes), most, scaling.mode) for case, sizes in scaling.batch_sizes.items()]
    return [Key.of(figure, point.labels) for figure in (EFFICIENCY, EPOCH_TIME) for point in points]


def _row(point: Point, by_key: Mapping[Key, FigureRow]) -> PointRow:
    figures = tuple(by_key.get(Key.of(figure, point.labels)) for figure in FIGURES)
    first = figures[0]
    problem = "not measured" if first is None else first.problem if first.median is None else ""
    return PointRow(str(point.batch_size), point.n_ranks, figures, problem)


def _panel(letter: str, case: str, scaling: Scaling, summary: Summaries) -> Panel:
    measured: dict[int, list[tuple[int, float, tuple[float, float]]]] = {}
    for batch_size in scaling.batch_sizes[case]:
        for n_ranks in scaling.world_sizes:
            found = summary.get(EPOCH_TIME, Point(case, batch_size, n_ranks, scaling.mode).labels)
            if found is not None and found.median is not None and found.median > 0:
                low, high = found.ci95 or (found.median, found.median)
                measured.setdefault(batch_size, []).append(
                    (n_ranks, found.median, (max(low, 1e-3 * found.median), high))
                )
    if not measured:
        return Panel(letter, case, (), (), (), "", "No point of this panel was measured.")
    x_axis = _rank_axis(scaling.world_sizes)
    last = max(scaling.world_sizes)
    heights = [y for line in measured.values() for _, median, ends in line for y in (median, *ends)]
    heights += [line[0][1] * line[0][0] / last for line in measured.values()]
    y_axis = log_axis(min(heights), max(heights))
    curves = []
    for style, (batch_size, line) in enumerate(measured.items()):
        begun, begun_s, _ = line[0]
        ends = [(begun, begun_s), (last, begun_s * begun / last)]
        curves.append(
            Curve(
                name=f"{batch_size}",
                style=style,
                path=_path([(n, median) for n, median, _ in line], x_axis, y_axis),
                bars="".join(_path([(n, low), (n, high)], x_axis, y_axis) for n, _, (low, high) in line if high > low),
                ideal=_path(ends, x_axis, y_axis) if last > begun else "",
                dots=tuple(
                    (
                        x_axis.percent(n),
                        100 - y_axis.percent(median),
                        f"batch {batch_size}, {n} {'rank' if n == 1 else 'ranks'}: {rounded(median).whole} s",
                    )
                    for n, median, _ in line
                ),
            )
        )
    words = "; ".join(
        f"batch {batch_size} goes from {rounded(line[0][1]).whole} s on {line[0][0]} to "
        f"{rounded(line[-1][1]).whole} s on {line[-1][0]}"
        for batch_size, line in measured.items()
    )
    return Panel(letter, case, x_axis.ticks, y_axis.ticks, tuple(curves), words, "")


def _rank_axis(world_sizes: Sequence[int]) -> Axis:
    """Return a logarithmic axis with a tick at each number of ranks, and a margin on both sides."""
    low, high = min(world_sizes) / 1.15, max(world_sizes) * 1.15
    span = math.log(high / low)
    ticks = tuple(Tick(100 * math.log(n / low) / span, str(n)) for n in world_sizes)
    return Axis(low, high, True, ticks)


def _path(points: Sequence[tuple[float, float]], x_axis: Axis, y_axis: Axis) -> str:
    places = [f"{x_axis.percent(x):.2f} {100 - y_axis.percent(y):.2f}" for x, y in points]
    return "M" + "L".join(places)
