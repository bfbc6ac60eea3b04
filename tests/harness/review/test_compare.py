from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from levinthal.errors import ResultError
from levinthal.harness.results.labels import Key
from levinthal.harness.results.result import Dataset, Metric, Repeat, Result, WorkloadId
from levinthal.harness.review.compare import compare_results, comparison_lines

MACHINE = {
    "cpu": {"model": "AMD EPYC", "cores": 2},
    "memory": {"total_bytes": 24 * 1024**3},
    "gpus": [],
    "limits": {"affinity_cpus": 2, "cpu_quota": None},
}


def result(
    values: list[float] | np.ndarray,
    *,
    name: str = "throughput",
    unit: str = "frame/s",
    better: str = "higher",
    kind: str = "speed",
    failed: int = 0,
    version: int = 1,
    **changes: Any,
) -> Result:
    repeats = tuple(
        Repeat(
            index=index,
            seed=index,
            started_utc="2026-01-01T00:00:00+00:00",
            metrics=(Metric(name=name, value=float(value), unit=unit, better=better, kind=kind),),
            verdict="failed" if index < failed else "passed",
        )
        for index, value in enumerate(values)
    )
    fields: dict[str, Any] = {
        "workload": WorkloadId(name="cvae", version=version),
        "dataset": Dataset(name="fs-peptide", version="1", synthetic=True),
        "size": "tiny",
        "division": "closed",
        "settings": {"batch_size": 256},
        "machine": MACHINE,
        "software": {"packages": {"torch": "2.13.0"}},
        "repeats": repeats,
        "summary": (),
        "verdict": "failed" if failed else "passed",
    }
    return Result(**{**fields, **changes})


def only(a: Result, b: Result) -> Any:
    (metric,) = compare_results(a, b).metrics
    return metric


SLOW = [100.0, 101.0, 99.0, 102.0, 98.0, 100.5, 99.5]
FAST = [150.0, 151.0, 149.0, 152.0, 148.0, 150.5, 149.5]


@pytest.mark.parametrize(
    ("better", "kind", "verdict"),
    [
        ("higher", "speed", "faster"),
        ("lower", "speed", "slower"),
        ("higher", "quality", "better"),
        ("lower", "quality", "worse"),
    ],
)
def test_seven_repeats_and_a_factor_decide(better: str, kind: str, verdict: str) -> None:
    metric = only(result(SLOW, better=better, kind=kind), result(FAST, better=better, kind=kind))
    assert metric.verdict == verdict
    assert metric.rule.startswith("Mann-Whitney p < 0.002")
    assert metric.more_repeats == 0
    expected = 1.5 if better == "higher" else 1 / 1.5
    assert metric.ratio == pytest.approx(expected, rel=0.01)
    assert metric.ratio_interval[0] <= metric.ratio <= metric.ratio_interval[1]
    assert metric.delta == (1.0 if better == "higher" else -1.0)
    assert metric.delta_interval[0] <= metric.delta <= metric.delta_interval[1]


def test_the_other_way_round() -> None:
    assert only(result(FAST), result(SLOW)).verdict == "slower"
    assert only(result(FAST, better="lower"), result(SLOW, better="lower")).verdict == "faster"


def test_a_small_factor_is_no_verdict_however_sure() -> None:
    metric = only(result(SLOW), result([1.06 * value for value in SLOW]))
    assert metric.p_value < 0.002
    assert metric.verdict == "can't tell"
    assert "below 1.1" in metric.reason


def test_quality_needs_no_factor() -> None:
    metric = only(result(SLOW, kind="quality"), result([1.06 * value for value in SLOW], kind="quality"))
    assert metric.verdict == "better"


def test_quality_below_zero_can_be_compared() -> None:
    a, b = result([-v for v in SLOW], kind="quality"), result([-v for v in FAST], kind="quality")
    metric = only(a, b)
    assert (metric.verdict, metric.ratio) == ("worse", None)


def test_speed_of_zero_has_no_factor() -> None:
    metric = only(result([0.0, *SLOW[1:]]), result(FAST))
    assert metric.verdict == "can't tell"
    assert "zero" in metric.reason


def test_few_repeats_get_a_labelled_rule() -> None:
    metric = only(result(SLOW[:3]), result(FAST[:3]))
    assert metric.verdict == "faster"
    assert metric.rule.startswith("few repeats")
    assert metric.more_repeats == 4
    assert any("few repeats" in line for line in comparison_lines(compare_results(result(SLOW[:3]), result(FAST[:3]))))


def test_few_repeats_that_overlap_say_how_many_more() -> None:
    metric = only(result([100.0, 200.0, 150.0]), result([180.0, 300.0, 250.0]))
    assert metric.verdict == "can't tell"
    assert "4 more repeats a side" in metric.reason


@pytest.mark.parametrize("n", [1, 2])
def test_one_or_two_repeats_never_decide(n: int) -> None:
    metric = only(result([100.0] * n), result([900.0] * n))
    assert metric.verdict == "can't tell"
    assert metric.more_repeats == 7 - n
    assert f"{7 - n} more a side needed" in metric.reason


def many(values: list[list[float]]) -> Result:
    """Return a result with a metric for each list, the first called throughput."""
    names = ["throughput", *(f"rate {chr(97 + k // 26)}{chr(97 + k % 26)}" for k in range(len(values) - 1))]
    parts = [result(each, name=name) for each, name in zip(values, names, strict=True)]
    repeats = tuple(
        first.model_copy(update={"metrics": tuple(part.repeats[k].metrics[0] for part in parts)})
        for k, first in enumerate(parts[0].repeats)
    )
    return parts[0].model_copy(update={"repeats": repeats})


def test_of_many_figures_one_that_differs_by_chance_is_no_verdict() -> None:
    rng = np.random.default_rng(0)
    noise = [[(100 + rng.normal(0, 3, 7)).tolist() for _ in range(94)] for _ in range(2)]
    a, b = many([SLOW, *noise[0]]), many([FAST, *noise[1]])
    alone = only(result(SLOW), result(FAST))
    among = compare_results(a, b).metrics[0]
    assert alone.verdict == "faster"
    # 2 / C(14, 7) = 0.0006 is the least that seven a side can reach: times 95 it is 0.055.
    assert among.verdict == "can't tell"
    assert among.p_holm == pytest.approx(95 * among.p_value)
    assert "corrected for 95 figures" in among.reason
    first = compare_results(a, b, main={Key("throughput")})
    assert (first.metrics[0].verdict, first.metrics[0].is_main) == ("faster", True)
    assert "other figures:" in comparison_lines(first)


def test_main_figures_come_first() -> None:
    a, b = many([SLOW, SLOW, SLOW]), many([FAST, FAST, FAST])
    names = [each.name for each in compare_results(a, b, main={Key("rate ab")}).metrics]
    assert names == ["rate ab", "throughput", "rate aa"]


def test_false_verdicts_of_a_whole_comparison_are_rare() -> None:
    rng = np.random.default_rng(5)
    wrong = 0
    for _ in range(20):
        sides = [many([rng.lognormal(0.0, 0.3, 8).tolist() for _ in range(20)]) for _ in range(2)]
        wrong += any(each.verdict != "can't tell" for each in compare_results(*sides).metrics)
    assert wrong <= 4  # one is expected at most; more than 4 have a chance of 0.003


def test_repeats_that_failed_do_not_enter() -> None:
    metric = only(result([1e9, *SLOW], failed=1), result(FAST))
    assert (metric.n_a, metric.verdict) == (7, "faster")
    seen = only(result(SLOW, failed=7, kind="quality"), result(FAST, kind="quality"))
    assert (seen.n_a, seen.verdict) == (7, "better")
    nothing = only(result(SLOW, failed=7), result(FAST))
    assert (nothing.n_a, nothing.median_a, nothing.verdict, nothing.more_repeats) == (0, None, "can't tell", None)


@pytest.mark.parametrize("change", [{"unit": "frame/min"}, {"better": "lower"}, {"kind": "quality"}])
def test_a_metric_that_means_something_else_is_not_compared(change: dict[str, str]) -> None:
    metric = only(result(SLOW), result(FAST, **change))
    assert (metric.verdict, metric.ratio) == ("can't tell", None)


def test_false_alarms_are_rare() -> None:
    rng = np.random.default_rng(0)
    for n, limit in ((3, 6), (5, 6), (8, 6)):
        wrong = 0
        for _ in range(300):
            a, b = rng.lognormal(0.0, 0.3, n), rng.lognormal(0.0, 0.3, n)
            wrong += only(result(a), result(b)).verdict != "can't tell"
        # 0.2 % of 300 are 0.6; more than 5 have a chance below 1e-4.
        assert wrong < limit


@given(st.lists(st.floats(0.1, 1e4), min_size=1, max_size=9), st.lists(st.floats(0.1, 1e4), min_size=1, max_size=9))
def test_swapping_the_results_swaps_the_verdict(a: list[float], b: list[float]) -> None:
    opposite = {"faster": "slower", "slower": "faster", "can't tell": "can't tell"}
    forward, backward = only(result(a), result(b)), only(result(b), result(a))
    assert backward.verdict == opposite[forward.verdict]
    assert forward.ratio * backward.ratio == pytest.approx(1.0)


def test_other_workloads_and_versions_are_refused() -> None:
    with pytest.raises(ResultError, match=r"cvae version 1.*cvae version 2"):
        compare_results(result(SLOW), result(FAST, version=2))
    with pytest.raises(ResultError, match=r"cvae version 1.*docking version 1"):
        compare_results(result(SLOW), result(FAST, workload=WorkloadId(name="docking", version=1)))


def test_nothing_differs() -> None:
    assert compare_results(result(SLOW), result(FAST)).warnings == ()


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"settings": {"batch_size": 64}}, ["setting batch_size: 256 against 64"]),
        (
            {"settings": {"model": {"filters": 16}}},
            ["setting batch_size: 256 against not set", "setting model.filters"],
        ),
        ({"size": "paper", "division": "open"}, ["size: tiny against paper", "division: closed against open"]),
        ({"dataset": Dataset(name="mine", version="1", synthetic=False)}, ["A is synthetic, B is real"]),
        ({"software": {"packages": {"torch": "2.9.0"}}}, ["torch 2.13.0 against 2.9.0"]),
        (
            {"machine": {**MACHINE, "cpu": {"model": "Intel Xeon", "cores": 8}}},
            ["AMD EPYC against Intel Xeon", "2 against 8"],
        ),
        ({"machine": {**MACHINE, "gpus": [{"name": "H200"}]}}, ["GPU none against H200"]),
        ({"machine": {**MACHINE, "memory": {"total_bytes": 48 * 1024**3}}}, ["24 GiB against 48 GiB"]),
        ({"machine": {}}, ["AMD EPYC against None"]),
    ],
)
def test_what_else_differs_is_told(changes: dict[str, Any], words: list[str]) -> None:
    told = "\n".join(compare_results(result(SLOW), result(FAST, **changes)).warnings)
    assert all(word in told for word in words)


def test_a_few_megabytes_of_memory_are_no_other_machine() -> None:
    machine = {**MACHINE, "memory": {"total_bytes": 24 * 1024**3 - 5 * 1024**2}}
    assert compare_results(result(SLOW), result(FAST, machine=machine)).warnings == ()


def test_failed_runs_are_told() -> None:
    warnings = compare_results(result(SLOW, failed=2), result(FAST)).warnings
    assert warnings == ("A failed: 2 of 7 repeats do not count",)


def test_metrics_of_one_side_are_listed() -> None:
    comparison = compare_results(result(SLOW, name="old"), result(FAST, name="new"))
    assert (comparison.metrics, comparison.only_in_a, comparison.only_in_b) == ((), (Key("old"),), (Key("new"),))
    assert "only in A: old" in comparison_lines(comparison)


def test_lines_fit_a_terminal() -> None:
    name = "held-out reconstruction of a rather long name in bits per contact"
    a, b = result(SLOW, name=name, size="paper"), result(FAST, name=name, settings={"a": "x " * 60})
    lines = comparison_lines(compare_results(a, b))
    assert max(len(line) for line in lines) <= 80
    text = " ".join(" ".join(lines).split())
    assert "faster" in text
    assert "1.5x [1.4" in text
    assert "A 100.0 frame/s (n 7), B 150.0 frame/s (n 7)" in text


def test_pure_numbers_and_zeros_read_well() -> None:
    a = result([0.5, 0.5, 0.5], name="error", unit="1", better="lower", kind="quality")
    text = " ".join(" ".join(comparison_lines(compare_results(a, a))).split())
    assert "A 0.5000 (n 3)" in text
    assert "delta +0.00 [0, 0]" in text
