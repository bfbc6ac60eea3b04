"""Estimates from a short timing."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

from levinthal.workloads import pace


@pytest.fixture
def clock(monkeypatch):
    now = [0.0]
    monkeypatch.setattr(pace.time, "perf_counter", lambda: now[0])
    return now


def test_the_rate_is_of_about_a_second_and_without_the_warm_up(clock):
    calls = []

    def work(n):
        clock[0] += 5.0 if not calls else 0.01 * n
        calls.append(n)

    assert pace.units_per_second(work, 10) == pytest.approx(100.0)
    assert calls == [10, 10, 20, 40, 80]
    assert clock[0] == pytest.approx(6.5)


@pytest.mark.parametrize(("n", "said"), [(10, [("all of it", 20.0)]), (2, [])])
def test_one_unit_tells_how_long_all_take(clock, n, said):
    told = []
    run = SimpleNamespace(estimate=lambda what, *, duration_s: told.append((what, duration_s)))
    unit_done = pace.estimate_after(run, 2, n, "all of it")
    for took_s in (9.0, 2.0, 3.0):
        clock[0] += took_s
        unit_done()
    assert told == said
