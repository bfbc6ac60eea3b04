"""Settings: presets, overrides from text, and a message for every mistake."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import Field

from levinthal.errors import UsageError
from levinthal.harness.contract.settings import Settings, division_of, make_settings, parse_assignments


class Example(Settings):
    count: int = Field(default=3, gt=0)
    rate: float = 0.5
    strides: tuple[int, ...] = (1, 2)
    quiet: bool = False

    sizes: ClassVar[Mapping[str, Mapping[str, Any]]] = {"tiny": {}, "small": {"count": 30}, "paper": {"count": 300}}
    free_keys: ClassVar[frozenset[str]] = frozenset({"quiet"})


@given(count=st.integers(1, 10**9), rate=st.floats(-1e12, 1e12), quiet=st.booleans())
def test_text_becomes_the_typed_value_it_came_from(count, rate, quiet):
    pairs = parse_assignments([f"count={count}", f"rate={rate!r}", f"quiet={quiet}"])
    made = make_settings(Example, "tiny", pairs)
    assert (made.count, made.rate, made.quiet) == (count, rate, quiet)


def test_a_list_is_typed_with_commas():
    assert make_settings(Example, "tiny", {"strides": "1,1,2"}).strides == (1, 1, 2)
    assert make_settings(Example, "tiny", {"strides": "4"}).strides == (4,)


@pytest.mark.parametrize("value", ["0", "x", "1.5", "", "inf", "1,2"])
def test_a_wrong_value_names_its_field(value):
    with pytest.raises(UsageError, match="setting count"):
        make_settings(Example, "tiny", {"count": value})


def test_nan_is_no_setting():
    with pytest.raises(UsageError, match="rate"):
        make_settings(Example, "tiny", {"rate": "nan"})


def test_division_is_open_when_anything_but_a_free_key_differs():
    assert division_of(make_settings(Example, "small"), "small") == "closed"
    assert division_of(make_settings(Example, "small", {"quiet": True}), "small") == "closed"
    assert division_of(make_settings(Example, "small", {"count": 30}), "small") == "closed"
    assert division_of(make_settings(Example, "small", {"count": 31}), "small") == "open"
    assert division_of(make_settings(Example, "tiny"), "small") == "open"


@given(st.dictionaries(st.text(min_size=1).filter(lambda key: "=" not in key and key.strip()), st.text(), max_size=4))
def test_pairs_come_apart_at_the_first_sign(pairs):
    stripped = {key.strip(): value.strip() for key, value in pairs.items()}
    if len(stripped) == len(pairs):
        assert parse_assignments([f"{key}={value}" for key, value in pairs.items()]) == stripped
