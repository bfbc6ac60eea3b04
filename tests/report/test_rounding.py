"""Digits against the Particle Data Group's own examples, and laws that hold for any number."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from levinthal.report.rounding import (
    MINUS,
    count,
    decimals_supported,
    duration,
    moment,
    ratio_texts,
    rounded,
    told_apart,
)

finite = st.floats(allow_nan=False, allow_infinity=False)
ordinary = st.floats(min_value=-1e12, max_value=1e12, allow_nan=False)


# The three examples of the rule in the Review of Particle Physics: 0.827 +- 0.119, 0.827 +- 0.367, 0.827 +- 0.970.
@pytest.mark.parametrize(
    ("value", "error", "text"), [(0.827, 0.119, "0.83"), (0.827, 0.367, "0.8"), (0.827, 0.970, "0.8")]
)
def test_examples_of_the_particle_data_group(value: float, error: float, text: str) -> None:
    assert rounded(value, (value - error, value + error)).text == text


@pytest.mark.parametrize(
    ("error", "decimals"),
    [(0.354, 2), (0.355, 1), (0.949, 1), (0.95, 1), (1.0, 1), (3.54, 1), (35.4, 0), (36.0, -1), (1e-4, 5)],
)
def test_decimals_supported_at_the_edges_of_the_rule(error: float, decimals: int) -> None:
    assert decimals_supported(error) == decimals


def test_the_interval_has_the_decimals_of_the_figure() -> None:
    shown = rounded(41.8163, (41.2077, 42.4501))
    assert (shown.text, shown.low, shown.high) == ("41.8", "41.2", "42.5")


def test_a_small_figure_and_its_interval_share_one_power_of_ten() -> None:
    shown = rounded(3.21456e-6, (3.1e-6, 3.3e-6))
    assert (shown.text, shown.low, shown.high, shown.scale) == ("3.21", "3.10", "3.30", "× 10⁻⁶")


@pytest.mark.parametrize(
    ("value", "text"),
    [(0.0, "0"), (-0.0, "0"), (1234.0, "1,234"), (1234.5, "1,230"), (-2.5, f"{MINUS}2.50"), (0.98712, "0.987"),
     (1e7, "1.00 × 10⁷"), (1.5e-300, "1.50 × 10⁻³⁰⁰"), (1.7e308, "1.70 × 10³⁰⁸"), (5e-324, "4.94 × 10⁻³²⁴")],
)  # fmt: skip
def test_without_an_interval_three_digits_are_kept_and_counts_are_whole(value: float, text: str) -> None:
    assert rounded(value).whole == text


@given(ordinary, st.floats(min_value=1e-6, max_value=1e9))
def test_rounding_moves_a_figure_by_less_than_a_fifth_of_its_uncertainty(value: float, half: float) -> None:
    shown = rounded(value, (value - half, value + half))
    if shown.scale or half < abs(value) * 1e-6:
        return  # the cap of seven digits may take more
    read = float(shown.text.replace(",", "").replace(MINUS, "-"))
    # At worst an error of 0.355 keeps one digit, a step of 0.1: half of that is 0.141 of the error.
    assert abs(read - value) <= 0.1413 * half + 1e-9 * abs(value)


@given(finite, finite, finite)
def test_no_finite_number_breaks_it(value: float, low: float, high: float) -> None:
    shown = rounded(value, (min(low, high), max(low, high)))
    assert shown.text not in {"nan", "inf"}
    assert shown.low is not None


@given(ordinary, ordinary)
def test_told_apart_shows_which_is_larger(value: float, limit: float) -> None:
    first, second = told_apart(value, limit)
    assert (first == second) == (value == limit)


def test_told_apart_adds_only_the_digits_it_takes() -> None:
    assert told_apart(0.35004, 0.35) == ("0.35004", "0.35000")
    assert told_apart(0.4, 0.35) == ("0.400", "0.350")


@pytest.mark.parametrize(
    ("numbers", "texts"),
    [((0.7849, 0.02634, 170.2), ("0.78", "0.026", "170")), ((2.4113, 1.0041, 5.79), ("2.411", "1.004", "5.790")),
     ((0.9912, 0.98731, 0.99507), ("0.991", "0.987", "0.995")), ((59.3, 59.3, 59.3), ("59.3", "59.3", "59.3"))],
)  # fmt: skip
def test_a_ratio_keeps_its_digits_however_wide_its_interval_is(numbers, texts) -> None:  # type: ignore[no-untyped-def]
    assert ratio_texts(*numbers) == texts


@given(st.tuples(*[st.floats(1e-3, 1e3)] * 3))
def test_a_ratio_stays_on_its_side_of_one(numbers: tuple[float, ...]) -> None:
    low, value, high = sorted(round(each, 5) for each in numbers)
    assert [np.sign(float(text.replace(",", "")) - 1) for text in ratio_texts(value, low, high)] == [
        np.sign(each - 1) for each in (value, low, high)
    ]


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0.0, "0 s"), (0.0004, "< 1 ms"), (0.42, "420 ms"), (1.0, "1.00 s"), (9.996, "10.0 s"), (61.2, "61.2 s"),
     (99.96, "1 min 40 s"), (119.7, "2 min 00 s"), (3599.6, "1 h 00 min"), (11220.0, "3 h 07 min")],
)  # fmt: skip
def test_duration(seconds: float, text: str) -> None:
    assert duration(seconds) == text


def test_count_and_moment() -> None:
    assert count(-1234567) == f"{MINUS}1,234,567"
    assert moment("2026-01-02T03:04:05+02:00") == "2026-01-02 01:04"
    assert moment("yesterday") == "yesterday"
