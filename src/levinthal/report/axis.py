"""Axes of a chart: round tick values, and positions in per cent of the plot."""

from __future__ import annotations

import math
from dataclasses import dataclass

from levinthal.report.rounding import MINUS, rounded


@dataclass(frozen=True)
class Tick:
    """A labelled position in per cent of the axis."""

    percent: float
    label: str


@dataclass(frozen=True)
class Axis:
    """Maps values to per cent of a plot's width or height."""

    low: float
    high: float
    logarithmic: bool
    ticks: tuple[Tick, ...]

    def percent(self, value: float) -> float:
        """Return where a value lies: 0 at the low end, 100 at the high end."""
        return _percent(value, self.low, self.high, self.logarithmic)


def round_step(span: float, most: int) -> float:
    """Return the smallest step of 1, 2 or 5 times a power of ten that cuts `span` into at most `most` parts.

    References
    ----------
    Heckbert, "Nice numbers for graph labels", Graphics Gems (1990), 61-63.
    """
    rough = span / most
    power = 10.0 ** math.floor(math.log10(rough))
    return next(power * factor for factor in (1, 2, 5, 10, 20) if power * factor >= rough * (1 - 1e-9))


def linear_axis(low: float, high: float, *, most_ticks: int = 5, margin: float = 0.0) -> Axis:
    """Return an axis from `low` to `high`, widened on both sides by `margin` times the span.

    Raises
    ------
    ValueError
        The span overflows.
    """
    if low == high:
        pad = abs(low) * 0.1 or 1.0
        low, high = low - pad, high + pad
    span = high - low
    if not math.isfinite(span) or span < 1e-300 or span < abs(high) * 1e-13:
        raise ValueError("the range cannot be drawn")
    low, high = low - margin * span, high + margin * span
    step = round_step(high - low, most_ticks)
    decimals = max(0, -math.floor(math.log10(step) + 1e-9))
    first, last = math.ceil(low / step - 1e-9), math.floor(high / step + 1e-9)
    ticks = tuple(
        Tick(_percent(number * step, low, high, False), _label(number * step, step, decimals))
        for number in range(first, last + 1)
    )
    return Axis(low, high, False, ticks)


def log_axis(low: float, high: float, *, most_ticks: int = 6) -> Axis:
    """Return a logarithmic axis that covers two positive values."""
    low, high = low / 1.1, high * 1.1
    first, last = math.ceil(math.log10(low)), math.floor(math.log10(high))
    if last - first >= 2:
        values = [10.0**power for power in range(first, last + 1, math.ceil((last - first + 1) / most_ticks))]
    else:
        values = [factor * 10.0**power for power in range(first - 1, last + 1) for factor in (1, 2, 5)]
    ticks = tuple(
        Tick(_percent(value, low, high, True), rounded(value, digits=1).whole)
        for value in values
        if low <= value <= high
    )
    return Axis(low, high, True, ticks)


def _percent(value: float, low: float, high: float, logarithmic: bool) -> float:
    if logarithmic:
        value, low, high = math.log(value), math.log(low), math.log(high)
    return 100 * (value - low) / (high - low)


def _label(value: float, step: float, decimals: int) -> str:
    if abs(value) < step / 2:
        return "0"
    if abs(value) >= 1e9 or abs(value) < 1e-3:
        digits = 1 + math.floor(math.log10(abs(value)) + 1e-9) - math.floor(math.log10(step) + 1e-9)
        return rounded(value, digits=max(1, digits)).whole
    return f"{value:,.{decimals}f}".replace("-", MINUS)
