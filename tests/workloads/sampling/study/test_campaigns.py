"""Campaigns side by side: one whose worker dies goes on, and the others are not begun again."""

from __future__ import annotations

from concurrent.futures import BrokenExecutor
from dataclasses import dataclass
from pathlib import Path

import pytest

from levinthal.errors import SimulationError, UsageError, WriteError
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
    monkeypatch.setattr(study, "read_campaign", lambda path: path)
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


@dataclass
class Task:
    """What is known of a campaign when it fails."""

    folder: Path
    error: Exception
    policy: str = "mine"
    replica: int = 3

    @property
    def outcome(self) -> Path:
        return self.folder / "outcome.npz"


def break_down(task, **_):
    raise task.error


@pytest.mark.parametrize(
    ("error", "reason", "mistake"),
    [
        (UsageError("choose a learner"), "choose a learner", True),
        (ZeroDivisionError("division by zero"), "ZeroDivisionError: division by zero (test_campaigns.py, line", False),
        (KeyError("x"), "KeyError: 'x'", False),
        (MemoryError(), "MemoryError (", False),
    ],
)
def test_what_a_campaign_fails_of_is_left_beside_it(monkeypatch, tmp_path, error, reason, mistake):
    monkeypatch.setattr(study, "_do", break_down)
    monkeypatch.setattr(study, "_warm", lambda task: None)
    found = study.read_campaign(study.do_alone(Task(tmp_path / "mine-003", error)))
    assert (found.policy, found.replica, found.mistake) == ("mine", 3, mistake)
    assert found.reason.startswith(reason)
    assert "break_down" in found.details


def test_a_full_disk_is_not_a_campaigns_failure(monkeypatch, tmp_path):
    monkeypatch.setattr(study, "_do", break_down)
    monkeypatch.setattr(study, "_warm", lambda task: None)
    with pytest.raises(WriteError):
        study.do_alone(Task(tmp_path, WriteError("no space left")))


def test_a_campaign_that_always_kills_its_worker_costs_no_other(monkeypatch, tmp_path):
    done, killer = Task(tmp_path / "a", ValueError()), Task(tmp_path / "b", ValueError())

    def measure(tasks, measure, read, executor, make_executor, on_record):
        done.folder.mkdir()
        done.outcome.touch()
        on_record("first")
        raise SimulationError("the workers died 20 times")

    monkeypatch.setattr(study, "measure_side_by_side", measure)
    monkeypatch.setattr(study, "load_outcome", lambda path: path.parent.name)
    told = []
    first, second = study.run_on_cores([done, killer], InlineExecutor(), InlineExecutor, told.append)
    assert (first, told) == ("a", ["first"])
    assert "the workers died" in second.reason
