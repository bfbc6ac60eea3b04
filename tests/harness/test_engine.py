"""Executors by name: pinned processes of one thread, or the caller's own."""

from __future__ import annotations

import os
from concurrent.futures.process import BrokenProcessPool

import pytest

from levinthal.errors import UsageError
from levinthal.harness.engine import InlineExecutor, make_executor, parse_engine, pinned_pool
from levinthal.harness.processes import available_cores
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


@pytest.mark.parametrize("text", ["", "local:", "local:x", "local:-1", "inline:2", "parsl"])
def test_an_unknown_engine_is_refused(text):
    if text == "local:":
        assert parse_engine(text) == ("local", len(available_cores()))
    else:
        with pytest.raises(UsageError, match="is unknown"):
            make_executor(text)
