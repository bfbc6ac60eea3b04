"""Chunks that do not come back: tried again, found out whose fault it is, given up with the state that failed."""

from __future__ import annotations

import time
from collections import deque
from concurrent.futures import BrokenExecutor
from dataclasses import replace

import numpy as np

from levinthal.errors import LevinthalError, SimulationError
from levinthal.workloads.sampling.loop.decisions import Decisions
from levinthal.workloads.sampling.loop.flight import Flight, WorkerPool
from levinthal.workloads.sampling.loop.plan import CampaignPlan
from levinthal.workloads.sampling.loop.progress import Progress, Walker
from levinthal.workloads.sampling.policies.view import START, Decision
from levinthal.workloads.sampling.record.rows import FailureRow
from levinthal.workloads.sampling.record.writer import CampaignWriter

# A chunk that was lost this often with others of its pool is run alone, to see whose fault it is.
_SUSPECT_AFTER = 3


class Failures:
    """What to do about each chunk that failed or was lost.

    Parameters
    ----------
    plan, record, progress, pool, decisions
        Of the campaign.
    """

    def __init__(
        self,
        plan: CampaignPlan,
        record: CampaignWriter,
        progress: Progress,
        pool: WorkerPool,
        decisions: Decisions,
    ) -> None:
        self._plan, self._record, self._progress = plan, record, progress
        self._pool, self._decisions = pool, decisions
        self._retries: deque[Flight] = deque()
        self._suspects: deque[Flight] = deque()
        self._in_a_row = 0

    def none(self) -> None:
        """Hear that a chunk came back."""
        self._in_a_row = 0
        self._pool.works()

    @property
    def waiting(self) -> bool:
        """Whether there is a chunk that is to be made with nothing else beside it."""
        return bool(self._suspects)

    def next(self, *, idle: bool) -> Flight | None:
        """Return the next chunk to be submitted again; one that is to run alone only where nothing is in flight."""
        if self._suspects:
            return replace(self._suspects.popleft(), alone=True) if idle else None
        return self._retries.popleft() if self._retries else None

    def take(self, flight: Flight, error: BaseException) -> Walker | None:
        """Deal with a chunk that did not come back; return its walker where the chunk was given up.

        Raises
        ------
        SimulationError
            Nothing can be simulated any more.
        LevinthalError
            The error itself, where it is a mistake of the user's.
        """
        if isinstance(error, LevinthalError) and not isinstance(error, SimulationError):
            raise error
        lost = isinstance(error, BrokenExecutor)
        message = f"{type(error).__name__}: {error}"
        if isinstance(error, BrokenExecutor):
            self._pool.lost(flight.executor, error)
        else:
            self._in_a_row += 1
            if self._in_a_row > 2 * self._plan.max_attempts * self._plan.n_walkers:
                raise SimulationError(f"no chunk can be simulated any more: {message}") from error
        if lost and not flight.alone:
            self._write_down(flight, "lost", message)
            flight = replace(flight, losses=flight.losses + 1)
            (self._suspects if flight.losses >= _SUSPECT_AFTER else self._retries).append(flight)
            return None
        self._write_down(flight, "error", message)
        task = replace(flight.task, attempt=flight.task.attempt + 1)
        flight = replace(flight, task=task, tries=flight.tries + 1, losses=0, alone=False)
        if flight.tries >= self._plan.max_attempts:
            return self._quarantine(flight, message)
        (self._suspects if lost else self._retries).append(flight)
        return None

    def _write_down(self, flight: Flight, kind: str, message: str) -> None:
        task = flight.task
        state = None
        if kind == "quarantined" and task.state is not None:
            state = np.ascontiguousarray(task.state, "<f8").tobytes()
        self._record.add(
            FailureRow(
                number=self._record.n_failures,
                walker=task.walker,
                position=task.position,
                attempt=task.attempt,
                kind=kind,
                parent_frame=flight.parent,
                message=message,
                state=state,
                noticed=time.time(),
            )
        )

    def _quarantine(self, flight: Flight, message: str) -> Walker:
        """Give a state up; its walker goes back to where the chunk before it began."""
        self._write_down(flight, "quarantined", message)
        task = flight.task
        walker = self._progress.walkers[task.walker]
        self._progress.given_up(walker, task.position, task.attempt)
        before: int | None = None
        if flight.parent is not None:
            chunks = self._record.history()[0]
            firsts = np.array([chunk.first_frame for chunk in chunks])
            before = chunks[int(np.searchsorted(firsts, flight.parent, side="right")) - 1].parent_frame
        where = "the walker's start" if before is None else f"frame {before}"
        reason = f"gave up after {flight.tries} attempts ({message}): back to {where}"
        back = Decision(START if before is None else before, reason, weight=walker.weight)
        self._decisions.write_down({walker.number: back}, "quarantine")
        return walker
