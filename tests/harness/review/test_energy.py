"""Energy of a run: a meter's log laid beside its phases, the idle machine taken off, through the command line."""

from __future__ import annotations

import json
import time
from pathlib import Path

import pytest

from levinthal.harness.contract.run import Run
from levinthal.harness.results.events import EventLog
from levinthal.harness.results.store import load_result
from levinthal.harness.review.energy import started_s
from levinthal.metrics.energy import EnergyMeter

IDLE_W, BUSY_W = 40.0, 190.0


@pytest.fixture
def metered(levinthal, tmp_path):
    """A run, and the log of a meter that showed the idle machine before it and a constant load from then on."""
    done = levinthal("run", "probe", "--size", "tiny", "--set", "seconds=1.5", "--repeats", "2", "--out", "r")
    assert done.returncode == 0, done.stderr
    result = load_result(tmp_path / "r")
    began_s = min(map(started_s, result.repeats))
    end_s = max(started_s(each) + each.duration_s for each in result.repeats) + 1
    samples, moment = [], began_s - 100
    while moment < end_s:
        samples.append(f"{moment:.3f},{IDLE_W if moment < began_s - 0.2 else BUSY_W}")
        moment += 0.05
    (tmp_path / "meter.csv").write_text("\n".join(["unix_s,watts", *samples]) + "\n")
    return result


def test_a_constant_load_is_told_above_the_idle_machine_and_for_each_item(levinthal, tmp_path, metered):
    done = levinthal("energy", "r", "--meter", "meter.csv", "--json", "energy.json")
    assert done.returncode == 0, done.stderr
    assert "energy of probe, by meter.csv; idle 40" in done.stdout
    told = json.loads((tmp_path / "energy.json").read_text())
    assert told["idle_watts"] == pytest.approx(IDLE_W, rel=0.02)
    sleeps = [each for each in told["phases"] if each["phase"] == "sleep"]
    wholes = [each for each in told["phases"] if each["phase"] == "whole repeat"]
    assert (len(sleeps), len(wholes)) == (2, 2)
    for each in sleeps:
        assert each["energy_j"] == pytest.approx(BUSY_W * each["duration_s"], rel=0.01)
        assert each["above_idle_j"] == pytest.approx((BUSY_W - IDLE_W) * each["duration_s"], rel=0.01)
        assert each["item_j"] == pytest.approx(each["above_idle_j"] / 5)
    # without an idle machine there is nothing above it
    done = levinthal("energy", "r", "--meter", "meter.csv", "--idle-seconds", "0", "--json", "energy.json")
    assert "the idle machine is not known" in done.stdout
    assert json.loads((tmp_path / "energy.json").read_text())["phases"][0]["above_idle_j"] is None


def test_what_the_log_does_not_cover_is_said(levinthal, tmp_path, metered):
    _, second = metered.repeats
    lines = (tmp_path / "meter.csv").read_text().splitlines()
    until = [line for line in lines[1:] if float(line.partition(",")[0]) < started_s(second) - 0.1]
    (tmp_path / "meter.csv").write_text("\n".join([lines[0], *until]) + "\n")
    done = levinthal("energy", "r", "--meter", "meter.csv", "--idle-watts", "40")
    assert done.returncode == 0, done.stderr
    assert "not measured: the meter's log does not cover it" in done.stdout
    assert "J above idle" in done.stdout
    done = levinthal("energy", "r", "--meter", "meter.csv", "--idle-seconds", "5000")
    assert done.returncode == 2
    assert "log longer before it, or give --idle-watts" in done.stderr


def test_without_a_meter_the_run_s_own_counters_stand_or_their_reason(levinthal, tmp_path, metered):
    done = levinthal("energy", "r")
    (phase, *_) = (each for each in metered.repeats[0].phases if each.name == "sleep")
    if phase.energy_j is None:
        assert done.returncode == 1
        assert f"not measured: {phase.energy_reason}" in done.stdout
    else:
        assert done.returncode == 0
    assert "Traceback" not in done.stdout + done.stderr


def test_a_run_counts_a_constant_load(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A node whose counter rises by 250 J a second: a phase has that times its length."""
    counter, began_s = tmp_path / "energy", time.monotonic()

    class Steady(type(tmp_path)):  # type: ignore[misc]
        def read_text(self, *_, **__) -> str:
            return f"{round(250 * (time.monotonic() - began_s))} J 0 us"

    counter.write_text("0 J 0 us")
    monkeypatch.setattr("levinthal.harness.contract.run.EnergyMeter", lambda: EnergyMeter(cray=Steady(tmp_path)))
    events = EventLog(tmp_path / "events.jsonl")
    run = Run(folder=tmp_path, events=events)
    with run.phase("load", items=10):
        time.sleep(0.4)
    run.close()
    events.close()
    (phase,) = run.record().phases
    assert phase.energy_j == pytest.approx(250 * phase.duration_s, abs=5)
