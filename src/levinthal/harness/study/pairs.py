"""Points against the point that an axis names as their baseline, paired by repeat."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

from levinthal.harness.results.grid import Grid, Point
from levinthal.harness.results.labels import Label

T = TypeVar("T")


@dataclass(frozen=True)
class Pairs(Generic[T]):
    """What was measured at one point and at its baseline.

    Attributes
    ----------
    candidate, baseline : Point
        Without the axes of repeats.
    values : tuple of (T, T)
        Of the candidate and of the baseline, a pair for each repeat in which both were measured.
    """

    candidate: Point
    baseline: Point
    values: tuple[tuple[T, T], ...]


def pairs_along(grid: Grid, found: Mapping[Point, T], axis: str, baseline: Label | None = None) -> list[Pairs[T]]:
    """Return the pairs of every other point and its baseline, in the order of the grid.

    Parameters
    ----------
    grid : Grid
    found : mapping of Point to T
        What was measured; a point that was not is in no pair.
    axis : str
        Along which points are compared.
    baseline : value, optional
        Instead of the one that the axis names.

    Returns
    -------
    list of Pairs
        Of the points that have a baseline in the grid, also where nothing was measured of one of the two.
    """
    against = grid.axis(axis).baseline if baseline is None else baseline
    if against is None:
        return []
    repeated = {each.name for each in grid.axes if each.repeats}
    points = grid.points()
    there = set(points)
    pairs: dict[tuple[Point, Point], list[tuple[T, T]]] = {}
    for point in points:
        other = point.at(axis, against)
        if point[axis] == against or other not in there:
            continue
        kept = [name for name in point if name not in repeated]
        group = pairs.setdefault((point.on(*kept), other.on(*kept)), [])
        if point in found and other in found:
            group.append((found[point], found[other]))
    return [Pairs(mine, theirs, tuple(values)) for (mine, theirs), values in pairs.items()]


def largest_relative_difference(
    pairs: Iterable[Pairs[T]], numbers: Callable[[T], Sequence[float | None]]
) -> float | None:
    """Return by how much numbers of points differ from those of their baselines at most, as a share of the latter.

    Parameters
    ----------
    pairs : iterable of Pairs
    numbers : callable
        Takes what was measured and returns the numbers to compare, one by one; None is passed over.

    Returns
    -------
    float or None
        None where there is nothing to compare.
    """
    differences = [
        abs(mine - theirs) / abs(theirs)
        for each in pairs
        for candidate, baseline in each.values
        for mine, theirs in zip(numbers(candidate), numbers(baseline), strict=False)
        if mine is not None and theirs
    ]
    return max(differences, default=None)
