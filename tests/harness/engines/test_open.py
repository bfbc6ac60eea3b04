"""Executors by name: pinned processes of one thread, or the caller's own."""

from __future__ import annotations

import os
import threading
import time
from concurrent.futures import BrokenExecutor, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool

import pytest

from levinthal.errors import UsageError
from levinthal.harness.engines.built_in.inline import InlineExecutor
from levinthal.harness.engines.built_in.local import pinned_pool
from levinthal.harness.engines.open import EngineName, open_engine, parse_engine
from levinthal.harness.engines.processes import available_cores
from probes import affinity, die, divide


def test_each_worker_has_one_core_and_one_thread():
    with pinned_pool(2) as pool:
        answers = list(pool.map(affinity, range(40)))
    cores = {pid: core for pid, core, _ in answers}
    assert all(len(core) == 1 for core in cores.values())
    if len(available_cores()) >= 2 and len(cores) == 2:
        assert len(set(cores.values())) == 2
    assert {threads for _, _, threads in answers} == {"1"}
    assert tuple(sorted(os.sched_getaffinity(0))) == available_cores()  # the caller keeps its own


def test_the_inline_executor_keeps_an_error_for_the_future():
    with InlineExecutor() as executor:
        assert executor.submit(divide, 4).result() == 0.25
        with pytest.raises(ZeroDivisionError):
            executor.submit(divide, 0).result()


def test_a_dead_worker_is_told():
    with pinned_pool(1) as pool, pytest.raises(BrokenProcessPool):
        pool.submit(die, 0).result(timeout=60)


@pytest.mark.parametrize("text", ["", "local:x", "local:-1", "inline:2", "parsl", "parsl:", "executor:"])
def test_an_unknown_engine_is_refused(text):
    with pytest.raises(UsageError, match="is unknown"):
        open_engine(text)


def test_names_are_read():
    assert parse_engine("local") == parse_engine("local:") == EngineName("local", str(len(available_cores())))
    assert str(parse_engine("local:3")) == "local:3"
    assert str(parse_engine("inline")) == "inline"


def test_workers_stay_warm_from_one_user_to_the_next_and_are_replaced_when_they_die():
    engine = open_engine("local:1")
    try:
        with engine.executor() as first:
            pid = first.submit(os.getpid).result(timeout=60)
        with pytest.raises(RuntimeError, match="shut down"):
            first.submit(os.getpid)
        second, beside = engine.executor(), engine.executor()
        assert second.submit(os.getpid).result(timeout=60) == pid
        with pytest.raises(BrokenProcessPool):
            second.submit(die, 0).result(timeout=60)
        with pytest.raises(BrokenExecutor):
            beside.submit(os.getpid).result(timeout=60)
        assert engine.executor().submit(os.getpid).result(timeout=60) != pid
    finally:
        engine.close()


def test_a_broken_pool_is_not_shut_down_from_its_own_thread(monkeypatch):
    """From Python 3.12 on that thread holds the lock which `shutdown` waits for: a worker that died hung the run."""
    threads = []
    shutdown = ProcessPoolExecutor.shutdown

    def seen(pool, *arguments, **named):
        threads.append(threading.current_thread())
        shutdown(pool, *arguments, **named)

    monkeypatch.setattr(ProcessPoolExecutor, "shutdown", seen)
    engine = open_engine("local:1")
    try:
        user = engine.executor()
        with pytest.raises(BrokenProcessPool):
            user.submit(die, 0).result(timeout=60)
        with pytest.raises(BrokenExecutor):
            user.submit(os.getpid).result(timeout=60)
        training = engine.training_executor()
        training.submit(time.sleep, 60)
        training.shutdown(wait=False)
    finally:
        engine.close()
    assert set(threads) <= {threading.main_thread()}


def test_what_one_user_left_waiting_is_dropped_and_the_others_go_on():
    engine = open_engine("local:1")
    try:
        first, second = engine.executor(), engine.executor()
        futures = [first.submit(time.sleep, 0.2) for _ in range(20)]
        kept = second.submit(os.getpid)
        first.shutdown(wait=False, cancel_futures=True)
        assert kept.result(timeout=60) > 0
        assert sum(future.cancelled() for future in futures) >= 15
    finally:
        engine.close()


def test_a_training_that_is_not_waited_for_is_ended():
    engine = open_engine("local:1")
    try:
        training = engine.training_executor()
        pid = training.submit(os.getpid).result(timeout=60)
        endless = training.submit(time.sleep, 600)
        while not endless.running():
            time.sleep(0.01)
        training.shutdown(wait=False, cancel_futures=True)
        with pytest.raises(BrokenExecutor):
            endless.result(timeout=60)
        assert engine.training_executor().submit(os.getpid).result(timeout=60) != pid
    finally:
        engine.close()


def test_inline_has_one_worker():
    engine = open_engine("inline")
    assert engine.n_workers == 1
    assert engine.training_executor().submit(os.getpid).result() == os.getpid()
    engine.close()
