"""Logs of external meters: joules against constant and rising loads, and what is no log."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from levinthal.errors import DataError
from levinthal.metrics.meter_log import read_meter_log


def log(folder, text):
    file = folder / "meter.csv"
    file.write_text(text)
    return read_meter_log(file)


def test_a_constant_load_has_its_power_times_the_time(tmp_path):
    steady = log(tmp_path, "unix_s,node,watts\n" + "".join(f"{1000 + t},a,250\n" for t in range(0, 100, 2)))
    assert steady.between_j(1010.5, 1053.25) == pytest.approx(250 * 42.75)
    assert steady.between_j(1010, 1010) == 0.0


def test_a_counter_says_the_same_as_the_power_that_it_counts(tmp_path):
    """Power that rises evenly: the counter is quadratic, and the trapezoids are exact at samples."""
    by_power = log(tmp_path, "utc,watts\n" + "".join(f"2026-01-01T00:00:{t:02}Z,{10 * t}\n" for t in range(60)))
    by_count = log(
        tmp_path, "utc,joules\n" + "".join(f"2026-01-01T01:00:{t:02}+01:00,{77 + 5 * t * t}\n" for t in range(60))
    )
    start_s = by_power.unix_s[0]
    assert by_count.unix_s[0] == start_s
    for span in ((3, 40), (0, 59)):
        assert by_power.between_j(*(start_s + t for t in span)) == pytest.approx(5 * (span[1] ** 2 - span[0] ** 2))
        assert by_count.between_j(*(start_s + t for t in span)) == pytest.approx(5 * (span[1] ** 2 - span[0] ** 2))


@given(st.lists(st.floats(0, 1e4), min_size=3, max_size=40), st.data())
def test_parts_add_up(tmp_path_factory, watts, data):
    found = log(tmp_path_factory.mktemp("log"), "unix_s,watts\n" + "".join(f"{t},{w}\n" for t, w in enumerate(watts)))
    a, b, c = sorted(data.draw(st.floats(0, len(watts) - 1)) for _ in range(3))
    assert found.between_j(a, b) + found.between_j(b, c) == pytest.approx(found.between_j(a, c), abs=1e-6)


def test_what_is_not_covered_or_has_a_hole_is_not_made_up(tmp_path):
    holed = log(tmp_path, "unix_s,watts\n" + "".join(f"{t},100\n" for t in (*range(20), *range(60, 80))))
    for span in ((-1, 5), (70, 80)):
        with pytest.raises(DataError, match="does not cover it"):
            holed.between_j(*span)
    with pytest.raises(DataError, match="a hole of 41 s there, samples are 1 s apart"):
        holed.between_j(10, 65)
    assert holed.between_j(62, 70) == pytest.approx(800)


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("", "it is empty"),
        ("time,power\n1,2\n2,3\n", "needs one column unix_s or utc"),
        ("unix_s,watts,joules\n1,2,3\n2,3,4\n", "needs one column watts or joules"),
        ("unix_s,watts\n1,2\n", "1 sample.s.: at least two"),
        ("unix_s,watts\n1,2\n1,3\n", "line 3: it is not later than the line before"),
        ("unix_s,watts\n1,2\n2,nan\n", "line 3: watts 'nan' is not a number from 0 on"),
        ("unix_s,watts\n1,2\n2,-3\n", "line 3: watts '-3' is not"),
        ("unix_s,watts\n1,2\n2\n", "line 3: 1 columns, the header has 2"),
        ("unix_s,joules\n1,5\n2,3\n", "line 3: the counter fell"),
        ("utc,watts\n2026-01-01T00:00:00,3\n2026-01-01T00:00:01,3\n", "has no offset from UTC"),
        ("utc,watts\nyesterday,3\ntoday,3\n", "'yesterday' is not a time"),
    ],
)
def test_what_is_no_log_is_refused_with_its_line(tmp_path, text, why):
    with pytest.raises(DataError, match=why):
        log(tmp_path, text)


def test_bytes_that_are_no_text_are_refused(tmp_path):
    (tmp_path / "meter.csv").write_bytes(b"\xff\xfe\x00watts")
    with pytest.raises(DataError, match="is not a meter's log"):
        read_meter_log(tmp_path / "meter.csv")
    with pytest.raises(DataError, match="cannot be read"):
        read_meter_log(tmp_path / "none.csv")
