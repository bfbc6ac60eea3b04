"""The journal: whatever is appended comes back, whatever a kill tears is passed over."""

from __future__ import annotations

import math
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from levinthal.errors import ResultError
from levinthal.harness.results.events import EventLog, EventTail, read_events

VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**53), 2**53)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(),
    lambda children: st.lists(children, max_size=3) | st.dictionaries(st.text(), children, max_size=3),
    max_leaves=8,
)


@given(fields=st.lists(st.dictionaries(st.sampled_from(["a", "b", "c"]), VALUES), max_size=5), cut=st.integers(1, 60))
def test_what_is_appended_comes_back_and_a_torn_tail_costs_one_event(tmp_path_factory, fields, cut):
    path = tmp_path_factory.mktemp("events") / "e.jsonl"
    log = EventLog(path)
    for entry in fields:
        log.append("thing", **entry)
    log.close()
    back = [{key: event[key] for key in event if key not in ("time_s", "event")} for event in read_events(path)]
    assert back == fields
    data = path.read_bytes()
    last = len(data) - data.rstrip(b"\n").rfind(b"\n") - 1 if fields else 0
    path.write_bytes(data[: -min(cut, last - 1)] if last > 1 else data)
    torn = list(read_events(path))
    assert len(torn) >= len(fields) - 1
    log = EventLog(path)  # the next writer starts on a line of its own
    log.append("after")
    log.close()
    assert list(read_events(path))[-1]["event"] == "after"


def test_not_finite_becomes_null_at_any_depth(tmp_path):
    log = EventLog(tmp_path / "e.jsonl")
    log.append("thing", value=math.nan, deep={"list": [math.inf, 1.0]})
    (event,) = read_events(tmp_path / "e.jsonl")
    assert event["value"] is None
    assert event["deep"] == {"list": [None, 1.0]}


def test_the_tail_yields_only_whole_new_lines(tmp_path):
    path = tmp_path / "e.jsonl"
    EventLog(path).append("old")
    tail = EventTail(path)
    with path.open("ab") as file:
        file.write(b'{"event": "new"}\n{"event": "ha')
        file.flush()
        assert [event["event"] for event in tail.poll()] == ["new"]
        file.write(b'lf"}\n')
        file.flush()
        assert [event["event"] for event in tail.poll()] == ["half"]
    assert tail.poll() == []


def test_foreign_lines_are_passed_over(tmp_path):
    path = tmp_path / "e.jsonl"
    path.write_bytes(b'[1]\n\xff\xfe\n{"event": 3}\n{"event": "good"}\n' + b"[" * 100_000 + b"\n")
    assert [event["event"] for event in read_events(path)] == ["good"]


def test_an_unwritable_place_is_a_result_error(tmp_path):
    with pytest.raises(ResultError, match="choose a folder"):
        EventLog(tmp_path / "none" / "e.jsonl")
    with pytest.raises(ResultError, match="No space left"):
        EventLog(Path("/dev/full")).append("thing")
