"""Executors of the user's own: Dask's, Parsl's and the standard library's, each really started on this machine."""

from __future__ import annotations

import json
import os
import sys
import time
from concurrent.futures import BrokenExecutor, Future
from contextlib import suppress
from pathlib import Path

import psutil
import pytest

from levinthal.errors import SimulationError, UsageError
from levinthal.harness.engines.contract import WorkerLostError
from levinthal.harness.engines.open import open_engine, parse_engine
from levinthal.harness.engines.queueing import Task, Workers, call
from probes import WORKER_PATH, affinity, die, divide, explode

EXAMPLE = Path(__file__).parents[3] / "examples" / "engines" / "dask.py"
THREADS = "from concurrent.futures import ThreadPoolExecutor\ndef make_executor(): return ThreadPoolExecutor(3)\n"
PROCESSES = """
import multiprocessing
from concurrent.futures import ProcessPoolExecutor

def make_executor():
    return ProcessPoolExecutor(2, multiprocessing.get_context("spawn"))

def make_training_executor():
    return ProcessPoolExecutor(1, multiprocessing.get_context("spawn"))
"""
PARSL = """
from parsl.concurrent import ParslPoolExecutor
from parsl.config import Config
from parsl.executors import HighThroughputExecutor
from parsl.providers import LocalProvider

n_workers = 2

def make_executor():
    return ParslPoolExecutor(Config(run_dir={folder!r}, executors=[
        HighThroughputExecutor(
            address="127.0.0.1", max_workers_per_node=2, cores_per_worker=0.001, heartbeat_period=1,
            heartbeat_threshold=4, provider=LocalProvider(init_blocks=1, min_blocks=1, max_blocks=1),
        )
    ]))
"""


def written(tmp_path: Path, text: str) -> str:
    path = tmp_path / "mine.py"
    path.write_text(text)
    return f"executor:{path}"


def works(executor) -> None:
    """Check results, errors of the task's own, and order."""
    assert executor.submit(divide, 4).result(timeout=120) == 0.25
    with pytest.raises(ZeroDivisionError):
        executor.submit(divide, 0).result(timeout=60)
    with pytest.raises(SimulationError, match="broke at step 3"):
        executor.submit(explode, 3).result(timeout=60)
    assert list(executor.map(divide, range(1, 20))) == [1 / k for k in range(1, 20)]


def takes_back(executor) -> None:
    """Check that what no worker has begun can be taken back, and that the rest is done."""
    slow = [executor.submit(time.sleep, 0.2) for _ in range(20)]
    executor.shutdown(wait=False, cancel_futures=True)
    assert sum(future.cancelled() for future in slow) >= 10
    with pytest.raises(RuntimeError, match="shut down"):
        executor.submit(divide, 1)
    assert all(future.result(timeout=60) is None for future in slow if not future.cancelled())


def test_a_thread_pool_says_itself_how_many_it_runs(tmp_path):
    engine = open_engine(written(tmp_path, THREADS))
    assert engine.n_workers == 3
    try:
        works(engine.executor())
        takes_back(engine.executor())
        with engine.executor() as executor:
            assert executor.submit(os.getpid).result(timeout=10) == os.getpid()
            # A thousand tasks that end at once do not stand on each other's shoulders.
            assert sum(executor.map(int, range(1000))) == 499500
        # Without an executor of its own, training has a process here.
        pid, _, _ = engine.training_executor().submit(affinity, 0).result(timeout=60)
        assert psutil.Process(pid).ppid() == os.getpid()
    finally:
        engine.close()


def test_a_pool_that_breaks_is_made_again(tmp_path):
    engine = open_engine(written(tmp_path, PROCESSES))
    assert engine.n_workers == 2
    try:
        first, beside = engine.executor(), engine.executor()
        works(first)
        with pytest.raises(BrokenExecutor):
            first.submit(die, 0).result(timeout=60)
        with pytest.raises(BrokenExecutor):
            beside.submit(divide, 1)
        works(engine.executor())
        training = engine.training_executor()
        pid = training.submit(os.getpid).result(timeout=60)
        with pytest.raises(BrokenExecutor):
            training.submit(die, 0).result(timeout=60)
        assert engine.training_executor().submit(os.getpid).result(timeout=60) != pid
    finally:
        engine.close()


def test_dask_runs_tasks_and_loses_workers(monkeypatch):
    pytest.importorskip("distributed")
    monkeypatch.setenv("PYTHONPATH", WORKER_PATH)
    engine = open_engine(f"executor:{EXAMPLE}")
    assert engine.n_workers == max(len(os.sched_getaffinity(0)) - 1, 1)
    executor = engine.executor()
    client = engine._running().executor_of_user._client
    try:
        works(executor)
        # Equal calls are different tasks.
        assert len({executor.submit(time.perf_counter_ns).result(timeout=60) for _ in range(5)}) == 5
        with pytest.raises(WorkerLostError, match="workers died while running it"):
            executor.submit(die, 0).result(timeout=60)
        assert executor.submit(divide, 2).result(timeout=60) == 0.5  # the same executor goes on
        takes_back(executor)
        # When the cluster is gone, so is what was under way, and the next executor has another.
        executor = engine.executor()
        lost = executor.submit(time.sleep, 60)
        while not client.processing():
            time.sleep(0.1)
        client.cluster.close()
        with pytest.raises(BrokenExecutor):
            lost.result(timeout=60)
        with suppress(BrokenExecutor):  # Dask may have called it a lost worker: the next task learns the truth
            engine.executor().submit(divide, 1).result(timeout=60)
        executor = engine.executor()
        assert engine._running().executor_of_user._client is not client
        works(executor)
    finally:
        another = engine._running().executor_of_user._client
        engine.close()
        for each in {client, another}:
            each.close()
            each.cluster.close()


def test_parsls_pool_runs_tasks_and_loses_workers(tmp_path, monkeypatch):
    pytest.importorskip("parsl")
    monkeypatch.setenv("PYTHONPATH", WORKER_PATH)
    monkeypatch.setenv("PATH", os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]]))
    engine = open_engine(written(tmp_path, PARSL.format(folder=str(tmp_path / "runinfo"))))
    try:
        executor = engine.executor()
        works(executor)
        with pytest.raises(WorkerLostError):
            executor.submit(die, 0).result(timeout=60)
        assert executor.submit(divide, 2).result(timeout=60) == 0.5
        takes_back(executor)
    finally:
        engine.close()


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("1 / 0", "failed with ZeroDivisionError: division by zero: fix your file"),
        ("make_executor = 3", "has no function make_executor"),
        ("def make_executor(): return 3", "returned a int: return a concurrent.futures.Executor"),
        ("def make_executor(): raise OSError('no cluster')", "failed with OSError: no cluster"),
        (THREADS + "n_workers = 0", "has n_workers = 0: set n_workers to a whole number"),
        (
            "from concurrent.futures import Executor\ndef make_executor(): return Executor()",
            "does not say how many tasks run at a time: set n_workers",
        ),
    ],
)
def test_a_file_that_cannot_be_used_is_refused_in_one_line(tmp_path, text, words):
    with pytest.raises(UsageError, match=words) as caught:
        open_engine(written(tmp_path, text)).executor()
    assert "\n" not in str(caught.value)


def test_a_file_that_is_not_there_is_refused_and_a_path_becomes_absolute(tmp_path, monkeypatch):
    with pytest.raises(UsageError, match=r"executor:none\.py: there is no such file"):
        parse_engine("executor:none.py")
    written(tmp_path, "print('this must not run yet')")
    monkeypatch.chdir(tmp_path)
    assert str(parse_engine("executor:mine.py")) == f"executor:{tmp_path / 'mine.py'}"


class Treadmill(Workers):
    """Workers that answer before they were asked, or cancel."""

    def __init__(self, cancel: bool = False) -> None:
        super().__init__()
        self.cancel = cancel

    def hand_on(self, task: Task) -> Future:
        future: Future = Future()
        if self.cancel:
            future.cancel()
        else:
            future.set_result(call(task))
        return future


def test_tasks_that_are_done_before_they_are_seen_neither_nest_nor_hang():
    workers = Treadmill()
    executor = workers.executor(2)
    with workers.lock:
        executor._width = 0
    futures = [executor.submit(divide, k) for k in range(1, 5001)]
    executor._width = 3
    executor._hand_on()
    assert sum(future.result(timeout=1) for future in futures) > 9


def test_a_task_that_its_executor_cancels_counts_as_broken():
    with pytest.raises(BrokenExecutor, match="cancelled"):
        Treadmill(cancel=True).executor(1).submit(divide, 1).result(timeout=1)


def test_a_workload_runs_on_it_through_the_command_line(levinthal, tmp_path):
    engine = written(tmp_path, THREADS)
    done = levinthal("run", "probe", "--set", "mode=pool", "--engine", "executor:mine.py", "--out", "r")
    assert done.returncode == 0, done.stdout + done.stderr
    assert json.loads((tmp_path / "r" / "plan.json").read_text())["engine"] == engine
    repeat = json.loads((tmp_path / "r" / "repeats" / "000" / "repeat.json").read_text())
    assert {metric["name"]: metric["value"] for metric in repeat["metrics"]}["squares"] == 140
    (tmp_path / "mine.py").write_text("def make_executor(): return 3")
    refused = levinthal("run", "probe", "--set", "mode=pool", "--engine", "executor:mine.py", "--out", "s")
    assert refused.returncode == 2
    assert len(refused.stderr.splitlines()[-1]) < 300
    assert "return a concurrent.futures.Executor" in refused.stderr.splitlines()[-1]
    assert "levinthal resume" in refused.stderr.splitlines()[-1]  # a phase had ended before the file was opened
