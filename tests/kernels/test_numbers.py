"""The compiled parser gives Python's float to the bit, or leaves the row to Python."""

from __future__ import annotations

import struct
from decimal import Decimal, localcontext

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from levinthal.kernels.numbers import parse_row


def parsed(words):
    out = np.empty(len(words))
    return out if parse_row("\t".join(words).encode(), out) else None


def bits(value):
    return struct.pack("<d", value)


doubles = st.floats(allow_nan=False, allow_infinity=False)
decimals = st.builds(
    lambda sign, digits, point, exponent: f"{sign}{digits[:point]}.{digits[point:]}{exponent}",
    st.sampled_from(["", "-", "+"]),
    st.text("0123456789", min_size=1, max_size=22),
    st.integers(0, 22),
    st.one_of(st.just(""), st.integers(-70, 70).map(lambda e: f"e{e}"), st.integers(0, 9).map(lambda e: f"E+{e}")),
)


@given(st.lists(st.one_of(doubles.map(repr), decimals), min_size=1, max_size=5))
def test_python_agrees_to_the_bit(words):
    values = parsed(words)
    if values is not None:
        assert [bits(value) for value in values] == [bits(float(word)) for word in words]


@given(st.floats(1e-18, 1e18), st.integers(15, 19))
def test_decimals_near_the_middle_of_two_doubles(value, digits):
    with localcontext() as context:
        context.prec = digits
        middle = (Decimal(value) + Decimal(float(np.nextafter(value, np.inf)))) / 2
    word = f"{middle:f}"
    values = parsed([word])
    assert values is None or bits(values[0]) == bits(float(word))


EASY = ["0", "1.", ".5", "-0.", "0.012006099098341959", "-1e-5", "1e22", "12345.678901234567", "-230.2", "+3E+2"]
HARD = [
    "",
    ".",
    "-",
    "e5",
    "1e",
    "1e+",
    "1_0",
    "0x10",
    "nan",
    "inf",
    "1.2.3",
    "1-2",
    "--1",
    "1e99999",
    "5e-324",
    "1" * 25,
]


@pytest.mark.parametrize("word", EASY)
def test_what_proteinnet_writes_is_never_left_to_python(word):
    assert bits(parsed([word])[0]) == bits(float(word))


@pytest.mark.parametrize("word", HARD)
def test_what_is_doubtful_is_left_to_python(word):
    assert parsed([word]) is None


def test_numbers_are_counted():
    out = np.empty(3)
    assert parse_row(b" 1 \t2  3 ", out)
    assert out.tolist() == [1, 2, 3]
    for row in (b"1 2", b"1 2 3 4", b""):
        assert not parse_row(row, out)
