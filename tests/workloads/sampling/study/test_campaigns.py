"""Campaigns side by side: one whose worker dies goes on, and the others are not begun again."""

from __future__ import annotations

from concurrent.futures import BrokenExecutor

import pytest

from levinthal.errors import SimulationError
from levinthal.harness.engines.built_in.inline import InlineExecutor
from levinthal.harness.engines.contract import WorkerLostError
from levinthal.workloads.sampling.study import campaigns as study


class Losing(InlineExecutor):
    """Loses the first tries of some tasks, each with its worker or with the whole executor."""

    def __init__(self, losses, error):
        self.losses, self.error, self.submitted = dict(losses), error, []

    def submit(self, fn, /, *args, **kwargs):
        (task,) = args
        self.submitted.append(task)
        if self.losses.get(task, 0):
            self.losses[task] -= 1
            return super().submit(self.fail)
        return super().submit(fn, task)

    def fail(self):
        raise self.error


@pytest.fixture
def told(monkeypatch):
    monkeypatch.setattr(study, "do_alone", lambda task: task * 10)
    monkeypatch.setattr(study, "load_outcome", lambda path: path)
    return []


def test_a_lost_worker_costs_its_own_campaign_only(told):
    executor = Losing({2: 2}, WorkerLostError("gone"))
    outcomes = study.run_on_cores([1, 2, 3], executor, lambda: pytest.fail("another was made"), told.append)
    assert outcomes == [10, 20, 30]
    assert sorted(told) == outcomes
    assert sorted(executor.submitted) == [1, 2, 2, 2, 3]


def test_a_broken_executor_is_replaced_for_what_is_left(told):
    second = Losing({}, BrokenExecutor("gone"))
    assert study.run_on_cores([1, 2], Losing({2: 1}, BrokenExecutor("gone")), lambda: second, told.append) == [10, 20]
    assert 2 in second.submitted


@pytest.mark.parametrize("error", [WorkerLostError("gone"), BrokenExecutor("gone")])
def test_workers_that_always_die_end_it_in_words(told, error):
    with pytest.raises(SimulationError, match="the workers died"):
        study.run_on_cores([1], Losing({1: 10**6}, error), lambda: Losing({1: 10**6}, error), told.append)
