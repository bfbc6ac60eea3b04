"""Numbers as text, with the digits their interval supports and no more."""

from __future__ import annotations

import math
from dataclasses import dataclass
from datetime import UTC, datetime

MINUS = "\N{MINUS SIGN}"
_SUPERSCRIPT = str.maketrans("-0123456789", "\N{SUPERSCRIPT MINUS}⁰¹²³⁴⁵⁶⁷⁸⁹")
_LARGE, _SMALL = 1e7, 1e-3


@dataclass(frozen=True)
class Rounded:
    """A figure and its interval in one notation.

    Attributes
    ----------
    text : str
        The figure.
    low, high : str or None
        The ends of its interval, with the same number of decimals.
    scale : str
        What the three have to be multiplied by: empty, or for example `× 10⁻⁶`.
    """

    text: str
    low: str | None = None
    high: str | None = None
    scale: str = ""

    @property
    def whole(self) -> str:
        """The figure with its power of ten."""
        return f"{self.text} {self.scale}" if self.scale else self.text


def decimals_supported(half_width: float) -> int:
    """Return how many decimals an uncertainty supports; negative means tens, hundreds and so on.

    The rule of the Particle Data Group: of the three leading digits of the uncertainty, 100 to 354 keep two digits,
    355 to 949 keep one, 950 to 999 are rounded to 1000 and keep two.

    Parameters
    ----------
    half_width : float
        Half the width of the interval, positive and finite.

    References
    ----------
    Particle Data Group, Review of Particle Physics (2024), Introduction, section 5.3 (Rounding).
    """
    exponent = math.floor(math.log10(half_width))
    leading = half_width / 10.0**exponent * 100
    return 1 - exponent if leading < 354.5 else -exponent


def rounded(value: float, interval: tuple[float, float] | None = None, *, digits: int = 3) -> Rounded:
    """Write a figure with the digits its interval supports.

    Parameters
    ----------
    value : float
        A finite number.
    interval : tuple of float, optional
        Its ends. Without one, or where it has no width, `digits` significant digits are kept; a whole number below
        ten million is a count and keeps them all.
    digits : int
        Significant digits where no interval says how many.

    Returns
    -------
    Rounded
    """
    ends = interval or ()
    largest = max(abs(value), *map(abs, ends)) if ends else abs(value)
    half_width = (interval[1] - interval[0]) / 2 if interval else 0.0
    exponent = 0
    if largest and (largest >= _LARGE or largest < _SMALL):
        exponent = math.floor(math.log10(largest))
    if not interval and not exponent and value == int(value):
        return Rounded(_fixed(value, 0))
    scaled, *scaled_ends = (_times_power(number, -exponent) for number in (value, *ends))
    half_width = _times_power(half_width, -exponent)
    if half_width > 0 and math.isfinite(half_width):
        # Seven digits are the most that anybody reads, however narrow the interval is.
        decimals = min(decimals_supported(half_width), _decimals_of_digits(scaled, 7))
    else:
        decimals = _decimals_of_digits(scaled, digits)
    low, high = (_fixed(end, decimals) for end in scaled_ends) if ends else (None, None)
    scale = f"× 10{str(exponent).translate(_SUPERSCRIPT)}" if exponent else ""
    return Rounded(_fixed(scaled, decimals), low, high, scale)


def ratio_texts(value: float, low: float, high: float) -> tuple[str, str, str]:
    """Write a ratio and its interval, whose ends may be many times apart: each with as many significant digits.

    As many as the interval supports on a logarithmic scale, at least two, and enough to see on which side of 1 it is.

    Parameters
    ----------
    value, low, high : float
        Positive; the ratio and the ends of its interval.
    """
    numbers = (value, low, high)
    half_width = math.log(high / low) / 2 if 0 < low < high < math.inf else 0.0
    digits = max(2, min(decimals_supported(half_width), 7)) if half_width else 3
    while digits < 7 and any(_side(float(f"{each:.{digits}g}")) != _side(each) for each in numbers):
        digits += 1
    first, second, third = (rounded(each, digits=digits).whole for each in numbers)
    return first, second, third


def _side(ratio: float) -> int:
    return (ratio > 1) - (ratio < 1)


def told_apart(value: float, limit: float) -> tuple[str, str]:
    """Write a value and its limit with as many digits as it takes to see which is larger."""
    for digits in range(3, 17):
        first, second = rounded(value, digits=digits).whole, rounded(limit, digits=digits).whole
        if first != second or value == limit:
            return first, second
    return exact(value), exact(limit)


def count(number: int) -> str:
    """Write a whole number with its thousands set apart."""
    return f"{number:,d}".replace("-", MINUS)


def exact(value: float) -> str:
    """Write every digit that it takes to read the same number back."""
    return repr(float(value))


def duration(seconds: float) -> str:
    """Write a time span as people say it: `0.42 s`, `12.3 s`, `2 min 05 s`, `3 h 07 min`."""
    if abs(seconds) < 1e-3:
        return "0 s" if seconds == 0 else "< 1 ms"
    if abs(seconds) < 1:
        return f"{seconds * 1e3:.0f} ms"
    if abs(seconds) < 99.95:
        return f"{seconds:.2f} s" if abs(seconds) < 9.995 else f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    if minutes < 60:
        return f"{minutes} min {rest:02d} s"
    hours, minutes = divmod(minutes, 60)
    return f"{count(hours)} h {minutes:02d} min"


def moment(text: str) -> str:
    """Write an ISO 8601 time as `2026-03-02 10:00`, in UTC; any other text is returned as it is."""
    try:
        time = datetime.fromisoformat(text)
        return f"{time.astimezone(UTC) if time.tzinfo else time:%Y-%m-%d %H:%M}"
    except (ValueError, OverflowError):
        return text


def _decimals_of_digits(value: float, digits: int) -> int:
    return digits - 1 - math.floor(math.log10(abs(value))) if value else digits - 1


def _times_power(value: float, exponent: int) -> float:
    # In two steps, because 10**330 is not a float although 1e-320 * 10**330 is one.
    half = exponent // 2
    return value * 10.0**half * 10.0 ** (exponent - half)


def _fixed(value: float, decimals: int) -> str:
    text = f"{round(value, decimals):,.{max(decimals, 0)}f}"
    return text.lstrip("-") if not any(digit in text for digit in "123456789") else text.replace("-", MINUS)
