"""The grid of a study and what is compared along it, for grids of any shape."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from pydantic import ValidationError

from levinthal.harness.results.grid import Axis, Drawing, Grid, Point, StudyPlan
from levinthal.harness.study.pairs import largest_relative_difference, pairs_along

VALUES = st.one_of(st.text(min_size=1, max_size=4), st.integers(-50, 50), st.floats(-9, 9).map(lambda x: round(x, 2)))


@st.composite
def grids(draw: st.DrawFn) -> Grid:
    names = draw(st.lists(st.sampled_from("abcd"), min_size=1, max_size=4, unique=True))
    axes = []
    for name in names:
        values = tuple(draw(st.lists(VALUES, min_size=1, max_size=4, unique=True)))
        baseline = draw(st.one_of(st.none(), st.sampled_from(values)))
        axes.append(Axis(name=name, values=values, baseline=baseline, repeats=draw(st.booleans()) and len(axes) > 0))
    parts = []
    for _ in range(draw(st.integers(0, 2))):
        part = {}
        for axis in draw(st.lists(st.sampled_from(axes), unique_by=lambda axis: axis.name)):
            part[axis.name] = tuple(draw(st.lists(st.sampled_from(axis.values), min_size=1, unique=True)))
        parts.append(part)
    return Grid(axes=tuple(axes), parts=tuple(parts))


@given(grids())
def test_points_are_the_union_of_the_parts_each_once(grid: Grid) -> None:
    points = grid.points()
    assert len(set(points)) == len(points)
    for point in points:
        assert list(point) == [axis.name for axis in grid.axes]
        assert any(
            all(point[axis.name] in part.get(axis.name, axis.values) for axis in grid.axes)
            for part in grid.parts or ({},)
        )
    whole = 1
    for axis in grid.axes:
        whole *= len(axis.values)
    assert len(points) == whole if not grid.parts else len(points) <= whole


@given(grids())
def test_a_grid_survives_a_file(grid: Grid) -> None:
    plan = StudyPlan(kind="any", axes=grid.axes, parts=grid.parts)
    again = StudyPlan.model_validate_json(plan.model_dump_json())
    assert again == plan
    assert again.points() == plan.points()


@given(grids())
def test_every_point_has_a_file_name_of_its_own(grid: Grid) -> None:
    stems = grid.stems()
    assert list(stems) == list(grid.points())
    assert len({stem.casefold() for stem in stems.values()}) == len(stems)
    for stem in stems.values():
        assert Path(stem).name == stem
        assert stem not in ("", ".", "..")


@given(grids(), st.data())
def test_pairs_join_points_that_differ_on_one_axis_alone(grid: Grid, data: st.DataObject) -> None:
    axis = data.draw(st.sampled_from(grid.axes))
    assume(not axis.repeats)
    points = grid.points()
    found = {point: k for k, point in enumerate(points) if data.draw(st.booleans())}
    at = {k: point for point, k in found.items()}
    pairs = pairs_along(grid, found, axis.name)
    assert bool(pairs) <= (axis.baseline is not None)
    repeated = {each.name for each in grid.axes if each.repeats}
    for each in pairs:
        assert each.baseline[axis.name] == axis.baseline != each.candidate[axis.name]
        assert not repeated & set(each.candidate)
        for mine, theirs in each.values:
            assert at[mine].at(axis.name, axis.baseline) == at[theirs]
            assert at[mine].on(*each.candidate) == each.candidate
    joined = {pair for each in pairs for pair in each.values}
    expected = {
        (k, found[grid.baseline_of(point, axis.name)])
        for point, k in found.items()
        if axis.baseline is not None
        and point[axis.name] != axis.baseline
        and grid.baseline_of(point, axis.name) in found
    }
    assert joined == expected
    assert sum(len(each.values) for each in pairs) == len(joined)


@given(st.lists(st.floats(0.1, 10), min_size=2, max_size=6))
def test_the_largest_difference_is_one_from_the_baseline(numbers: list[float]) -> None:
    grid = Grid(axes=(Axis(name="n", values=tuple(range(len(numbers))), baseline=0),))
    found = {point: numbers[int(point["n"])] for point in grid.points()}
    largest = largest_relative_difference(pairs_along(grid, found, "n"), lambda number: [number, None])
    assert largest == pytest.approx(max(abs(x - numbers[0]) / numbers[0] for x in numbers[1:]))


def test_words_and_mistakes() -> None:
    axis = Axis(name="batch size", values=(8, 16), before="batch", after="a rank")
    assert axis.words(8) == "batch 8 a rank"
    assert Axis(name="ranks", values=(1, 2), counted="rank").words(1) == "1 rank"
    assert Axis(name="ranks", values=(1, 2), counted="rank").words(2) == "2 ranks"
    assert Axis(name="kelvin", values=(1.5,)).words(1.5) == "kelvin 1.5"
    assert Axis(name="policy", values=("plain",)).words("plain") == "plain"
    for wrong in (
        {"axes": ()},
        {"axes": ({"name": "a", "values": ()},)},
        {"axes": ({"name": "a", "values": (1, 1)},)},
        {"axes": ({"name": "a", "values": (1,), "baseline": 2},)},
        {"axes": ({"name": "a", "values": (1,)}, {"name": "a", "values": (2,)})},
        {"axes": ({"name": "a", "values": (1,)},), "parts": ({"b": (1,)},)},
        {"axes": ({"name": "a", "values": (1,)},), "parts": ({"a": (2,)},)},
    ):
        with pytest.raises(ValidationError):
            Grid.model_validate(wrong)
    with pytest.raises(KeyError):
        Point((("a", 1),))["b"]


def test_a_drawing_is_over_axes_that_figures_have() -> None:
    axes = (Axis(name="ranks", values=(1, 2)), Axis(name="seed", values=(1, 2), repeats=True))
    assert StudyPlan(kind="any", axes=axes, drawing=Drawing(across="ranks")).drawing.across == "ranks"
    for drawing in (Drawing(across="rank"), Drawing(along="seed"), Drawing(along="\x1b[31m")):
        with pytest.raises(ValidationError, match="the drawing has an axis"):
            StudyPlan(kind="any", axes=axes, drawing=drawing)
