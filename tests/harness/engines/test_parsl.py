"""Parsl as an executor: really started on this machine, its workers killed; configurations for clusters made."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
import time
from concurrent.futures import BrokenExecutor
from pathlib import Path

import psutil
import pytest

from levinthal.errors import LevinthalError, SimulationError, UsageError
from levinthal.harness.engines.built_in import parsl as parsl_engine
from levinthal.harness.engines.contract import WorkerLostError
from levinthal.harness.engines.open import open_engine, parse_engine
from levinthal.harness.engines.parsl_configuration import (
    executors_of,
    load_configuration,
    make_ready,
    workers_of,
)
from probes import WORKER_PATH, affinity, die, divide, explode

pytest.importorskip("parsl")

EXAMPLES = Path(__file__).parents[3] / "examples" / "engines"
TWO_WORKERS = """
from parsl.config import Config
from parsl.executors import HighThroughputExecutor
from parsl.providers import LocalProvider

config = Config(executors=[
    HighThroughputExecutor(
        address="127.0.0.1", max_workers_per_node=2, cores_per_worker=0.001, heartbeat_period=1, heartbeat_threshold=4,
        provider=LocalProvider(init_blocks=1, min_blocks=1, max_blocks=1),
    )
])
"""


@pytest.fixture
def two_workers(tmp_path, monkeypatch):
    monkeypatch.setenv("PYTHONPATH", WORKER_PATH)  # where workers find the probes
    path = tmp_path / "two.py"
    path.write_text(TWO_WORKERS)
    return f"parsl:{path}"


def until(condition, timeout_s=60.0):
    deadline = time.monotonic() + timeout_s
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.1)


def test_tasks_run_fail_and_are_lost_each_in_its_own_way(two_workers, tmp_path, monkeypatch):
    engine = open_engine(two_workers, tmp_path / "run")
    assert engine.n_workers == 2
    try:
        executor = engine.executor()
        assert executor.submit(divide, 4).result(timeout=120) == 0.25
        with pytest.raises(ZeroDivisionError):
            executor.submit(divide, 0).result(timeout=60)
        with pytest.raises(SimulationError, match="broke at step 3"):
            executor.submit(explode, 3).result(timeout=60)
        assert list(executor.map(divide, range(1, 20))) == [1 / k for k in range(1, 20)]
        began = time.monotonic()
        with pytest.raises(WorkerLostError):
            executor.submit(die, 0).result(timeout=60)
        assert time.monotonic() - began < 10
        assert executor.submit(divide, 2).result(timeout=60) == 0.5  # the same executor goes on
        # What no worker has begun can be taken back, and the others are done.
        slow = [executor.submit(time.sleep, 0.4) for _ in range(12)]
        executor.shutdown(wait=False, cancel_futures=True)
        assert sum(future.cancelled() for future in slow) >= 8
        with pytest.raises(RuntimeError, match="shut down"):
            executor.submit(divide, 1)
        assert all(future.result(timeout=60) is None for future in slow if not future.cancelled())
        # A pool that holds tasks and falls silent is given up, and replaced when the next executor is asked for.
        with monkeypatch.context() as patch:
            patch.setattr(parsl_engine, "_SILENCE_S", 2.0)
            executor = engine.executor()
            pids = {executor.submit(affinity, 0).result(timeout=60)[0] for _ in range(40)}
            for pid in pids:
                os.kill(pid, signal.SIGSTOP)
            silent = [executor.submit(time.sleep, 0.01) for _ in range(4)]
            for future in silent:
                with pytest.raises(BrokenExecutor, match="no task came back"):
                    future.result(timeout=60)
        executor = engine.executor()
        assert executor.submit(divide, 5).result(timeout=120) == 0.2
        for pid in pids:
            with contextlib.suppress(ProcessLookupError):  # some are gone without being woken
                os.kill(pid, signal.SIGCONT)
        until(lambda: not any(psutil.pid_exists(pid) for pid in pids))
        # When the interchange is gone, so is all that was under way.
        lost = executor.submit(time.sleep, 60)
        kin = psutil.Process().children()
        (interchange,) = [each for each in kin if "interchange" in " ".join(each.cmdline())]
        interchange.kill()
        with pytest.raises(BrokenExecutor, match="interchange"):
            lost.result(timeout=30)
        with pytest.raises(BrokenExecutor):
            executor.submit(divide, 1)
        assert (tmp_path / "run" / "parsl").is_dir()
        # Without an executor of its own, training has a process here.
        pid, _, _ = engine.training_executor().submit(affinity, 0).result(timeout=60)
        assert psutil.Process(pid).ppid() == os.getpid()
    finally:
        engine.close()


COORDINATOR = """
import sys, time
from pathlib import Path
from levinthal.harness.engines.open import open_engine
from probes import affinity
executor = open_engine(sys.argv[1], Path(sys.argv[2])).executor()
print(executor.submit(affinity, 0).result()[0], flush=True)
executor.submit(time.sleep, 600)
time.sleep(600)
"""


def test_nothing_outlives_a_coordinator_that_is_killed(two_workers, tmp_path):
    process = subprocess.Popen(
        [sys.executable, "-c", COORDINATOR, two_workers, tmp_path / "run"], stdout=subprocess.PIPE, text=True
    )
    try:
        worker = psutil.Process(int(process.stdout.readline()))
        (interchange,) = [p for p in psutil.Process(process.pid).children() if "interchange" in " ".join(p.cmdline())]
        manager = worker.parent()
    finally:
        process.send_signal(signal.SIGKILL)
        process.communicate()
    until(lambda: not any(each.is_running() for each in (interchange, manager, worker)), 40)


def write(path, executor, before=""):
    path.write_text(
        f"from parsl.config import Config\nfrom parsl.executors import *\nfrom parsl.providers import *\n{before}\n"
        f"config = Config(executors=[{executor}])\n"
    )
    return path


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("1 / 0", "failed with ZeroDivisionError"),
        ("config = 3", "leaves no parsl.config.Config"),
        ("from parsl.config import Config\nconfig = Config()", "is a ThreadPoolExecutor"),
    ],
)
def test_a_configuration_that_cannot_be_used_is_refused(tmp_path, text, words):
    path = tmp_path / "c.py"
    path.write_text(text)
    with pytest.raises(UsageError, match=words):
        open_engine(f"parsl:{path}")


def test_a_file_that_is_not_there_or_says_too_little_is_refused(tmp_path):
    with pytest.raises(UsageError, match="no such file"):
        parse_engine("parsl:none.py")
    alone = write(tmp_path / "a.py", "HighThroughputExecutor(label='training', max_workers_per_node=1)")
    with pytest.raises(UsageError, match="the only executor is labelled 'training'"):
        load_configuration(alone)
    vague = write(tmp_path / "b.py", "HighThroughputExecutor(provider=SlurmProvider())")
    with pytest.raises(UsageError, match="set max_workers_per_node"):
        open_engine(f"parsl:{vague}")


def test_a_block_that_cannot_start_is_told_in_one_line(tmp_path):
    path = write(
        tmp_path / "c.py",
        "HighThroughputExecutor(address='127.0.0.1', max_workers_per_node=1, provider=LocalProvider("
        "worker_init='echo no such module >&2; exit 3', init_blocks=1))",
    )
    engine = open_engine(f"parsl:{path}", tmp_path / "run")
    try:
        with pytest.raises(LevinthalError, match="no such module"):
            engine.executor().submit(divide, 1).result(timeout=60)
    finally:
        engine.close()


@pytest.fixture
def kubernetes(monkeypatch):
    """Let Parsl's provider believe that there is a cluster; its arguments are checked all the same."""
    from parsl.providers.kubernetes import kube

    class Anything:
        def __getattr__(self, name):
            return lambda *arguments, **keywords: None

    monkeypatch.setattr(kube, "_kubernetes_enabled", True)
    monkeypatch.setattr(kube, "client", Anything(), raising=False)
    monkeypatch.setattr(kube, "config", Anything(), raising=False)


def test_every_example_is_a_configuration_of_so_many_workers(kubernetes, tmp_path):
    expected = {"kubernetes": 16, "one_machine_gpu": min(8, os.cpu_count()), "pbs": 4 * 64, "slurm": 8 * 8}
    found = {}
    for path in sorted(set(EXAMPLES.glob("*.py")) - {EXAMPLES / "dask.py"}):
        config = load_configuration(Path(parse_engine(f"parsl:{path}").argument))
        simulation, *others = executors_of(config, path)
        assert simulation.label == "simulation"
        assert [each.label for each in others] in ([], ["training"])
        make_ready(config, path, tmp_path)
        assert config.run_dir.startswith(str(tmp_path))
        assert all(each.heartbeat_period <= 5 for each in executors_of(config, path))
        found[path.stem] = workers_of(simulation, path)
    assert found.pop("one_machine") >= 1
    assert found == expected


def test_a_workload_runs_on_it_through_the_command_line(levinthal, two_workers, tmp_path):
    done = levinthal("run", "probe", "--set", "mode=pool", "--engine", two_workers, "--out", "r")
    assert done.returncode == 0, done.stdout + done.stderr
    assert (tmp_path / "r" / "repeats" / "000" / "parsl").is_dir()
    repeat = json.loads((tmp_path / "r" / "repeats" / "000" / "repeat.json").read_text())
    assert {metric["name"]: metric["value"] for metric in repeat["metrics"]}["squares"] == 140
    assert json.loads((tmp_path / "r" / "plan.json").read_text())["engine"] == two_workers
    refused = levinthal("run", "probe", "--engine", "parsl:none.py", "--out", "s")
    assert refused.returncode == 2
    assert "no such file" in refused.stderr
    assert not (tmp_path / "s").exists()
