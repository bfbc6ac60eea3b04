"""How far the campaigns of a study are, while workers do them: read off their records, which grow with every chunk."""

from __future__ import annotations

import math
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from levinthal.harness.contract.run import OpenPhase
from levinthal.workloads.sampling.record.reader import FRAMES
from levinthal.workloads.sampling.study.tasks import CampaignTask

__all__ = ["shown_progress", "steps_on_record"]

_INTERVAL_S = 1.0


@contextmanager
def shown_progress(phase: OpenPhase, tasks: Sequence[CampaignTask]) -> Iterator[None]:
    """Show how much of the budgets of some campaigns is spent, about once a second, by a thread.

    Budgets of steps are counted by the frames on record, those of core-seconds by the time since a campaign began;
    where some have core-seconds, only these are counted.
    """
    by_steps = all(task.plan.max_core_seconds is None for task in tasks)
    budgets = {task: float((task.plan.max_steps if by_steps else task.plan.max_core_seconds) or 0) for task in tasks}
    phase.total = math.ceil(sum(budgets.values()))
    begun_s: dict[CampaignTask, float] = {}
    ended = threading.Event()

    def spent(task: CampaignTask) -> float:
        budget = budgets[task]
        if task.outcome.exists():
            return budget
        if by_steps:
            return min(budget, float(steps_on_record(task)))
        if not task.folder.exists():
            return 0.0
        began_s = begun_s.setdefault(task, time.monotonic())
        return min(budget, (time.monotonic() - began_s) * task.plan.cores)

    def watch() -> None:
        shown = 0
        while not ended.wait(_INTERVAL_S):
            done = int(sum(map(spent, tasks)))
            finished = sum(task.outcome.exists() for task in tasks)
            unit = "steps" if by_steps else "core-seconds"
            phase.advance(max(0, done - shown))
            phase.say(f"{finished} of {len(tasks)} campaign(s) done, counted in {unit}")
            shown = max(done, shown)

    thread = threading.Thread(target=watch, name="progress", daemon=True)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join()


def steps_on_record(task: CampaignTask) -> int:
    """Return how many steps the frames of a campaign's record stand for."""
    file = task.folder / FRAMES
    size = file.stat().st_size if file.exists() else 0
    return size // (4 * math.prod(task.system.dynamics.frame_shape)) * task.plan.frame_interval
