"""Benchmarks that compare sides: a machine that was disturbed is an error, and the median of the ratios counts."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from levinthal.metrics.steadiness import Control

BENCHMARKS = Path(__file__).parents[1] / "benchmarks"


@pytest.fixture
def undisturbed(monkeypatch):
    monkeypatch.syspath_prepend(str(BENCHMARKS))
    import undisturbed

    return undisturbed


@pytest.mark.parametrize(("share", "own_status", "status"), [(0.99, 0, 0), (0.99, 1, 1), (0.5, 0, 1)])
def test_a_disturbed_benchmark_ends_with_exit_status_1(undisturbed, monkeypatch, capsys, share, own_status, status):
    monkeypatch.setattr(undisturbed, "measure_control", lambda: Control(0.003, share))
    monkeypatch.setattr(sys, "argv", ["benchmark.py"])
    assert undisturbed.watched(lambda: own_status) == status
    assert ("disturbed: measure again" in capsys.readouterr().out) == (share < 0.85)


def test_the_ratio_is_the_median_over_the_targets(undisturbed):
    # One target at which the user's threads spun for half a minute does not make the ratio.
    slow, fast = {"a": 2.1, "b": 3.0, "c": 26.9}, {"a": 1.0, "b": 1.0, "c": 0.4}
    assert undisturbed.ratio_of(slow, fast) == 3.0


def test_sides_are_processes_of_their_own_that_take_turns(undisturbed, monkeypatch, tmp_path):
    script = tmp_path / "sides.py"
    script.write_text(
        "import json, os, sys\n"
        f"open({str(tmp_path / 'order')!r}, 'a').write(sys.argv[1] + ' ')\n"
        "print('words'); print(json.dumps({'who': sys.argv[1], 'pid': os.getpid()}))\n"
    )
    monkeypatch.setattr(sys, "argv", [str(script)])
    found = undisturbed.in_turns({"a": ["a"], "b": ["b"]}, 2)
    assert (tmp_path / "order").read_text().split() == ["a", "b", "b", "a"]
    assert [each["who"] for each in found["a"]] == ["a", "a"]
    assert len({each["pid"] for side in found.values() for each in side}) == 4


@pytest.mark.slow
@pytest.mark.alone
def test_rgn_prediction_beside_a_program_on_its_core_says_that_it_was_disturbed(shared_data, tmp_path):
    if not hasattr(os, "sched_setaffinity"):
        pytest.skip("needs cores to pin to")
    shutil.copy(shared_data / "casp12/TBM_T0922.pdb", tmp_path)
    core = min(os.sched_getaffinity(0))
    held = f"import os; os.sched_setaffinity(0, {{{core}}})\nwhile True: pass"
    beside = subprocess.Popen([sys.executable, "-c", held])
    try:
        command = [sys.executable, str(BENCHMARKS / "rgn_prediction.py"), "--targets", str(tmp_path)]
        done = subprocess.run(
            [*command, "--precisions", "int16", "--turns", "1", "--rounds", "1"],
            capture_output=True, text=True, check=False, preexec_fn=lambda: os.sched_setaffinity(0, {core}),
        )  # fmt: skip
    finally:
        beside.kill()
        beside.wait()
    assert done.returncode == 1, done.stderr
    assert "disturbed: measure again" in done.stdout
