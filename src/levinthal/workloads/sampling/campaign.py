"""The loop: as each chunk comes back its frames are kept, embedded, and the policy says what that slot does next.

Nothing waits for anything else. Chunks run on any executor, training on another; while more chunks are in flight than
there are workers, a slot's next chunk is submitted after the decision about it, otherwise before, so that no worker
waits for the coordinator and the decision holds one chunk later. What was decided on which data is on record.

With one worker (or the executor that runs inline) and training inline the same seed gives the same decisions.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable
from concurrent.futures import FIRST_COMPLETED, BrokenExecutor, Executor, Future, wait
from dataclasses import dataclass, field, replace
from itertools import pairwise
from pathlib import Path

import numpy as np
import numpy.typing as npt

from levinthal.errors import DataError, LevinthalError, SimulationError, UsageError
from levinthal.harness.engine import InlineExecutor
from levinthal.workloads.sampling.frame_table import FrameTable
from levinthal.workloads.sampling.policies.view import Decision, Policy
from levinthal.workloads.sampling.record import FRAMES, CampaignHeader, checksum
from levinthal.workloads.sampling.record_rows import START, ChunkRow, DecisionRow, FailureRow, ModelRow
from levinthal.workloads.sampling.record_writer import CampaignWriter
from levinthal.workloads.sampling.retraining import FrameFile, Learner, Model, Retraining
from levinthal.workloads.sampling.task import (
    ChunkResult,
    ChunkTask,
    decision_rng,
    model_seed,
    refresh_rng,
    run_chunk,
)
from levinthal.workloads.sampling.walkers import Walker

__all__ = ["CampaignPlan", "CampaignResult", "run_campaign"]

# A chunk that was lost this often with others of its pool is run alone, to see whose fault it is.
_SUSPECT_AFTER = 3
_BREAKS_IN_A_ROW = 20


@dataclass(frozen=True)
class CampaignPlan:
    """How a campaign is run.

    Attributes
    ----------
    n_slots : int
        Trajectories that go on side by side; a few times the workers keep all of them busy.
    chunk_steps, frame_interval : int
        Steps of a chunk, a multiple of the steps between frames: a chunk ends in a frame.
    seed : int
        Of all randomness; not negative.
    n_workers : int
        Workers of the executor.
    n_cores : int or None
        Cores that the campaign occupies, for its costs; None is one a worker.
    max_steps : int or None
        Budget in steps, all slots together.
    max_core_seconds : float or None
        Budget in `n_cores` times the wall-clock: simulation, training, inference and idle cores alike.
    in_flight : int or None
        Most chunks submitted at a time; None is all slots.
    first_training_frames : int
        The first model is trained when there are so many.
    training_growth, refresh_growth : float
        The next one, and the next look of the policy at all frames, when there are that many times the frames.
    max_attempts : int
        A chunk that fails this often is given up.
    """

    n_slots: int
    chunk_steps: int
    frame_interval: int
    seed: int
    n_workers: int = 1
    n_cores: int | None = None
    max_steps: int | None = None
    max_core_seconds: float | None = None
    in_flight: int | None = None
    first_training_frames: int = 500
    training_growth: float = 1.5
    refresh_growth: float = 1.1
    max_attempts: int = 3

    def __post_init__(self) -> None:
        for name in ("n_slots", "chunk_steps", "frame_interval", "n_workers", "first_training_frames", "max_attempts"):
            if getattr(self, name) < 1:
                raise UsageError(f"{name} is {getattr(self, name)}: it must be at least 1")
        if self.chunk_steps % self.frame_interval:
            raise UsageError(
                f"chunk_steps {self.chunk_steps} is no multiple of frame_interval {self.frame_interval}: make it one"
            )
        if self.max_steps is None and self.max_core_seconds is None:
            raise UsageError("the campaign has no budget: give max_steps or max_core_seconds")
        if self.seed < 0 or (self.in_flight is not None and self.in_flight < 1):
            raise UsageError(f"seed {self.seed}, in_flight {self.in_flight}: not below 0 and 1")
        if not (self.training_growth > 1.0 and self.refresh_growth >= 1.0):
            raise UsageError(
                f"training_growth {self.training_growth} must be above 1, refresh_growth {self.refresh_growth} at least"
            )

    @property
    def cores(self) -> int:
        """Cores that the campaign pays for."""
        return self.n_cores or self.n_workers


@dataclass(frozen=True)
class CampaignResult:
    """What came of it; the record in `folder` says the rest.

    Attributes
    ----------
    n_frames, n_chunks, n_steps : int
        On record, all sessions together.
    n_restarts, n_quarantined, n_failures, model_version : int
        Likewise.
    core_seconds : float
        Spent, all sessions together.
    coordinator_s : float
        Time this session's coordinator did not wait, with whatever ran inline.
    wall_s : float
        Time of this session.
    """

    folder: Path
    n_frames: int
    n_chunks: int
    n_steps: int
    n_restarts: int
    n_quarantined: int
    n_failures: int
    model_version: int
    core_seconds: float
    coordinator_s: float
    wall_s: float


@dataclass(eq=False)
class _Slot:
    """Where a slot is; `position` is its next chunk that has not been submitted."""

    number: int
    position: int = 0
    latest: int | None = None
    state: npt.NDArray[np.float64] | None = None
    segment: int = -1
    step: int = 0
    failures: int = 0
    pending: DecisionRow | None = None


@dataclass(frozen=True, eq=False)
class _Flight:
    """A task, what will be recorded of it, and how it fared."""

    task: ChunkTask
    parent: int | None
    begins_segment: bool
    decision: int | None
    created: float
    executor: Executor | None = None
    serial: int = 0
    submitted: float = 0.0
    frames_then: int = 0
    model_then: int = 0
    losses: int = 0
    tries: int = 0
    alone: bool = False


@dataclass
class _Pool:
    """The executor of the simulations, replaced when it breaks."""

    make: Callable[[], Executor]
    breaks: int = 0
    executor: Executor = field(init=False)

    def __post_init__(self) -> None:
        self.executor = self.make()

    def replace(self, broken: Executor | None, message: str) -> None:
        """Take a new executor, once for each that broke."""
        if broken is not self.executor:
            return
        self.breaks += 1
        if self.breaks > _BREAKS_IN_A_ROW:
            raise SimulationError(
                f"the workers died {self.breaks} times in a row ({message}), perhaps for want of memory: take fewer"
            )
        self.executor.shutdown(wait=False, cancel_futures=True)
        self.executor = self.make()


class _Coordinator:
    """Everything that goes on in the coordinating process."""

    def __init__(
        self,
        walker: Walker,
        policy: Policy,
        plan: CampaignPlan,
        record: CampaignWriter,
        pool: _Pool,
        retraining: Retraining | None,
        on_chunk: Callable[[ChunkRow], None] | None,
    ) -> None:
        self.walker, self.policy, self.plan, self.record = walker, policy, plan, record
        self.pool, self.retraining, self.on_chunk = pool, retraining, on_chunk
        self.table = FrameTable(plan.n_slots)
        self.model: Model | None = None
        self.slots = [_Slot(k) for k in range(plan.n_slots)]
        self.flights: dict[Future[ChunkResult], _Flight] = {}
        self.retries: deque[_Flight] = deque()
        self.suspects: deque[_Flight] = deque()
        self.n_submitted = self.n_segments = self.failures_in_a_row = 0
        self.restarts = self.quarantined = self.steps = self.steps_claimed = 0
        self.refreshed_frames = 0
        self.refreshed_version = -1
        self.paid_wall_s = self.coordinator_s = 0.0
        self.began = time.monotonic()
        self._recall()
        self.ready: deque[_Slot] = deque(sorted(self.slots, key=lambda slot: slot.position))

    # What is on record

    def _recall(self) -> None:
        chunks, decisions, _, failures, sessions = self.record.history()
        for chunk in chunks:
            slot = self.slots[chunk.slot]
            if chunk.position != slot.position:
                raise DataError(f"{self.record.folder} is damaged: slot {slot.number} lacks chunk {slot.position}")
            self._place(slot, chunk)
            slot.position += 1
            slot.state = None
        for slot in self.slots:
            if slot.latest is not None:
                slot.state = self.record.state(slot.latest)
        for decision in decisions:
            slot = self.slots[decision.slot]
            if decision.frame is not None:
                self.restarts += 1
                if decision.frame != START:
                    self.table.use(decision.frame)
            if decision.position == slot.position:
                slot.pending = decision
        for failure in failures:
            slot = self.slots[failure.slot]
            self.quarantined += failure.kind == "quarantined"
            slot.failures += failure.kind == "error" and failure.position == slot.position
        self.steps_claimed = self.steps
        # A killed session is paid for until its last chunk was committed.
        for session, following in pairwise(sessions):
            committed = [c.committed for c in chunks if session.began <= c.committed <= following.began]
            ended = session.ended if session.ended is not None else max(committed, default=session.began)
            self.paid_wall_s += max(ended - session.began, 0.0)

    def _place(self, slot: _Slot, chunk: ChunkRow) -> None:
        """Count a chunk that is on record."""
        slot.segment = chunk.segment
        slot.step = chunk.first_step + chunk.n_steps
        self.n_segments = max(self.n_segments, chunk.segment + 1)
        self.steps += chunk.n_steps
        interval = self.plan.frame_interval
        steps = chunk.first_step + interval * np.arange(1, chunk.n_frames + 1, dtype=np.int64)
        self.table.append(slot.number, chunk.segment, steps)
        slot.latest = int(self.table.latest[slot.number])

    # Submitting

    def core_seconds(self) -> float:
        return self.plan.cores * (self.paid_wall_s + time.monotonic() - self.began)

    def _seconds_left(self) -> float | None:
        if self.plan.max_core_seconds is None:
            return None
        return max(self.plan.max_core_seconds - self.core_seconds(), 0.0) / self.plan.cores

    def _may_begin(self) -> bool:
        if self._seconds_left() == 0.0:
            return False
        return self.plan.max_steps is None or self.steps_claimed + self.plan.chunk_steps <= self.plan.max_steps

    def _fill(self) -> None:
        """Submit what can be submitted."""
        while len(self.flights) < (self.plan.in_flight or self.plan.n_slots):
            if self._seconds_left() == 0.0 or any(flight.alone for flight in self.flights.values()):
                return
            if self.suspects:
                if not self.flights:
                    self._submit(replace(self.suspects.popleft(), alone=True))
                return
            if self.retries:
                self._submit(self.retries.popleft())
            elif self.ready and self._may_begin():
                self._submit(self._next_flight(self.ready.popleft()))
            else:
                return

    def _next_flight(self, slot: _Slot) -> _Flight:
        decision = slot.pending
        parent, state, begins = slot.latest, slot.state, slot.latest is None
        if decision is not None and decision.frame is not None:
            begins = True
            parent = None if decision.frame == START else decision.frame
            state = None if parent is None else self.record.state(parent)
        task = ChunkTask(
            walker=self.walker,
            slot=slot.number,
            position=slot.position,
            attempt=slot.failures,
            state=state,
            n_steps=self.plan.chunk_steps,
            frame_interval=self.plan.frame_interval,
            first_step=0 if begins else slot.step,
            seed=self.plan.seed,
        )
        slot.pending, slot.position = None, slot.position + 1
        self.steps_claimed += task.n_steps
        return _Flight(task, parent, begins, None if decision is None else decision.number, time.time())

    def _submit(self, flight: _Flight) -> None:
        flight = replace(
            flight,
            executor=self.pool.executor,
            serial=self.n_submitted,
            submitted=time.time(),
            frames_then=self.record.n_frames,
            model_then=self.table.model_version,
        )
        self.n_submitted += 1
        try:
            future = self.pool.executor.submit(run_chunk, flight.task)
        except BrokenExecutor as error:
            future = Future()
            future.set_exception(error)
        self.flights[future] = flight

    # What comes back

    def run(self) -> None:
        """Go on until the budget is spent and nothing is in flight."""
        self._train()
        self._fill()
        while self.flights:
            self.coordinator_s -= time.monotonic()
            training = self.retraining.future if self.retraining is not None else None
            waiting = [*self.flights, *([training] if training is not None else [])]
            self.coordinator_s += time.monotonic()
            done, _ = wait(waiting, timeout=self._seconds_left() or None, return_when=FIRST_COMPLETED)
            woke = time.monotonic()
            for future in sorted(done & self.flights.keys(), key=lambda key: self.flights[key].serial):
                self._take(future, time.time())
            self._train()
            if self._seconds_left() == 0.0:
                for future in [future for future in self.flights if future.cancel()]:
                    del self.flights[future]
            self._fill()
            self.coordinator_s += time.monotonic() - woke

    def _take(self, future: Future[ChunkResult], returned: float) -> None:
        flight = self.flights.pop(future)
        error = future.exception()
        if error is not None:
            self._failed(flight, error)
            return
        result, task = future.result(), flight.task
        slot = self.slots[task.slot]
        self.failures_in_a_row = self.pool.breaks = slot.failures = 0
        row = ChunkRow(
            number=self.record.n_chunks,
            slot=task.slot,
            position=task.position,
            attempt=task.attempt,
            segment=self.n_segments if flight.begins_segment else slot.segment,
            parent_frame=flight.parent,
            first_frame=self.record.n_frames,
            n_frames=len(result.frames),
            first_step=task.first_step,
            n_steps=task.n_steps,
            frames_then=flight.frames_then,
            model_then=flight.model_then,
            decision=flight.decision,
            crc32=checksum(result.frames, result.states),
            worker=result.worker,
            cpu_s=result.cpu_s,
            created=flight.created,
            submitted=flight.submitted,
            received=result.received,
            started=result.started,
            simulated=result.simulated,
            ended=result.ended,
            returned=returned,
            committed=0.0,
        )
        self._place(slot, row)
        slot.state = result.states[-1]
        early = len(self.flights) <= self.plan.n_workers
        if early:  # a worker may be waiting: first of all, give it something to do
            if not self.ready:
                self.ready.append(slot)
            self._fill()
        row = self.record.append(row, result.frames, result.states)
        if self.on_chunk is not None:
            self.on_chunk(row)
        self._train()  # here, and not once a batch: when training is done inline, decisions depend on no clock
        self._decide(slot)
        if not any(flight.task.slot == slot.number for flight in self.flights.values()) and slot not in self.ready:
            self.ready.append(slot)
        self._fill()

    def _train(self) -> None:
        if self.retraining is None:
            return
        trained = self.retraining.poll(self.record.n_frames)
        if trained is None:
            return
        self.model = trained.model
        self.table.adopt(trained.embedding, trained.version, trained.n_frames)
        self._embed()
        self.record.add(
            ModelRow(
                version=trained.version,
                n_frames=trained.n_frames,
                seed=trained.seed,
                warm=trained.warm,
                submitted=trained.submitted,
                began=trained.began,
                trained=trained.trained,
                adopted=time.time(),
                cpu_s=trained.cpu_s,
            )
        )

    def _embed(self) -> None:
        if self.model is not None and self.table.n_embedded < self.record.n_frames:
            frames = np.asarray(self.record.frames[self.table.n_embedded :], np.float32)
            self.table.embed(np.asarray(self.model.embed(frames), np.float32))

    def _decide(self, slot: _Slot) -> None:
        """Ask the policy about the slot's next chunk that is not yet submitted."""
        if slot.pending is not None and slot.pending.frame is not None:
            return  # a restart was decided upon one chunk ago and holds
        clock = time.perf_counter()
        refresh_s = embed_s = 0.0
        n_frames = self.record.n_frames
        if self.retraining is not None and self.model is None:
            decision = Decision(None, "there is no model yet", None)
        else:
            self._embed()
            embed_s = time.perf_counter() - clock
            view = self.table.view(self.record.frames)
            grown = n_frames >= self.plan.refresh_growth * self.refreshed_frames
            if grown or self.refreshed_version != self.table.model_version:
                self.policy.refresh(view, refresh_rng(self.plan.seed, n_frames))
                self.refreshed_frames, self.refreshed_version = n_frames, self.table.model_version
            refresh_s = time.perf_counter() - clock - embed_s
            decision = self.policy.decide(slot.number, view, decision_rng(self.plan.seed, slot.number, slot.position))
        frame = None if decision.frame is None else int(decision.frame)
        if frame is not None:
            if not 0 <= frame < n_frames:
                raise UsageError(f"policy {self.policy.name} chose frame {frame}: there are {n_frames}")
            self.table.use(frame)
        self._record_decision(
            slot,
            frame,
            decision.reason,
            None if decision.score is None else float(decision.score),
            self.policy.name,
            (embed_s, refresh_s, time.perf_counter() - clock - embed_s - refresh_s),
        )

    def _record_decision(
        self,
        slot: _Slot,
        frame: int | None,
        reason: str,
        score: float | None,
        policy: str,
        times_s: tuple[float, float, float] = (0.0, 0.0, 0.0),
    ) -> None:
        self.restarts += frame is not None
        slot.pending = DecisionRow(
            number=self.record.n_decisions,
            slot=slot.number,
            position=slot.position,
            frame=frame,
            reason=reason,
            score=score,
            policy=policy,
            model_version=self.table.model_version,
            model_frames=self.table.model_frames,
            n_frames=self.record.n_frames,
            refreshed_frames=self.refreshed_frames,
            made=time.time(),
            embed_s=times_s[0],
            refresh_s=times_s[1],
            decide_s=times_s[2],
        )
        self.record.add(slot.pending)

    # What does not come back

    def _failed(self, flight: _Flight, error: BaseException) -> None:
        if isinstance(error, LevinthalError) and not isinstance(error, SimulationError):
            raise error
        lost = isinstance(error, BrokenExecutor)
        message = f"{type(error).__name__}: {error}"
        if lost:
            self.pool.replace(flight.executor, message)
        else:
            self.failures_in_a_row += 1
            if self.failures_in_a_row > 2 * self.plan.max_attempts * self.plan.n_slots:
                raise SimulationError(f"no chunk can be simulated any more: {message}") from error
        if lost and not flight.alone:
            self._record_failure(flight, "lost", message)
            flight = replace(flight, losses=flight.losses + 1)
            (self.suspects if flight.losses >= _SUSPECT_AFTER else self.retries).append(flight)
            return
        self._record_failure(flight, "error", message)
        task = replace(flight.task, attempt=flight.task.attempt + 1)
        flight = replace(flight, task=task, tries=flight.tries + 1, losses=0, alone=False)
        if flight.tries < self.plan.max_attempts:
            (self.suspects if lost else self.retries).append(flight)
        else:
            self._quarantine(flight, message)

    def _record_failure(self, flight: _Flight, kind: str, message: str) -> None:
        task = flight.task
        state = None
        if kind == "quarantined" and task.state is not None:
            state = np.ascontiguousarray(task.state, "<f8").tobytes()
        self.record.add(
            FailureRow(
                number=self.record.n_failures,
                slot=task.slot,
                position=task.position,
                attempt=task.attempt,
                kind=kind,
                parent_frame=flight.parent,
                message=message,
                state=state,
                noticed=time.time(),
            )
        )

    def _quarantine(self, flight: _Flight, message: str) -> None:
        """Give a state up; its slot goes back to where the chunk before it began."""
        self._record_failure(flight, "quarantined", message)
        self.quarantined += 1
        slot, task = self.slots[flight.task.slot], flight.task
        self.steps_claimed -= task.n_steps
        slot.position, slot.failures = task.position, task.attempt
        before: int | None = None
        if flight.parent is not None:
            chunks = self.record.history()[0]
            firsts = np.array([chunk.first_frame for chunk in chunks])
            before = chunks[int(np.searchsorted(firsts, flight.parent, side="right")) - 1].parent_frame
        where = "the slot's start" if before is None else f"frame {before}"
        reason = f"gave up after {flight.tries} attempts ({message}): back to {where}"
        self._record_decision(slot, START if before is None else before, reason, None, "quarantine")
        self.ready.appendleft(slot)

    def result(self) -> CampaignResult:
        return CampaignResult(
            folder=self.record.folder,
            n_frames=self.record.n_frames,
            n_chunks=self.record.n_chunks,
            n_steps=self.steps,
            n_restarts=self.restarts,
            n_quarantined=self.quarantined,
            n_failures=self.record.n_failures,
            model_version=self.table.model_version,
            core_seconds=self.core_seconds(),
            coordinator_s=self.coordinator_s,
            wall_s=time.monotonic() - self.began,
        )


def run_campaign(
    walker: Walker,
    policy: Policy,
    learner: Learner | None,
    folder: str | Path,
    plan: CampaignPlan,
    *,
    make_executor: Callable[[], Executor] = InlineExecutor,
    make_learner_executor: Callable[[], Executor] = InlineExecutor,
    resume: bool = False,
    on_chunk: Callable[[ChunkRow], None] | None = None,
) -> CampaignResult:
    """Sample until the budget is spent.

    A campaign that was killed goes on by `resume`: every chunk that was committed is there, what was in flight is made
    again with the same seed from the same frame. Its model is trained anew, on all frames.

    Parameters
    ----------
    walker : Walker
        The system.
    policy : Policy
        Says what each slot does next.
    learner : Learner or None
        Makes the model that embeds frames; without one the policy sees an embedding without columns.
    folder : str or Path
        Of the record.
    plan : CampaignPlan
        How, and how much.
    make_executor : callable
        Gives the executor for the simulations, and another one when it breaks; it is shut down at the end.
    make_learner_executor : callable
        The same for training; without it training is done inline.
    resume : bool
        Go on with what `folder` holds.
    on_chunk : callable, optional
        Called in this thread with the row of each chunk as it is committed.

    Returns
    -------
    CampaignResult

    Raises
    ------
    SimulationError
        Nothing can be simulated any more, or the workers die again and again; what was committed is on record.
    UsageError, DataError, ResultError
        As for `CampaignWriter`; a policy that chose what is not there.
    """
    folder = Path(folder)
    header = CampaignHeader(
        system=walker.name,
        system_sha256=walker.sha256,
        frame_shape=walker.frame_shape,
        state_width=walker.state_width,
        n_slots=plan.n_slots,
        chunk_steps=plan.chunk_steps,
        frame_interval=plan.frame_interval,
        seed=plan.seed,
        policy=policy.name,
        learner="" if learner is None else learner.name,
    )
    with CampaignWriter(folder, header, resume=resume) as record:
        retraining = None
        pool = _Pool(make_executor)
        try:
            if learner is not None:
                models = record.history()[2]
                retraining = Retraining(
                    learner,
                    FrameFile(folder / FRAMES, walker.frame_shape),
                    make_learner_executor,
                    first_frames=plan.first_training_frames,
                    growth=plan.training_growth,
                    version=models[-1].version if models else 0,
                    model_seed=lambda version: model_seed(plan.seed, version),
                )
            coordinator = _Coordinator(walker, policy, plan, record, pool, retraining, on_chunk)
            try:
                coordinator.run()
            finally:
                for future in coordinator.flights:
                    future.cancel()
            return coordinator.result()
        finally:
            pool.executor.shutdown(wait=False, cancel_futures=True)
            if retraining is not None:
                retraining.close()
