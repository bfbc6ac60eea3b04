"""Replicas side by side, of a workload whose replicas have a known length, and of those that simulate and search."""

from __future__ import annotations

import pytest

from levinthal.harness import Replicates
from levinthal.harness.contract.registry import load_workload
from levinthal.harness.results.store import load_result
from levinthal.harness.study.kinds.ensembles import EnsembleOptions, EnsembleStudy

SCALE = ("scale", "nappers", "--seconds", "0.1", "--set", "seconds=0.05", "--set", "steps=6", "--out", "r")


def rates_of(folder):
    summary = load_result(folder).summary
    return {
        n: (summary["rate", {"workers": n}].median, summary["parallel efficiency", {"workers": n}].median)
        for n in (1, 2, 4)
    }


@pytest.mark.parametrize("mode", ["strong", pytest.param("weak", marks=pytest.mark.slow)])
def test_rates_are_those_of_what_sleeps(tmp_path, levinthal, mode):
    """Naps need no core, so that four workers on any number of cores have four times the rate, but for idle ends."""
    done = levinthal(*SCALE, "--world-sizes", "4,1,2", "--mode", mode)
    assert done.returncode == 0, done.stderr
    assert "parallel efficiency at 4 workers: " in done.stdout
    result = load_result(tmp_path / "r")
    (repeat,) = result.repeats
    found = rates_of(tmp_path / "r")
    for n, (rate, efficiency) in found.items():
        assert 0.6 * n * 6 / 0.05 < rate <= n * 6 / 0.05
        assert efficiency == pytest.approx(rate / n / found[1][0], rel=1e-6)
        busy = result.summary["share of the time at work", {"workers": n}].median
        assert 0.6 < busy <= 1.0
    assert repeat.dataset.name == "nothing"
    assert "Replicas sleep." in repeat.notes
    assert [each for each in repeat.findings if "law" in each.lower()]
    page = (tmp_path / "r/report.html").read_text()
    assert "levinthal study ensembles nappers" in page
    assert levinthal("check", "r").returncode == 0
    # points are kept: without the result they are not measured again
    (tmp_path / "r/result.json").unlink()
    (tmp_path / "r/repeats/000/repeat.json").unlink()
    again = levinthal("resume", "r")
    assert again.returncode == 0, again.stderr
    assert rates_of(tmp_path / "r") == found


def test_a_replica_that_is_another_each_time_misses_the_gate(levinthal):
    done = levinthal(*SCALE, "--world-sizes", "1,2", "--set", "mode=miss")
    assert done.returncode == 1
    assert "relative difference of a replica's answer between rounds" in done.stdout


@pytest.mark.parametrize(
    ("mode", "why"),
    [("data", "replica 1 cannot be done: do another"), ("kill", "worker 1 of 1 ended with status")],
)
def test_what_fails_is_said(levinthal, mode, why):
    done = levinthal(*SCALE, "--world-sizes", "1", "--set", f"mode={mode}")
    assert done.returncode == 2
    assert why in done.stdout + done.stderr
    assert "Traceback" not in done.stdout + done.stderr


@pytest.mark.parametrize(
    ("more", "message"),
    [
        (("--world-sizes", "1,two"), "workers '1,two': give whole numbers from 1 on"),
        (("--world-sizes", "1", "--nodes", "2"), "the replicas of nappers run on cores of this machine"),
        (("--world-sizes", "1", "--mode", "both"), "mode"),
    ],
)
def test_a_mistake_is_one_line(levinthal, more, message):
    done = levinthal(*SCALE, *more)
    assert done.returncode == 2
    assert message in done.stderr
    assert len(done.stderr.strip().splitlines()) == 1


def test_who_has_no_replicas_is_told(levinthal):
    done = levinthal("study", "ensembles", "rgn", "--option", "workers=1,2", "--out", "r")
    assert done.returncode == 2
    assert "workload 'rgn' has no unit of work that workers could do side by side" in done.stderr


def test_weak_scaling_gives_each_worker_as_many():
    study = EnsembleStudy(load_workload("sampling"), EnsembleOptions(workers="1,2,4", mode="weak", replicas=12))
    assert [study._replicas(n) for n in (1, 2, 4)] == [3, 6, 12]


@pytest.mark.slow
@pytest.mark.parametrize("name", ["sampling", "docking"])
def test_simulations_and_searches_are_the_same_on_any_number_of_workers(tmp_path, levinthal, name):
    assert isinstance(load_workload(name), Replicates)
    done = levinthal("scale", name, "--world-sizes", "1,2", "--seconds", "0.5", "--size", "smoke", "--out", "r")
    assert done.returncode == 0, done.stdout + done.stderr
    result = load_result(tmp_path / "r")
    (repeat,) = result.repeats
    (gate,) = repeat.gates
    assert gate.passed
    assert gate.value is not None
    assert result.summary["rate", {"workers": 2}].median > 0
    assert repeat.dataset is not None
