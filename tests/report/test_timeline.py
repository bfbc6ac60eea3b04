"""The geometry of the timeline."""

from __future__ import annotations

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from levinthal.harness.results.result import Phase
from levinthal.report.timeline import join_close, lanes_of, phase_keys


def test_segments_lie_where_their_time_is() -> None:
    phases = [Phase(name="simulate", start_s=1, duration_s=4), Phase(name="train", start_s=5, duration_s=2.5)]
    (lane,) = lanes_of(phases, 10.0, phase_keys(["simulate", "train"]))
    assert [(s.name, s.left, s.width) for s in lane.rows[0]] == [("simulate", 10, 40), ("train", 50, 25)]
    assert lane.rows[0][0].title == "simulate: 4.00 s, from 1.00 s to 5.00 s"


def test_main_is_first_and_numbers_are_in_order() -> None:
    names = ["worker 10", "worker 2", "gpu 0", "main"]
    lanes = lanes_of([Phase(name="a", lane=n, start_s=0, duration_s=1) for n in names], 1.0, phase_keys("a"))
    assert [lane.name for lane in lanes] == ["main", "gpu 0", "worker 2", "worker 10"]


@given(st.lists(st.tuples(st.sampled_from("abc"), st.floats(0, 100), st.floats(0, 30)), max_size=25))
def test_no_two_segments_of_a_row_overlap(spans: list[tuple[str, float, float]]) -> None:
    phases = [Phase(name=n, start_s=start, duration_s=length) for n, start, length in spans]
    for lane in lanes_of(phases, 130.0, phase_keys("abc")):
        for row in lane.rows:
            for before, after in pairwise(row):
                assert after.left >= before.left + before.width - 1e-6


def test_ten_thousand_short_phases_become_few_segments() -> None:
    phases = [Phase(name="ab"[n % 2], start_s=n * 1e-3, duration_s=9e-4) for n in range(10_000)]
    lanes = lanes_of(phases, 10.0, phase_keys("ab"))
    assert sum(len(row) for row in lanes[0].rows) == 2
    assert "5000 times" in lanes[0].rows[0][0].title


def test_join_close_keeps_gaps_that_can_be_seen() -> None:
    assert join_close([(0, 1), (1.05, 2), (5, 6), (5.2, 5.5)], 0.1) == [(0, 2, 2), (5, 6, 2)]


def test_every_phase_has_a_letter_of_its_own() -> None:
    keys = phase_keys(str(n) for n in range(60))
    assert [keys[str(n)].letter for n in (0, 25, 26, 27, 52)] == ["A", "Z", "AA", "AB", "BA"]
    assert len({key.letter for key in keys.values()}) == 60


def test_an_axis_without_length_has_no_lanes() -> None:
    assert lanes_of([Phase(name="a", start_s=0, duration_s=0)], 0.0, phase_keys("a")) == ()
