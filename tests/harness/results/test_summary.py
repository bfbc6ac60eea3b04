from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from levinthal.harness.results.labels import Key
from levinthal.harness.results.result import Metric, Repeat
from levinthal.harness.results.summary import counted_values, summarise


def repeat(
    index: int, speed: float | None, *, passed: bool = True, quality: float = 0.9, reason: str | None = None
) -> Repeat:
    return Repeat(
        index=index,
        seed=index,
        started_utc="2026-01-01T00:00:00+00:00",
        metrics=(
            Metric(name="throughput", value=speed, unit="frame/s", better="higher", reason=reason),
            Metric(name="AUC", value=quality, unit="1", better="higher", kind="quality"),
        ),
        verdict="passed" if passed else "failed",
    )


def test_median_interval_and_score_of_passed_repeats() -> None:
    summary = summarise([repeat(i, value) for i, value in enumerate([5.0, 1.0, 2.0, 4.0, 3.0, 6.0, 7.0])])["throughput"]
    assert (summary.n, summary.median, summary.ci95, summary.score) == (7, 4.0, (1.0, 7.0), 4.0)
    assert (summary.unit, summary.better, summary.kind, summary.reason) == ("frame/s", "higher", "speed", None)


def test_a_failed_repeat_gives_no_speed_and_counts_as_the_worst_and_its_quality_is_seen() -> None:
    repeats = [repeat(0, 10.0), repeat(1, 20.0), repeat(2, 30.0), repeat(3, 1000.0, passed=False, quality=0.1)]
    summary = summarise(repeats)
    assert (summary["throughput"].n, summary["throughput"].median) == (3, 20.0)
    # The failed one is the slowest and 30 the fastest: 10 and 20 are left.
    assert summary["throughput"].score == 15.0
    assert (summary["AUC"].n, summary["AUC"].n_failed) == (4, 1)
    worse = summarise([*repeats[:1], *[repeat(k, 1.0, passed=False, quality=0.1) for k in range(1, 4)]])["AUC"]
    assert (worse.n, worse.n_failed, worse.median) == (4, 3, 0.1)
    assert counted_values(repeats)[Key("throughput")] == [10.0, 20.0, 30.0]
    assert counted_values(repeats)[Key("AUC")] == [0.9, 0.9, 0.9, 0.1]


def timed(index: int, reached: float | None, waited: float = 100.0) -> Repeat:
    """Return a repeat that reached its target, or missed its gate because it did not."""
    metric = Metric(
        name="time to target", value=reached, unit="s", better="lower",
        reason=None if reached is not None else "not reached", censored_at=None if reached is not None else waited,
    )  # fmt: skip
    verdict = "passed" if reached is not None else "failed"
    return Repeat(index=index, seed=index, started_utc="2026-01-01T00:00:00+00:00", metrics=(metric,), verdict=verdict)


def test_repeats_that_waited_in_vain_are_in_the_median() -> None:
    summary = summarise([timed(k, reached) for k, reached in enumerate([10.0, 30.0, 20.0, None, None])])
    (each,) = summary
    # Without the two the median would be 20.
    assert (each.n, each.n_censored, each.median) == (3, 2, 30.0)
    assert "3 of 5" in each.reason
    (each,) = summarise([timed(k, reached) for k, reached in enumerate([10.0, None, None])])
    assert (each.n, each.n_censored, each.median, each.ci95) == (1, 2, None, None)
    assert "1 of 3" in each.reason


def test_two_misses_invalidate_the_score_only() -> None:
    repeats = [repeat(i, 10.0 + i, passed=i > 1) for i in range(6)]
    summary = summarise(repeats)["throughput"]
    assert (summary.n, summary.median, summary.score) == (4, 13.5, None)
    assert "2 repeats missed" in summary.reason


def test_nothing_passed() -> None:
    summary = summarise([repeat(0, 1.0, passed=False)])["throughput"]
    assert (summary.n, summary.median, summary.ci95, summary.score) == (0, None, None, None)
    assert "no repeat passed" in summary.reason


def test_a_figure_not_measured_keeps_its_reason() -> None:
    summary = summarise([repeat(0, None, reason="no counter"), repeat(1, 3.0)])["throughput"]
    assert (summary.n, summary.median, summary.ci95) == (1, 3.0, None)
    assert "no counter" in summary.reason
    assert "at least 2" in summary.reason


def test_no_repeats() -> None:
    assert list(summarise([])) == []


@given(st.lists(st.floats(allow_nan=False, allow_infinity=False, width=32), min_size=1, max_size=12))
def test_the_median_is_numpys(values: list[float]) -> None:
    import numpy as np

    summary = summarise([repeat(i, value) for i, value in enumerate(values)])["throughput"]
    assert summary.median == pytest.approx(float(np.median(values)))
