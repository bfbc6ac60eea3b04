"""`levinthal run --profile`: operators lie within their phases, and a profiler that fails costs nothing."""

from __future__ import annotations

import gzip
import json

import pytest

from levinthal.harness.results.store import load_result
from levinthal.harness.running import worker


def trace_of(folder):
    document = json.loads(gzip.decompress((folder / "repeats/000/trace.json.gz").read_bytes()))
    return [each for each in document["traceEvents"] if each.get("ph") == "X"]


@pytest.mark.slow
def test_operators_lie_within_named_phases(levinthal, tmp_path):
    done = levinthal(
        "run",
        "cvae",
        "--size",
        "smoke",
        "--profile",
        "--set",
        "implementation=torch",
        "--set",
        "epochs=2",
        "--out",
        "r",
    )
    assert done.returncode in (0, 1), done.stderr  # so few epochs may miss a gate
    (repeat,) = load_result(tmp_path / "r").repeats
    assert repeat.error is None
    assert "was profiled" in " ".join(repeat.warnings)
    assert "trace.json.gz" in {each.name for each in repeat.artifacts}
    events = trace_of(tmp_path / "r")
    lanes = {each["name"]: each for each in events if each.get("cat") == "phase"}
    assert {phase.name for phase in repeat.phases} == set(lanes)
    # torch saw the same phases on its own clock: both lie at the same place in the trace
    for event in events:
        if event.get("cat") == "user_annotation" and event["name"] == "train":
            assert event["ts"] == pytest.approx(lanes["train"]["ts"], abs=0.1e6)
    train = lanes["train"]
    within = [
        each["name"] for each in events
        if each.get("cat") == "cpu_op" and train["ts"] <= each["ts"] <= train["ts"] + train["dur"]
    ]  # fmt: skip
    assert len(within) > 100
    assert any("conv" in name for name in within)
    page = (tmp_path / "r/report.html").read_text()
    assert "was profiled" in page
    assert levinthal("check", "r").returncode == 0


def test_without_it_nothing_is_traced(levinthal, tmp_path):
    assert levinthal("run", "probe", "--size", "smoke", "--out", "r").returncode == 0
    (repeat,) = load_result(tmp_path / "r").repeats
    assert not repeat.warnings
    assert not (tmp_path / "r/repeats/000/trace.json.gz").exists()


def test_a_profiler_that_fails_costs_nothing_else():
    told = []

    class Broken:
        def trace(self, *_):
            raise RuntimeError("no space for events")

    class Recorded:
        origin_s = 0.0
        warn = staticmethod(told.append)
        artifact = None

        @staticmethod
        def record():
            return type("Record", (), {"phases": ()})

    worker._keep_trace(Recorded(), Broken())
    assert told == ["The profile is missing, all else stands: RuntimeError: no space for events."]
