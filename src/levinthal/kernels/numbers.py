"""Decimal numbers to float64, correctly rounded, by a compiled loop; imported only when many are read.

D. Lemire, "Number parsing at a gigabyte per second", Software: Practice and Experience 51:1700 (2021): a decimal
w 10^q with w < 2^64 is w times a 128-bit approximation of 5^q, which decides the rounding in all but rare cases; where
both w and 10^|q| are exact doubles, one multiplication or division does (W. D. Clinger, PLDI 1990). What this loop is
not sure of it leaves to Python: more than 19 digits, extreme exponents, subnormals, ties, and all that is not a number.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from levinthal.kernels.compiled import compiled

_LARGEST_POWER = 60
_LOW, _HIGH = (1 << 64) - 1, 64


def _power_of_five(exponent: int) -> int:
    """Return the leading 128 bits of 5^exponent: truncated, or for a negative exponent rounded up."""
    power: int = 5 ** abs(exponent)
    n_bits = int(power.bit_length())
    if exponent >= 0:
        return power >> n_bits - 128 if n_bits > 128 else power << 128 - n_bits
    return (1 << (n_bits + 127)) // power + 1


_POWERS = [_power_of_five(exponent) for exponent in range(-_LARGEST_POWER, _LARGEST_POWER + 1)]
_FIVES = np.array([[power >> _HIGH, power & _LOW] for power in _POWERS], np.uint64)
_TENS = 10.0 ** np.arange(23)

_TAB, _BLANK, _PLUS, _MINUS, _POINT, _ZERO, _NINE, _LARGE_E, _SMALL_E = b"\t +-.09Ee"
_MOST_DIGITS = 19
_U = np.uint64
_HALF, _HALF_MASK = _U(32), _U(0xFFFFFFFF)


@compiled(inline=True)
def _product(a: np.uint64, b: np.uint64) -> tuple[np.uint64, np.uint64]:
    """Return the 128-bit product of two words: high, low."""
    a_high, a_low, b_high, b_low = a >> _HALF, a & _HALF_MASK, b >> _HALF, b & _HALF_MASK
    low = a_low * b_low
    middle = a_high * b_low + (low >> _HALF)
    other = a_low * b_high + (middle & _HALF_MASK)
    return a_high * b_high + (middle >> _HALF) + (other >> _HALF), (other << _HALF) | (low & _HALF_MASK)


@compiled(inline=True)
def _rounded_bits(digits: np.uint64, exponent: int, fives: npt.NDArray[np.uint64]) -> np.uint64:
    """Return the bits of digits x 10^exponent as a normal float64; 0 where that is not certain."""
    shift = 0
    word = digits
    for step in (32, 16, 8, 4, 2, 1):
        if word >> _U(64 - step) == _U(0):
            word <<= _U(step)
            shift += step
    row = exponent + _LARGEST_POWER
    high, low = _product(word, fives[row, 0])
    if high & _U(0x1FF) == _U(0x1FF):  # the next word of the power may still carry into what is kept
        carried, _ = _product(word, fives[row, 1])
        low += carried
        if low < carried:
            high += _U(1)
    if low == _U(0xFFFFFFFFFFFFFFFF) or low <= _U(1):
        return _U(0)
    top = high >> _U(63)
    mantissa = high >> (top + _U(9))
    mantissa = (mantissa + (mantissa & _U(1))) >> _U(1)
    binary = ((217706 * exponent) >> 16) + 63 + np.int64(top) - shift + 1023  # 217706 / 2^16 is log2(10)
    if mantissa >= _U(1) << _U(53):
        mantissa = _U(1) << _U(52)
        binary += 1
    if binary <= 0 or binary >= 0x7FF:
        return _U(0)
    return np.uint64((mantissa & ~(_U(1) << _U(52))) | (_U(binary) << _U(52)))


@compiled(inline=True)
def _is_blank(byte: np.uint8) -> bool:
    return byte == _TAB or byte == _BLANK  # type: ignore[no-any-return]  # noqa: PLR1714 - a tuple would be made


@compiled(inline=True)
def _digits(text: npt.NDArray[np.uint8], at: int) -> tuple[int, np.uint64, int]:
    """Read digits with a point among them: the place after, the digits, the power of ten; place -1 when in doubt."""
    digits, n_digits, n_seen, exponent, point = _U(0), 0, 0, 0, 0
    while at < text.size:
        byte = text[at]
        if _ZERO <= byte <= _NINE:
            n_seen += 1
            if n_digits or byte != _ZERO:
                n_digits += 1
                digits = digits * _U(10) + _U(byte - _ZERO)
            exponent -= point
        elif byte == _POINT and point == 0:
            point = 1
        else:
            break
        at += 1
    if n_seen == 0 or n_digits > _MOST_DIGITS:
        at = -1
    return at, digits, exponent


@compiled(inline=True)
def _exponent(text: npt.NDArray[np.uint8], at: int) -> tuple[int, int]:
    """Read what follows an `e`: the place after, and the exponent; place -1 when in doubt."""
    sign = 1
    if at < text.size and (text[at] == _MINUS or text[at] == _PLUS):
        sign = -1 if text[at] == _MINUS else 1
        at += 1
    begin, written = at, 0
    while at < text.size and _ZERO <= text[at] <= _NINE and at - begin < 4:
        written = written * 10 + (text[at] - _ZERO)
        at += 1
    return -1 if at == begin else at, sign * written


@compiled(inline=True)
def _bits(
    digits: np.uint64, exponent: int, fives: npt.NDArray[np.uint64], tens: npt.NDArray[np.float64], scratch: Any
) -> np.uint64:
    """Return the bits of digits x 10^exponent, for digits over 0; 0 where that is not certain."""
    if digits <= _U(1) << _U(53) and -22 <= exponent <= 22:
        value = np.float64(digits)
        scratch[0] = value * tens[exponent] if exponent >= 0 else value / tens[-exponent]
        return scratch.view(np.uint64)[0]  # type: ignore[no-any-return]
    if -_LARGEST_POWER <= exponent <= _LARGEST_POWER:
        return _rounded_bits(digits, exponent, fives)  # type: ignore[no-any-return]
    return _U(0)


@compiled()
def _parse(
    text: npt.NDArray[np.uint8],
    out: npt.NDArray[np.float64],
    fives: npt.NDArray[np.uint64],
    tens: npt.NDArray[np.float64],
) -> int:
    """Fill `out`; return how many numbers there are, or -1 where Python is to decide."""
    patterns = out.view(np.uint64)
    scratch = np.empty(1)
    count = at = 0
    while True:
        while at < text.size and _is_blank(text[at]):
            at += 1
        if at == text.size:
            return count
        sign = _U(text[at] == _MINUS) << _U(63)
        at, digits, exponent = _digits(text, at + int(text[at] == _MINUS or text[at] == _PLUS))
        if 0 <= at < text.size and (text[at] == _SMALL_E or text[at] == _LARGE_E):
            at, written = _exponent(text, at + 1)
            exponent += written
        if at < 0 or count == out.size or (at < text.size and not _is_blank(text[at])):
            return -1
        pattern = _bits(digits, exponent, fives, tens, scratch) if digits else _U(0)
        if digits and not pattern:
            return -1
        patterns[count] = pattern | sign
        count += 1


def parse_row(row: bytes, out: npt.NDArray[np.float64]) -> bool:
    """Parse numbers separated by tabs or blanks into a row of float64.

    Returns
    -------
    bool
        Whether there were as many as the row has places, all certain; if not, `out` is spoilt.
    """
    return int(_parse(np.frombuffer(row, np.uint8), out, _FIVES, _TENS)) == out.size
