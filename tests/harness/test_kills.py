"""Runs whose processes are killed while a worker begins: nothing lives on, nobody writes twice, and the run goes on."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from levinthal.harness.results.store import load_result
from probes import probe_environment
from survivors import Mark

_PATIENCE_S = 5.0
_RANK = " - levinthal.harness.study.scaling.rank"


@pytest.fixture
def mark():
    made = Mark()
    yield made
    made.end()


def begin(folder: Path, mark: Mark, *arguments: str) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        [sys.executable, "-m", "levinthal", *arguments],
        cwd=folder,
        env={**probe_environment(), **mark.environment},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )


def wait_for_program(mark: Mark, name: str) -> None:
    """Wait until a process runs the program of that name."""
    deadline = time.monotonic() + 60
    while not any(name in " ".join(each) for each in mark.left_after(0.0)):
        assert time.monotonic() < deadline, f"{name} does not start"


def test_a_coordinator_killed_in_the_first_second_of_a_worker_leaves_nobody(levinthal, tmp_path, mark):
    """One run, killed again and again, each time at another moment, and resumed at once."""
    arguments = ["run", "probe", "--repeats", "2", "--set", "mode=pool", "--engine", "local:2", "--out", "r"]
    for moment_s in (0.0, 0.05, 0.2, 0.5, 1.0):
        coordinator = begin(tmp_path, mark, *arguments)
        arguments = ["resume", "r"]
        wait_for_program(mark, "running.worker")
        time.sleep(moment_s)
        coordinator.kill()
        coordinator.wait()
        assert mark.left_after(_PATIENCE_S) == [], moment_s
    done = levinthal("resume", "r")
    assert done.returncode == 0, done.stderr
    assert [repeat.verdict for repeat in load_result(tmp_path / "r").repeats] == ["passed", "passed"]
    assert levinthal("check", "r").returncode == 0


@pytest.mark.slow
def test_a_study_killed_while_its_ranks_begin_leaves_nobody(levinthal, tmp_path, mark):
    arguments = ["scale", "ladder", "--world-sizes", "2", "--cases", "long", "--seconds", "0.1", "--out", "r"]
    for program, moment_s in (("engines.ranks", 0.1), (_RANK, 0.2)):
        coordinator = begin(tmp_path, mark, *arguments)
        arguments = ["resume", "r"]
        wait_for_program(mark, program)
        time.sleep(moment_s)
        coordinator.kill()
        coordinator.wait()
        assert mark.left_after(_PATIENCE_S) == [], (program, moment_s)
    done = levinthal("resume", "r")
    assert done.returncode == 0, done.stderr
    assert levinthal("check", "r").returncode == 0


def test_nobody_goes_on_with_a_run_while_anything_that_may_write_is_left(levinthal, tmp_path, mark):
    coordinator = begin(tmp_path, mark, "run", "probe", "--set", "seconds=600", "--out", "r")
    wait_for_program(mark, "running.worker")
    time.sleep(0.5)
    workers = [each for each in mark.living() if "running.worker" in " ".join(each.cmdline())]
    for each in workers:
        each.send_signal(signal.SIGSTOP)  # a guard and a worker that cannot end
    coordinator.kill()
    coordinator.wait()
    refused = levinthal("resume", "r")
    assert refused.returncode == 2
    assert "is being run by another process" in refused.stderr
    for each in workers:
        if each.is_running():
            each.send_signal(signal.SIGCONT)
    assert mark.left_after(_PATIENCE_S) == []


def test_a_run_killed_before_it_had_a_plan_is_in_the_way_of_nobody(levinthal, tmp_path):
    (tmp_path / "r/repeats").mkdir(parents=True)
    (tmp_path / "r/.lock").touch()
    (tmp_path / "r/mine.txt").touch()
    assert "exists already" in levinthal("run", "probe", "--out", "r").stderr
    (tmp_path / "r/mine.txt").unlink()
    assert levinthal("run", "probe", "--out", "r").returncode == 0
