"""Where the axes of a study go on the page: from left to right, into the lines or rows of a panel, or into panels."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from levinthal.harness.results.grid import Axis, Point, StudyPlan

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
