"""Curves and their axes."""

from __future__ import annotations

import math
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from levinthal.harness.results.result import Curve, Repeat
from levinthal.report.axis import linear_axis, log_axis, round_step
from levinthal.report.curves import plots_of, thin_out


def _curve(ys: tuple[float | None, ...], xs: tuple[float | None, ...] | None = None) -> tuple[Curve, ...]:
    xs = xs or tuple(map(float, range(len(ys))))
    return (Curve(name="loss", labels={"split": "train"}, x=xs, y=ys, x_name="step", x_unit="1", unit="bit"),)


def test_a_curve_is_drawn_against_its_x(make_repeat: Callable[..., Repeat]) -> None:
    (plot,) = plots_of([make_repeat(curves=_curve((1.0, 2.0, 3.0), (0.0, 30.0, 40.0)))])
    assert (plot.name, plot.x_label, plot.y_label, plot.notes) == ("loss", "step", "bit", ())
    # The y axis is wider than the data by 4 % on both sides: 1 lies at 0.08 / 2.16 of its height.
    assert plot.lines[0].path == "M0.00 96.30h0L75.00 50.00L100.00 3.70"
    assert plot.words == "train goes from 1 to 3 bit"


def test_a_value_that_is_not_finite_is_a_gap(make_repeat: Callable[..., Repeat]) -> None:
    (plot,) = plots_of([make_repeat(curves=_curve((1.0, None, 2.0, 3.0)))])
    assert plot.lines[0].path.count("M") == 2
    assert "not finite" in plot.notes[0]


def test_points_without_a_place_are_left_out_and_units_of_x_are_shown(make_repeat: Callable[..., Repeat]) -> None:
    (curve,) = _curve((1.0, 2.0, 3.0), (0.0, None, 100.0))
    (plot,) = plots_of([make_repeat(curves=(curve.model_copy(update={"x_name": "budget", "x_unit": "core-second"}),))])
    assert plot.x_label == "budget, core-second"
    assert plot.lines[0].path.count("L") == 1


def test_as_many_x_as_y() -> None:
    with pytest.raises(ValueError, match="has 2 x and 3 y"):
        _curve((1.0, 2.0, 3.0), (0.0, 100.0))


@pytest.mark.parametrize("values", [(), (None,), (1e308, -1e308)])
def test_nothing_is_drawn_where_nothing_can_be(
    make_repeat: Callable[..., Repeat], values: tuple[float | None, ...]
) -> None:
    assert plots_of([make_repeat(curves=_curve(values))]) == ()


def test_a_wide_positive_range_is_logarithmic(make_repeat: Callable[..., Repeat]) -> None:
    (wide,) = plots_of([make_repeat(curves=_curve((1.0, 100.0)))])
    (narrow,) = plots_of([make_repeat(curves=_curve((1.0, 10.0)))])
    (signed,) = plots_of([make_repeat(curves=_curve((-1.0, 100.0)))])
    assert (wide.logarithmic, narrow.logarithmic, signed.logarithmic) == (True, False, False)


def test_all_repeats_share_a_plot_and_a_style(make_repeat: Callable[..., Repeat]) -> None:
    (plot,) = plots_of([make_repeat(0), make_repeat(1, passed=False)])
    assert [(line.style, line.failed) for line in plot.lines] == [(0, False), (0, True)]


@given(st.lists(st.one_of(st.none(), st.floats(-1e6, 1e6)), min_size=1, max_size=3000))
def test_thinning_keeps_the_ends_and_the_extremes(ys: list[float | None]) -> None:
    points = [(float(x), y) for x, y in enumerate(ys)]
    kept = thin_out(points, 300)
    assert len(kept) <= 303
    assert (kept[0], kept[-1]) == (points[0], points[-1])
    assert [x for x, _ in kept] == sorted(x for x, _ in kept)
    numbers = [y for y in ys if y is not None]
    if numbers:
        shown = [y for _, y in kept if y is not None]
        assert (min(shown), max(shown)) == (min(numbers), max(numbers))


@given(st.floats(-1e9, 1e9), st.floats(1e-3, 1e9))
def test_ticks_are_inside_and_round(low: float, span: float) -> None:
    axis = linear_axis(low, low + span)
    assert 2 <= len(axis.ticks) <= 6
    assert all(-1e-6 <= tick.percent <= 100 + 1e-6 for tick in axis.ticks)
    assert len({tick.label for tick in axis.ticks}) == len(axis.ticks)


@pytest.mark.parametrize(("span", "step"), [(10, 2), (1, 0.2), (400, 100), (0.03, 0.01), (5, 1)])
def test_round_step(span: float, step: float) -> None:
    assert round_step(span, 5) == pytest.approx(step)


def test_log_axis_has_its_decades_in_place() -> None:
    axis = log_axis(0.01, 100.0)
    assert [tick.label for tick in axis.ticks] == ["0.01", "0.1", "1", "10", "100"]
    assert axis.percent(1.0) == pytest.approx(50.0)
    assert math.isclose(axis.percent(10.0) - axis.percent(1.0), axis.percent(100.0) - axis.percent(10.0))
