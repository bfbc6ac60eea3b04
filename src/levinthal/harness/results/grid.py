"""What a study varies: axes, the points of their grid, and how the report draws them; plain data that results hold."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import product
from typing import Annotated, Any, Literal

from pydantic import Field, model_validator

from levinthal.harness.results.labels import Label, Labels, Record


@dataclass(frozen=True)
class Point(Mapping[str, Label]):
    """One point of a grid: a mapping from the names of the axes to its values, which are also its labels.

    Attributes
    ----------
    labels : tuple of (str, value)
        In the order of the axes.
    """

    labels: tuple[tuple[str, Label], ...]

    def __getitem__(self, axis: str) -> Label:
        """Return the value on an axis."""
        for name, value in self.labels:
            if name == axis:
                return value
        raise KeyError(axis)

    def __iter__(self) -> Iterator[str]:
        """Yield the names of the axes."""
        return (name for name, _ in self.labels)

    def __len__(self) -> int:
        """Return the number of axes."""
        return len(self.labels)

    def at(self, axis: str, value: Label) -> Point:
        """Return the point that differs from this one on one axis."""
        return Point(tuple((name, value if name == axis else own) for name, own in self.labels))

    def on(self, *axes: str) -> Point:
        """Return what the point is on some of the axes."""
        return Point(tuple((name, value) for name, value in self.labels if name in axes))


class Axis(Record):
    """One thing that a study varies.

    Attributes
    ----------
    name : str
        Also the name of the label.
    values : tuple of value
        In the order in which they are measured and shown.
    baseline : value, optional
        What the others are compared with.
    repeats : bool
        Whether points that differ on this axis alone are repeats of each other: their figures are put together, and
        ratios are taken pair by pair.
    before, after, counted : str
        How a value is told in words: with what stands before and after it (`batch 8 a rank`), or as a number of things
        (`counted="rank"`: `1 rank`, `2 ranks`). A number with neither has the axis's name before it.
    title : str
        What stands at the axis of a chart, by default the name.
    """

    name: Annotated[str, Field(min_length=1)]
    values: Annotated[tuple[Label, ...], Field(min_length=1)]
    baseline: Label | None = None
    repeats: bool = False
    before: str = ""
    after: str = ""
    counted: str = ""
    title: str = ""

    @model_validator(mode="after")
    def _consistent(self) -> Axis:
        if len(set(self.values)) != len(self.values):
            raise ValueError(f"axis {self.name!r} has a value twice")
        if self.baseline is not None and self.baseline not in self.values:
            raise ValueError(f"axis {self.name!r}: the baseline {self.baseline!r} is not one of its values")
        return self

    @property
    def numeric(self) -> bool:
        """Whether its values are numbers, which have an order and distances."""
        return not any(isinstance(value, str) for value in self.values)

    def words(self, value: Label) -> str:
        """Return a value in words, for example `batch 8` or `2 ranks`."""
        if self.counted:
            return f"{value} {self.counted}{'' if value == 1 else 's'}"
        before = self.before or (self.name if self.numeric else "")
        return " ".join(part for part in (before, str(value), self.after) if part)


_MOST_POINTS = 1_000_000


class Grid(Record):
    """Axes, and which points of their product there are.

    Attributes
    ----------
    axes : tuple of Axis
    parts : tuple of mapping of str to tuple of value
        Each the product of the axes with fewer values on those that it names; the grid is all of them together. Without
        any it is the whole product.
    """

    axes: Annotated[tuple[Axis, ...], Field(min_length=1)]
    parts: tuple[Mapping[str, tuple[Label, ...]], ...] = ()

    @model_validator(mode="after")
    def _known(self) -> Grid:
        names = [axis.name for axis in self.axes]
        if len(set(names)) != len(names):
            raise ValueError(f"two axes have the same name: {', '.join(names)}")
        for part in self.parts:
            for name, values in part.items():
                if name not in names or not set(values) <= set(self.axis(name).values):
                    raise ValueError(f"a part of the grid has {name} {', '.join(map(str, values))}, no axis does")
        n_points = sum(
            math.prod(len(part.get(axis.name, axis.values)) for axis in self.axes) for part in self.parts or ({},)
        )
        if n_points > _MOST_POINTS:
            raise ValueError(f"the grid has {n_points:,} points, more than {_MOST_POINTS:,}")
        return self

    def axis(self, name: str) -> Axis:
        """Return an axis by its name, a `KeyError` where there is none."""
        for axis in self.axes:
            if axis.name == name:
                return axis
        raise KeyError(name)

    def points(self) -> tuple[Point, ...]:
        """Return every point once, part by part, the last axis fastest."""
        names = [axis.name for axis in self.axes]
        return tuple(
            dict.fromkeys(
                Point(tuple(zip(names, values, strict=True)))
                for part in self.parts or ({},)
                for values in product(*(part.get(axis.name, axis.values) for axis in self.axes))
            )
        )

    def figure_points(self) -> tuple[Point, ...]:
        """Return the points that figures are of: each once, whatever it is on an axis of repeats."""
        axes = [axis.name for axis in self.axes if not axis.repeats]
        return tuple(dict.fromkeys(point.on(*axes) for point in self.points()))

    def baseline_of(self, point: Point, axis: str) -> Point | None:
        """Return the point with which one is compared along an axis, None where the axis names no baseline."""
        baseline = self.axis(axis).baseline
        return None if baseline is None else point.at(axis, baseline)

    def words(self, point: Point) -> str:
        """Return a point in words, for example `22x22, batch 2048, 2 ranks`."""
        return ", ".join(self.axis(name).words(value) for name, value in point.items())

    def stems(self, *axes: str) -> dict[Point, str]:
        """Return a file name for each point, without an ending; no two are alike, whatever the values.

        Parameters
        ----------
        *axes : str
            Of what the points are on these axes, instead of the whole points.
        """
        names = axes or tuple(axis.name for axis in self.axes)
        stems: dict[Point, str] = {}
        taken: set[str] = set()
        for point in dict.fromkeys(point.on(*names) for point in self.points()):
            wanted = stem = "-".join(_slug(self.axis(name), value) for name, value in point.items())
            number = 2
            while stem.casefold() in taken:
                stem, number = f"{wanted}-{number}", number + 1
            taken.add(stem.casefold())
            stems[point] = stem
        return stems


def _slug(axis: Axis, value: Label) -> str:
    before = (axis.before or axis.name) if axis.numeric else axis.before
    return re.sub(r"[^\w.+-]+", "_", f"{before}{value}").lstrip(".-") or "_"


class Drawing(Record):
    """How the report shows a study; what is left out follows from the axes.

    Attributes
    ----------
    title, lead : str
        The heading, and a sentence on what was done.
    shape : {"", "curves", "map", "bars"}
        How a panel is drawn: over a numeric axis, as a table of two axes, or as a bar for each value.
    across, along : str
        The axis from left to right, and the one whose values are the lines of a panel, or the rows of a map; every
        other axis makes panels.
    figures : tuple of str
        What is drawn, by default the first figure there is.
    logarithmic : bool
        Whether both axes of curves are.
    ideal : bool
        Whether curves are held against one that falls as the numbers on the axis rise, from its first point on.
    headings : mapping of str to str
        What stands over the column of a figure instead of its name.
    shares : tuple of str
        Figures that are told in per cent where there is little room.
    caption : str
        A word on the table.
    headline : tuple of str
        The figures that say most; they are shown first, of the points with the greatest numbers.
    """

    title: str = ""
    lead: str = ""
    shape: Literal["", "curves", "map", "bars"] = ""
    across: str = ""
    along: str = ""
    figures: tuple[str, ...] = ()
    logarithmic: bool = False
    ideal: bool = False
    headings: Mapping[str, str] = Field(default_factory=dict)
    shares: tuple[str, ...] = ()
    caption: str = ""
    headline: tuple[str, ...] = ()


class Choice(Record):
    """What was chosen once for all points that are alike on some axes.

    Attributes
    ----------
    labels : mapping of str to value
        What these points are on those axes.
    asked : mapping of str to value
        What it was to be chosen for; a choice that was asked for otherwise is made again.
    taken : mapping of str to value
        For example the precision and the implementation.
    reason : str
        Why, in a few words: what was measured.

    Examples
    --------
    >>> from levinthal.harness import Choice
    >>> Choice(labels={"case": "22x22"}, taken={"precision": "bf16"}, reason="1.8 times fp32").taken["precision"]
    'bf16'
    """

    labels: Labels = Field(default_factory=dict)
    asked: Labels = Field(default_factory=dict)
    taken: Labels
    reason: str = ""


class StudyPlan(Grid):
    """A study, as the plan and the result of a run hold it.

    Attributes
    ----------
    kind : str
        Which kind of study; see `levinthal.harness.study`.
    options : mapping of str to value
        What was asked of the kind.
    command : tuple of str
        What stands after `levinthal` and before the workload's name on the command line that asks for it, and
    arguments : tuple of str
        what stands behind.
    drawing : Drawing
    choices : tuple of Choice
        What was chosen once for several points; in a plan there is none yet.
    """

    kind: str
    options: Mapping[str, Any] = Field(default_factory=dict)
    command: tuple[str, ...] = ()
    arguments: tuple[str, ...] = ()
    drawing: Drawing = Drawing()
    choices: tuple[Choice, ...] = ()

    @model_validator(mode="after")
    def _can_be_drawn(self) -> StudyPlan:
        drawn = [axis.name for axis in self.axes if not axis.repeats]
        for name in (self.drawing.across, self.drawing.along):
            if name and name not in drawn:
                raise ValueError(f"the drawing has an axis {name!r}, the figures are over {', '.join(drawn) or 'none'}")
        return self

    def headline_points(self) -> tuple[Point, ...]:
        """Return the points that say most: for each combination of the axes of words that with the greatest numbers."""
        best: dict[Point, Point] = {}
        for point in self.figure_points():
            words = point.on(*(name for name in point if not self.axis(name).numeric))
            numbers = [value for name, value in point.items() if self.axis(name).numeric]
            found = best.setdefault(words, point)
            if numbers > [value for name, value in found.items() if self.axis(name).numeric]:
                best[words] = point
        return tuple(best.values())
