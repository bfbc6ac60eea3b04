"""Doing the campaigns of a study: each finished one is kept, however often it is killed, whatever others come to.

A campaign is done on one core with all that belongs to it (simulating, training, embedding, selecting, recording), or
spread over all workers with training beside. On one core its budget is counted by `budget.own_seconds`: neighbours
take no part of it. Campaigns of one seed come one after another, so that whatever slows the machine down hits all
policies alike.
"""

from __future__ import annotations

import json
import shutil
import sys
import traceback
from collections.abc import Callable, Sequence
from concurrent.futures import Executor
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import Any

from levinthal.errors import DataError, Interrupted, LevinthalError, SimulationError, WriteError
from levinthal.files.writing import write_failure, write_whole
from levinthal.harness.engines.contract import WorkerLostError
from levinthal.harness.study import measure_side_by_side
from levinthal.workloads.sampling.learners.learner import fit_learner
from levinthal.workloads.sampling.loop.budget import own_seconds
from levinthal.workloads.sampling.loop.campaign import run_campaign
from levinthal.workloads.sampling.policies.registry import declared_by
from levinthal.workloads.sampling.record.reader import DATABASE, CampaignRecord
from levinthal.workloads.sampling.study.guard import reason_of
from levinthal.workloads.sampling.study.outcome import Outcome, load_outcome, outcome_of, save_outcome
from levinthal.workloads.sampling.study.tasks import CampaignTask

_FAILURE = "failure.json"


@dataclass(frozen=True)
class CampaignFailure:
    """A campaign that could not be done or measured, and why; the others stand, and `resume` tries it again.

    Attributes
    ----------
    policy, replica
        Which one.
    reason : str
        In one line.
    mistake : bool
        Whether it is one that a user can put right.
    details : str
        Where in the program it happened.
    """

    policy: str
    replica: int
    reason: str
    mistake: bool
    details: str


def _begun(task: CampaignTask) -> bool:
    """Return whether there is a record to go on with; what is not one, or damaged by a power cut, is cleared away."""
    if (task.folder / DATABASE).exists():
        try:
            CampaignRecord(task.folder).verify()
            return True
        except WriteError:  # no sign of damage: there was no space to read it in
            raise
        except DataError:
            pass
    if task.folder.exists():
        shutil.rmtree(task.folder)
    return False


def _do(task: CampaignTask, **how: Any) -> Path:
    """Do what is left of a campaign, check and measure it; return the file of its outcome."""
    if not task.outcome.exists():
        run_campaign(
            task.system.dynamics,
            task.make_policy(),
            task.make_learner(),
            task.folder,
            task.plan,
            resume=_begun(task),
            **how,
        )
        record = CampaignRecord(task.folder)
        record.verify()
        recycled = declared_by(task.make_policy()).recycles
        outcome = outcome_of(record, task.system, task.policy, task.replica, task.plan.n_workers, recycled=recycled)
        save_outcome(outcome, task.outcome)
        for each in [] if task.keep_record else list(task.folder.iterdir()):
            if each != task.outcome:
                each.unlink()
    return task.outcome


def _kept(task: CampaignTask, do: Callable[[], Path]) -> Path:
    """Return the file of a campaign's outcome, or of why there is none; what the machine lacks ends the study."""
    try:
        return do()
    except (Interrupted, WriteError, WorkerLostError):
        raise
    except Exception as error:  # a campaign's failure is its own, but for a full disk
        if full := write_failure(error, task.folder):
            raise full from None
        mistake, details = isinstance(error, LevinthalError), traceback.format_exc()
        failure = CampaignFailure(task.policy, task.replica, reason_of(error), mistake, details)
        task.folder.mkdir(parents=True, exist_ok=True)
        write_whole(task.folder / _FAILURE, json.dumps(asdict(failure)))
        return task.folder / _FAILURE


def read_campaign(path: Path) -> Outcome | CampaignFailure:
    """Read what `do_alone` left."""
    return CampaignFailure(**json.loads(path.read_text())) if path.name == _FAILURE else load_outcome(path)


def do_alone(task: CampaignTask) -> Path:
    """Do a campaign in this thread, or what is left of it; return the file of its outcome, or of why it failed."""

    def do() -> Path:
        if not task.outcome.exists():
            _warm(task)
        return _do(task, clock=own_seconds, durable=False)

    return _kept(task, do)


_warmed: set[tuple[str, str]] = set()


def _warm(task: CampaignTask) -> None:
    """Import and compile what the campaign needs: a process does so once, so no campaign is to pay for it."""
    key = (task.system.dynamics.sha256, task.learner)
    if key in _warmed:
        return
    import numpy as np

    learner = task.make_learner()
    if torch := sys.modules.get("torch"):
        torch.set_num_threads(1)
    dynamics, interval = task.system.dynamics, task.plan.frame_interval
    n_frames = 64
    chunk = dynamics.advance(dynamics.start(0, 0), interval, 0, interval, 0)
    frames = np.repeat(chunk.frames[:1], n_frames, axis=0)
    frames = frames + np.random.default_rng(0).normal(0.0, 0.05, frames.shape).astype(np.float32)
    if learner is not None:
        fit_learner(learner, frames, None, 0, np.zeros(n_frames, np.int64)).embed(frames)
    _warmed.add(key)


def run_on_cores(
    tasks: Sequence[CampaignTask],
    executor: Executor,
    make_executor: Callable[[], Executor],
    on_outcome: Callable[[Outcome | CampaignFailure], None],
) -> list[Outcome | CampaignFailure]:
    """Do campaigns side by side, each in a worker; one whose worker dies goes on where its record ends.

    Parameters
    ----------
    tasks : sequence of CampaignTask
        In the order in which they are begun.
    executor : Executor
        Where they run.
    make_executor : callable
        Gives another one where it breaks.
    on_outcome : callable
        Called with each that is done.

    Returns
    -------
    list of Outcome or CampaignFailure
        In the order of the tasks.

    Raises
    ------
    SimulationError
        The workers die again and again, before any campaign is done; after that those left count as failures.
    """
    n_done = 0

    def done(found: Outcome | CampaignFailure) -> None:
        nonlocal n_done
        n_done += 1
        on_outcome(found)

    try:
        return measure_side_by_side(tasks, do_alone, read_campaign, executor, make_executor, done)
    except SimulationError as error:
        if not n_done:
            raise
        reason = str(error)
    return [
        load_outcome(task.outcome)
        if task.outcome.exists()
        else CampaignFailure(task.policy, task.replica, reason, mistake=True, details="")
        for task in tasks
    ]


def over_workers(
    tasks: Sequence[CampaignTask],
    make_executor: Callable[[], Executor],
    make_learner_executor: Callable[[], Executor],
    on_outcome: Callable[[Outcome | CampaignFailure], None],
) -> list[Outcome | CampaignFailure]:
    """Do campaigns one after another, each over all workers; returns as `run_on_cores`."""
    outcomes = []
    how = {"make_executor": make_executor, "make_learner_executor": make_learner_executor}
    for task in tasks:
        outcome = read_campaign(_kept(task, partial(_do, task, **how)))
        outcomes.append(outcome)
        on_outcome(outcome)
    return outcomes
