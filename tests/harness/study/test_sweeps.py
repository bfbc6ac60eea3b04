"""Sweeps: each point a run with gates of its own, the best among those that passed, drawn and resumed."""

from __future__ import annotations

import pytest

from levinthal.errors import UsageError
from levinthal.harness.contract.registry import load_workload
from levinthal.harness.results.store import load_result
from levinthal.harness.study import Measured
from levinthal.harness.study.kinds.sweeps import SweepOptions, SweepStudy, SweptRun
from levinthal.harness.study.registry import plan_study

SWEEP = (
    "sweep",
    "probe",
    "--over",
    "steps=2,8",
    "--over",
    "mode=good,miss",
    "--figures",
    "rate;error",
    "--size",
    "smoke",
)


@pytest.mark.slow
def test_the_best_is_among_those_that_passed_their_gates(tmp_path, levinthal) -> None:
    done = levinthal(*SWEEP, "--out", "r")
    assert done.returncode == 0, done.stderr
    result = load_result(tmp_path / "r")
    rates = {}
    for steps in (2, 8):
        own = load_result(tmp_path / f"r/points/000-steps{steps}-good")
        assert (own.settings["steps"], own.settings["mode"], own.verdict) == (steps, "good", "passed")
        rates[steps] = result.summary["rate", {"steps": steps, "mode": "good"}].median
        assert rates[steps] == own.summary["rate"].median
        missed = result.summary["rate", {"steps": steps, "mode": "miss"}]
        assert missed.median is None
        assert "sleep is long enough" in str(missed.reason)
    best = max(rates, key=rates.__getitem__)
    (found,) = result.repeats[0].findings
    assert f"steps {best}, good, among 2 of 4 points that passed" in found
    page = (tmp_path / "r/report.html").read_text()
    assert "levinthal sweep probe --size smoke --over steps=2,8 --over mode=good,miss" in page
    checked = levinthal("check", "r")
    assert checked.returncode == 0, checked.stdout
    # what was measured is kept: a point that is gone is run again, or read from its own run
    (tmp_path / "r/result.json").unlink()
    (tmp_path / "r/repeats/000/repeat.json").unlink()
    kept = (tmp_path / "r/points/000-steps8-good/result.json").stat().st_mtime_ns
    again = levinthal("resume", "r")
    assert again.returncode == 0, again.stderr
    assert (tmp_path / "r/points/000-steps8-good/result.json").stat().st_mtime_ns == kept


def test_a_dry_run_prints_runs(levinthal) -> None:
    done = levinthal(*SWEEP, "--set", "seconds=0.5", "--dry-run", "--out", "r")
    assert done.returncode == 0, done.stderr
    lines = done.stdout.splitlines()
    assert len(lines) == 4
    assert lines[1].startswith("levinthal run probe --size smoke --seed 0")
    for each in ("--set seconds=0.5", "--set steps=2", "--set mode=miss"):
        assert each in lines[1]


@pytest.mark.parametrize(
    ("over", "said"),
    [
        ("stepz=1,2", "stepz"),
        ("batch_size", "not of the form KEY=V,V"),
        ("batch_size=1,1", "twice"),
        ("batch_size=1;batch_size=2", "twice"),
        ("batch_size=", "not of the form"),
    ],
)
def test_mistakes_are_one_line(over, said) -> None:
    with pytest.raises(UsageError, match=said):
        plan_study("sweeps", load_workload("cvae"), {"over": over})


def test_runs_that_no_gate_held_have_no_sweep() -> None:
    study = SweepStudy(load_workload("cvae"), SweepOptions(over="latent=2,3"))
    first, second = study.plan().points()
    measured = Measured(records={
        first: SweptRun(duration_s=1.0, gates=2, metrics=()), second: SweptRun(duration_s=1.0, gates=0, metrics=()),
    })  # fmt: skip
    (gate,) = study.gates(study.plan(), measured)
    assert (gate.value, gate.at_most) == (1.0, 0)


def test_where_nothing_passes_there_is_a_reason(levinthal) -> None:
    done = levinthal("sweep", "probe", "--over", "mode=data", "--size", "smoke", "--out", "r")
    assert done.returncode != 0
    assert "no such trajectory" in done.stderr + done.stdout
