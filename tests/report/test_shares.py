"""The account of wall time against a count on a grid, and its law: it adds up, whatever overlaps."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from levinthal.harness.results.result import Phase, Repeat
from levinthal.report.account import state_bars
from levinthal.report.shares import union_length_s, wall_time
from levinthal.report.timeline import phase_keys

whole_phases = st.lists(
    st.builds(
        lambda name, lane, start, length: Phase(name=name, lane=lane, start_s=start, duration_s=length),
        st.sampled_from("abc"),
        st.sampled_from(["main", "worker 1"]),
        st.integers(0, 30),
        st.integers(0, 12),
    ),
    max_size=12,
)


def _repeat(phases: list[Phase], duration_s: float | None) -> Repeat:
    return Repeat(index=0, seed=1, started_utc="", duration_s=duration_s, phases=tuple(phases), verdict="passed")


def test_overlap_and_idle_time_are_told(make_repeat: Callable[..., Repeat]) -> None:
    time = wall_time(make_repeat())
    assert time.total_s == 10.0
    assert dict(time.states) == {("simulate",): 4.0, ("train",): 1.0, ("write",): 1.0, ("train", "write"): 2.0}
    assert time.overlap_s == 2.0
    assert time.unaccounted_s == 2.0
    assert [(share.name, share.wall_s, share.alone_s) for share in time.phases] == [
        ("simulate", 4.0, 4.0), ("train", 3.0, 1.0), ("write", 3.0, 1.0),
    ]  # fmt: skip


@given(whole_phases)
def test_the_account_equals_a_count_of_seconds(phases: list[Phase]) -> None:
    time = wall_time(_repeat(phases, 50.0))
    seconds: dict[frozenset[str], int] = {}
    for second in range(50):
        names = frozenset(p.name for p in phases if p.start_s <= second < p.start_s + p.duration_s)
        seconds[names] = seconds.get(names, 0) + 1
    assert {frozenset(names): spent for names, spent in time.states} == {k: v for k, v in seconds.items() if k}
    assert time.unaccounted_s == seconds.get(frozenset(), 0)
    for share in time.phases:
        assert share.wall_s == sum(spent for names, spent in seconds.items() if share.name in names)


@given(whole_phases)
def test_the_share_bar_is_cut_without_gap_or_overlap(phases: list[Phase]) -> None:
    time = wall_time(_repeat(phases, 40.0))
    bars = state_bars(time, phase_keys(phase.name for phase in phases))
    reached = 0.0
    for bar in bars:
        assert bar.left == pytest.approx(reached, abs=1e-9)
        reached += bar.width
    assert reached == pytest.approx(100.0)


def test_two_workers_in_one_phase_are_no_overlap_but_count_twice_in_lane_seconds() -> None:
    phases = [Phase(name="simulate", lane=f"worker {n}", start_s=0, duration_s=5, items=10) for n in (1, 2)]
    time = wall_time(_repeat(phases, 5.0))
    (share,) = time.phases
    assert (share.wall_s, share.alone_s, share.lane_s, share.items, time.overlap_s) == (5, 5, 10, 20, 0)


def test_items_that_the_coordinator_counted_are_not_counted_again() -> None:
    phases = [
        Phase(name="simulate", lane=lane, start_s=0, duration_s=5, items=n) for lane, n in (("main", 20), ("w", 10))
    ]
    assert wall_time(_repeat(phases, 5.0)).phases[0].items == 20


def test_a_killed_repeat_ends_with_its_last_phase() -> None:
    time = wall_time(_repeat([Phase(name="a", start_s=1, duration_s=2)], None))
    assert (time.total_s, time.unaccounted_s) == (3.0, 1.0)


def test_no_phase_at_all() -> None:
    time = wall_time(_repeat([], None))
    assert (time.total_s, time.states, state_bars(time, {})) == (0.0, (), ())


def test_union_length() -> None:
    assert union_length_s([(0, 2), (1, 3), (5, 6), (5.5, 5.6)]) == 4
