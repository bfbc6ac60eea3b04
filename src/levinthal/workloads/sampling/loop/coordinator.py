"""The event loop: chunks go out, come back, are committed, and the decision about each walker is made in between."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable
from concurrent.futures import FIRST_COMPLETED, BrokenExecutor, Future, wait
from dataclasses import replace

from levinthal.workloads.sampling.loop.budget import Budget
from levinthal.workloads.sampling.loop.decisions import Decisions
from levinthal.workloads.sampling.loop.failures import Failures
from levinthal.workloads.sampling.loop.flight import Flight, WorkerPool
from levinthal.workloads.sampling.loop.plan import CampaignPlan, CampaignResult
from levinthal.workloads.sampling.loop.progress import Progress, Walker
from levinthal.workloads.sampling.loop.retraining import Retraining
from levinthal.workloads.sampling.loop.task import ChunkResult, ChunkTask, run_chunk
from levinthal.workloads.sampling.policies.view import Policy
from levinthal.workloads.sampling.record.reader import checksum
from levinthal.workloads.sampling.record.rows import START, ChunkRow
from levinthal.workloads.sampling.record.writer import CampaignWriter
from levinthal.workloads.sampling.systems.dynamics import Dynamics


class Coordinator:
    """Everything that goes on in the coordinating process.

    Parameters
    ----------
    dynamics, policy, plan
        As for `levinthal.workloads.sampling.loop.campaign.run_campaign`.
    record : CampaignWriter
        Open for writing.
    pool : WorkerPool
        Where chunks are made.
    retraining : Retraining or None
        Makes models.
    on_chunk : callable or None
        Called with each chunk.
    clock : callable
        Seconds in which the budget is counted.
    """

    def __init__(
        self,
        dynamics: Dynamics,
        policy: Policy,
        plan: CampaignPlan,
        record: CampaignWriter,
        pool: WorkerPool,
        retraining: Retraining | None,
        on_chunk: Callable[[ChunkRow], None] | None,
        clock: Callable[[], float],
    ) -> None:
        self._dynamics, self._plan, self._record, self._pool = dynamics, plan, record, pool
        self._retraining, self._on_chunk = retraining, on_chunk
        self._in_step = bool(getattr(policy, "resamples", False))
        self._progress = Progress(plan, record, weighted=self._in_step)
        self._decisions = Decisions(policy, plan, record, self._progress, retraining)
        self._failures = Failures(plan, record, self._progress, pool, self._decisions)
        self._budget = Budget(plan, self._progress.steps, self._progress.paid_core_s, clock)
        self._flights: dict[Future[ChunkResult], Flight] = {}
        self._ready: deque[Walker] = deque()
        self._n_submitted = 0
        self._coordinator_s = 0.0

    def run(self) -> None:
        """Go on until the budget is spent and nothing is in flight."""
        self._decisions.look_for_model()
        if self._in_step:
            self._begin_round()
        else:
            self._ready.extend(sorted(self._progress.walkers, key=lambda walker: walker.position))
        self._fill()
        while self._flights:
            training = self._retraining.future if self._retraining is not None else None
            waiting = [*self._flights, *([training] if training is not None else [])]
            done, _ = wait(waiting, timeout=self._budget.seconds_left() or None, return_when=FIRST_COMPLETED)
            woke = time.monotonic()
            for future in sorted(done & self._flights.keys(), key=lambda key: self._flights[key].serial):
                self._take(future, time.time())
            self._decisions.look_for_model()
            if self._budget.spent():
                self._cancel()
            self._fill()
            self._coordinator_s += time.monotonic() - woke

    def _cancel(self) -> None:
        """Take back what no worker has begun."""
        for future in [future for future in self._flights if future.cancel()]:
            del self._flights[future]

    def close(self) -> None:
        """Take back what is in flight, however `run` ended."""
        self._cancel()

    # Submitting

    def _fill(self) -> None:
        """Submit what can be submitted."""
        while len(self._flights) < (self._plan.in_flight or self._plan.n_walkers):
            if self._budget.spent() or any(flight.alone for flight in self._flights.values()):
                return
            if (again := self._failures.next(idle=not self._flights)) is not None:
                self._submit(again)
            elif self._failures.waiting:
                return
            elif self._ready and self._budget.allows(self._plan.chunk_steps):
                self._submit(self._next_flight(self._ready.popleft()))
            else:
                return

    def _begin_round(self) -> None:
        """Where all walkers have made as many chunks, let the policy resample them; make ready those that lag behind.

        A round that the budget does not allow to end is not begun: weights are those of all walkers together.
        """
        walkers, n_walkers = self._progress.walkers, self._plan.n_walkers
        position, left = divmod(self._record.n_chunks, n_walkers)
        if not left and position and any(walker.pending is None for walker in walkers):
            self._decisions.resample()
        if left or self._budget.allows(n_walkers * self._plan.chunk_steps):
            self._ready.extend(walker for walker in walkers if walker.position == position)

    def _next_flight(self, walker: Walker) -> Flight:
        decision = walker.pending
        parent, state, begins = walker.latest, walker.state, walker.latest is None
        if decision is not None and decision.frame is not None:
            begins = True
            parent = None if decision.frame == START else decision.frame
            state = None if parent is None else self._record.state(parent)
        task = ChunkTask(
            dynamics=self._dynamics,
            walker=walker.number,
            position=walker.position,
            attempt=walker.failures,
            state=state,
            n_steps=self._plan.chunk_steps,
            frame_interval=self._plan.frame_interval,
            first_step=0 if begins else walker.step,
            seed=self._plan.seed,
        )
        self._progress.submitted(walker)
        self._budget.claim(task.n_steps)
        return Flight(task, parent, begins, None if decision is None else decision.number, time.time())

    def _submit(self, flight: Flight) -> None:
        flight = replace(
            flight,
            executor=self._pool.executor,
            serial=self._n_submitted,
            submitted=time.time(),
            frames_then=self._record.n_frames,
            model_then=self._progress.table.model_version,
        )
        self._n_submitted += 1
        try:
            future = self._pool.executor.submit(run_chunk, flight.task)
        except BrokenExecutor as error:
            future = Future()
            future.set_exception(error)
        self._flights[future] = flight

    # What comes back

    def _take(self, future: Future[ChunkResult], returned: float) -> None:
        flight = self._flights.pop(future)
        error = future.exception()
        if error is not None:
            given_up = self._failures.take(flight, error)
            if given_up is not None:
                self._budget.claim(-flight.task.n_steps)
                self._ready.appendleft(given_up)
            return
        self._failures.none()
        result, walker = future.result(), self._progress.walkers[flight.task.walker]
        row = self._row(flight, walker, result, returned)
        self._progress.came_back(walker, row, result.states[-1])
        if len(self._flights) <= self._plan.n_workers:  # a worker may be waiting: first of all, give it something to do
            if not self._ready and not self._in_step:
                self._ready.append(walker)
            self._fill()
        row = self._record.append(row, result.frames, result.states)
        if self._on_chunk is not None:
            self._on_chunk(row)
        # Here, and not once a batch: when training is done inline, decisions depend on no clock.
        self._decisions.look_for_model()
        if not self._in_step:
            self._decisions.decide(walker)
            in_flight = any(flight.task.walker == walker.number for flight in self._flights.values())
            if not in_flight and walker not in self._ready:
                self._ready.append(walker)
        elif not self._record.n_chunks % self._plan.n_walkers:
            self._begin_round()
        self._fill()

    def _row(self, flight: Flight, walker: Walker, result: ChunkResult, returned: float) -> ChunkRow:
        """Return what is recorded of a chunk; it is not yet committed."""
        task = flight.task
        return ChunkRow(
            number=self._record.n_chunks,
            walker=task.walker,
            position=task.position,
            attempt=task.attempt,
            segment=self._progress.n_segments if flight.begins_segment else walker.segment,
            parent_frame=flight.parent,
            first_frame=self._record.n_frames,
            n_frames=len(result.frames),
            first_step=task.first_step,
            n_steps=task.n_steps,
            frames_then=flight.frames_then,
            model_then=flight.model_then,
            decision=flight.decision,
            crc32=checksum(result.frames, result.states),
            worker=result.worker,
            cpu_s=result.cpu_s,
            core_s=self._budget.core_seconds(),
            created=flight.created,
            submitted=flight.submitted,
            received=result.received,
            started=result.started,
            simulated=result.simulated,
            ended=result.ended,
            returned=returned,
            committed=0.0,
            weight=walker.weight,
        )

    def result(self) -> CampaignResult:
        """Return what came of it so far."""
        progress = self._progress
        return CampaignResult(
            folder=self._record.folder,
            n_frames=self._record.n_frames,
            n_chunks=self._record.n_chunks,
            n_steps=progress.steps,
            n_restarts=progress.restarts,
            n_quarantined=progress.quarantined,
            n_failures=self._record.n_failures,
            model_version=progress.table.model_version,
            core_seconds=self._budget.core_seconds(),
            coordinator_s=self._coordinator_s,
            wall_s=self._budget.wall_s(),
        )
