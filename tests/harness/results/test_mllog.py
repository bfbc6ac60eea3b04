from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from levinthal.errors import ResultError
from levinthal.harness.results.mllog import export_mlperf_log, mlperf_lines, mlperf_rules, read_mlperf_log

Events = list[dict[str, Any]]

MACHINE = {"cpu": {"model": "AMD EPYC", "cores": 2}, "gpus": [{"name": "NVIDIA H200"}], "limits": {"cpu_quota": None}}
SEEDS = [11, 12]


def journal() -> Events:
    events: Events = []
    clock = iter(range(1, 1000))

    def add(event: str, **fields: Any) -> None:
        events.append({"time_s": 1_700_000_000.125 + next(clock) / 8, "event": event, **fields})

    add(
        "run_start",
        workload="cvae",
        version=1,
        size="tiny",
        division="closed",
        settings={"batch_size": 256, "filters": [64, 64]},
        seeds=SEEDS,
        repeats=len(SEEDS),
        machine=MACHINE,
    )
    for repeat, seed in enumerate(SEEDS):
        add("repeat_start", repeat=repeat, seed=seed)
        add("dataset", repeat=repeat, name="fs-peptide", version="1", sha256=None, synthetic=True)
        for phase in ("simulate", "train"):
            add("phase_start", repeat=repeat, phase=phase, lane="main")
            add("progress", repeat=repeat, phase=phase, done=5, total=10)
            add("phase_stop", repeat=repeat, phase=phase, lane="main", start_s=0.5, duration_s=0.25, items=10)
        add(
            "metric",
            repeat=repeat,
            name="throughput",
            value=940.5,
            unit="frame/s",
            better="higher",
            kind="speed",
            labels={},
        )
        add("metric", repeat=repeat, name="energy", value=None, unit="J", better="lower", kind="speed", reason="none")
        add("curve", repeat=repeat, name="loss", labels={"split": "train"}, unit="bit", n=100)
        add("gate", repeat=repeat, name="finite loss", value=1.0, at_most=None, at_least=1.0, passed=True)
        add(
            "gate",
            repeat=repeat,
            name="held-out loss",
            value=0.21,
            at_most=0.3,
            at_least=None,
            passed=True,
            labels={"split": "held out", "lag": 10},
        )
        add("repeat_stop", repeat=repeat, verdict="passed", duration_s=1.5, error=None)
    add("run_stop", verdict="passed", status="success")
    return events


def named(events: Events, name: str) -> dict[str, Any]:
    return next(event for event in events if event["event"] == name)


def check(path: Path, rules: Path | None = None) -> tuple[bool, str]:
    """Run the stock checker in a process of its own."""
    pytest.importorskip("mlperf_logging")
    output = path.with_name("checker.log")
    command = [sys.executable, "-m", "mlperf_logging.compliance_checker", "--usage", "hpc", "--ruleset", "3.0.0"]
    command += ["--config", str(rules or mlperf_rules()), "--werror", "--log_output", str(output), str(path)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    return done.returncode == 0, done.stdout + done.stderr


def test_the_stock_checker_passes_a_good_log(tmp_path: Path) -> None:
    path = tmp_path / "mlperf.log"
    export_mlperf_log(journal(), path)
    passed, said = check(path)
    assert passed, said
    assert "SUCCESS" in said
    assert not list(tmp_path.glob("*.part"))


@pytest.mark.parametrize("repeat", [0, 1])
def test_the_stock_checker_passes_a_single_repeat(tmp_path: Path, repeat: int) -> None:
    path = tmp_path / "mlperf.log"
    export_mlperf_log(journal(), path, repeat=repeat)
    passed, said = check(path)
    assert passed, said
    seeds = [
        json.loads(line[len(":::MLLOG ") :])["value"]
        for line in path.read_text().splitlines()
        if '"key": "seed"' in line
    ]
    assert seeds == [SEEDS[repeat]]


def test_labels_stand_in_the_metadata() -> None:
    records = [json.loads(line[len(":::MLLOG ") :]) for line in mlperf_lines(journal())]
    told = {record["key"]: record["metadata"].get("labels") for record in records}
    assert told["eval_error"] == {"split": "held out", "lag": 10}
    assert told["curve"] == {"split": "train"}
    assert told["metric"] is None


def _without(name: str) -> Callable[[Events], Events]:
    return lambda events: [event for event in events if event["event"] != name]


def _changed(name: str, **fields: Any) -> Callable[[Events], Events]:
    def change(events: Events) -> Events:
        named(events, name).update(fields)
        return events

    return change


def _second_half_lost(events: Events) -> Events:
    return events[: len(events) // 2]


def _same_seed_twice(events: Events) -> Events:
    for event in events:
        if event["event"] == "repeat_start":
            event["seed"] = 11
    return events


def _one_repeat_missing(events: Events) -> Events:
    return [event for event in events if event.get("repeat") != 1]


def _a_repeat_ended_twice(events: Events) -> Events:
    again = [event for event in events if event.get("repeat") == 1]
    return [*events[:-1], *again, events[-1]]


def _gate_after_the_clock(events: Events) -> Events:
    gates = [event for event in events if event["event"] == "gate"]
    return [event for event in events if event["event"] != "gate"] + gates


BROKEN: dict[str, Callable[[Events], Events]] = {
    "run_stop missing": _without("repeat_stop"),
    "verdict missing": _without("run_stop"),
    "aborted": _changed("repeat_stop", verdict="failed", error="killed"),
    "run failed": _changed("run_stop", verdict="failed", status="aborted"),
    "no seed": _changed("repeat_start", seed=None),
    "same seed twice": _same_seed_twice,
    "gate missed from above": _changed("gate", value=0.5, passed=False),
    "gate not measured": _changed("gate", value=None, passed=False),
    "gate lies about itself": _changed("gate", value=0.99),
    "no gates": _without("gate"),
    "gates after the clock": _gate_after_the_clock,
    "killed half-way": _second_half_lost,
    "a repeat missing": _one_repeat_missing,
    "a repeat told twice": _a_repeat_ended_twice,
    "no header": _without("run_start"),
    "no workload": _changed("run_start", workload=None),
    "unknown division": _changed("run_start", division="half-open"),
}


@pytest.mark.parametrize("what", BROKEN)
def test_the_stock_checker_fails_a_broken_log(tmp_path: Path, what: str) -> None:
    path = tmp_path / "mlperf.log"
    export_mlperf_log(BROKEN[what](journal()), path)
    passed, said = check(path)
    assert not passed
    assert "FAILED" in said
    # It fails for the run's sake, not for an error in the rules or in the checker.
    assert "Traceback" not in said
    assert "Failed executing" not in said or what == "killed half-way"


def test_every_line_is_what_the_package_itself_would_read() -> None:
    parser = pytest.importorskip("mlperf_logging.compliance_checker.mlp_parser.ruleset_300")
    lines = list(mlperf_lines(journal()))
    parsed, errors = parser.parse_generator(lines)
    assert not errors
    assert len(parsed) == len(lines)
    times = [line.timestamp for line in parsed]
    assert times == sorted(times)
    assert {json.loads(line[len(":::MLLOG ") :])["event_type"] for line in lines} == {
        "POINT_IN_TIME",
        "INTERVAL_START",
        "INTERVAL_END",
    }


def test_no_event_is_lost(tmp_path: Path) -> None:
    path = tmp_path / "mlperf.log"
    export_mlperf_log(journal(), path)
    assert read_mlperf_log(path) == journal()


TEXT = st.text(max_size=12) | st.just("a :::MLLOG {} b") | st.just("::::MLLOG ::: ") | st.just("\x85\u2028\r\n")
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | TEXT,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXT, inner, max_size=3),
    max_leaves=8,
)
NAMES = (
    st.sampled_from(["metric", "gate", "repeat_start", "repeat_stop", "run_stop", "something_new", "artifact"]) | TEXT
)
EVENT = st.builds(
    lambda time_s, event, repeat, fields: {**fields, **repeat, "time_s": time_s, "event": event},
    st.floats(0, 4e9),
    NAMES,
    st.just({}) | st.builds(lambda index: {"repeat": index}, st.integers(0, 2)),
    st.dictionaries(TEXT, JSON, max_size=4),
)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(EVENT, max_size=8))
def test_no_event_is_lost_whatever_it_holds(tmp_path: Path, events: Events) -> None:
    path = tmp_path / "mlperf.log"
    export_mlperf_log(events, path)
    assert read_mlperf_log(path) == events
    parser = pytest.importorskip("mlperf_logging.compliance_checker.mlp_parser.ruleset_300")
    lines, errors = parser.parse_file(path)
    assert not errors
    carried = [
        line.value["metadata"]["levinthal_event"] for line in lines if "levinthal_event" in line.value["metadata"]
    ]
    assert carried == events


def test_an_attempt_that_was_cut_off_and_made_again_is_told_but_not_counted(tmp_path: Path) -> None:
    events = journal()
    cut = next(i for i, event in enumerate(events) if event.get("repeat") == 1 and event["event"] == "phase_stop")
    torn = events[:cut]
    start = next(i for i, event in enumerate(events) if event.get("repeat") == 1)
    later = [{**event, "time_s": event["time_s"] + 60.0} for event in events[start:]]
    resumed = [*torn, {"time_s": torn[-1]["time_s"] + 59.0, "event": "run_resumed"}, *later]
    path = tmp_path / "mlperf.log"
    export_mlperf_log(resumed, path)
    passed, said = check(path)
    assert passed, said
    assert read_mlperf_log(path) == resumed
    assert path.read_text().count('"key": "superseded"') == cut - start


def test_a_verdict_given_again_after_a_resume_counts_once(tmp_path: Path) -> None:
    events = journal()
    again = [*events, {"time_s": events[-1]["time_s"], "event": "run_resumed"}, dict(events[-1])]
    path = tmp_path / "mlperf.log"
    export_mlperf_log(again, path)
    passed, said = check(path)
    assert passed, said
    assert read_mlperf_log(path) == again


def test_the_clock_of_a_repeat_starts_when_the_repeat_does(tmp_path: Path) -> None:
    events = journal()
    records = [json.loads(line[len(":::MLLOG ") :]) for line in mlperf_lines(events)]
    starts = [record["time_ms"] for record in records if record["key"] == "run_start"]
    stops = [record["time_ms"] for record in records if record["key"] == "run_stop"]
    expected = [int(e["time_s"] * 1000) for e in events if e["event"] == "repeat_start"]
    assert starts == expected
    assert stops == [int(e["time_s"] * 1000) for e in events if e["event"] == "repeat_stop"]


@pytest.mark.parametrize("event", [{"time_s": 1.0}, {"event": "x"}, {"time_s": "now", "event": "x"}])
def test_what_is_no_event_is_named(tmp_path: Path, event: dict[str, Any]) -> None:
    with pytest.raises(ResultError, match="event 1 of the journal"):
        export_mlperf_log([event], tmp_path / "mlperf.log")


def test_a_number_json_cannot_hold_is_named(tmp_path: Path) -> None:
    with pytest.raises(ResultError, match="'metric'"):
        export_mlperf_log([{"time_s": 1.0, "event": "metric", "value": float("nan")}], tmp_path / "mlperf.log")
    assert not list(tmp_path.iterdir())


def test_a_folder_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(ResultError, match="cannot write"):
        export_mlperf_log(journal(), tmp_path / "absent" / "mlperf.log")


def test_damaged_logs_are_named(tmp_path: Path) -> None:
    path = tmp_path / "mlperf.log"
    with pytest.raises(ResultError, match="cannot read"):
        read_mlperf_log(path)
    path.write_text(':::MLLOG {"metadata": \n')
    with pytest.raises(ResultError, match="line 1"):
        read_mlperf_log(path)
