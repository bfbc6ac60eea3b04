"""Levinthal's own loop, without barriers, as events: chunks, transfer, decisions, and training beside them.

It is `levinthal.workloads.sampling.loop` with times in place of work. A worker makes a chunk, which travels to the one
coordinator; there it is put on record, embedded and decided upon. While no more chunks are under way than there are
workers, the next one goes out before the decision, otherwise after it. Training has workers of its own and is never
waited for; a model is used from the moment at which it is ready.
"""

from __future__ import annotations

import math
from collections.abc import Generator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from levinthal.errors import UsageError
from levinthal.harness.contract.plans import StageTimes

_CATCH_UP_FRAMES = 2000
"""A model that is ready is behind by more than this many frames: where it was trained they are embedded first."""


@dataclass(frozen=True)
class LoopPlan:
    """What is planned.

    Attributes
    ----------
    replicas : int
        Trajectories that go on side by side.
    workers : int
        GPUs, or cores, that simulate.
    training_workers : int
        Those that are kept for training; they count for the use of all.
    chunks : int
        Chunks of each replica, on average.
    seed : int
        Of the times that are drawn among those measured.
    """

    replicas: int
    workers: int
    training_workers: int = 1
    chunks: int = 100
    seed: int = 0

    def __post_init__(self) -> None:
        for name in ("replicas", "workers", "chunks"):
            if getattr(self, name) < 1:
                raise UsageError(f"{name} is {getattr(self, name)}: it must be at least 1")
        if self.training_workers < 0 or self.seed < 0:
            raise UsageError("GPUs for training, and the seed, are not below 0")
        if self.replicas * self.chunks > 5_000_000:
            raise UsageError(f"{self.replicas * self.chunks:,} chunks take hours to plan: ask for fewer a replica")


@dataclass(frozen=True)
class LoopOutcome:
    """What the loop does at that size.

    Attributes
    ----------
    plan : LoopPlan
    makespan_s : float
        From the first chunk to the last decision.
    n_chunks, n_frames, n_models : int
    simulating, transferring, deciding, training : float
        Share of the makespan in which the workers, the way to the coordinator, the coordinator and the training are
        busy.
    use : float
        Of all GPUs, those for training included.
    bytes_s : float
        Towards the coordinator, on average.
    mean_queue_s : float
        Mean wait of a chunk that has arrived for the coordinator.
    unseen : float
        Median share of the frames at hand that the model of a decision was not trained on; NaN without a model.
    model_age_s : float
        Median time since the data of that model were all there was; NaN without a model.
    bound : str
        What keeps it from going faster.
    """

    plan: LoopPlan
    makespan_s: float
    n_chunks: int
    n_frames: int
    n_models: int
    simulating: float
    transferring: float
    deciding: float
    training: float
    use: float
    bytes_s: float
    mean_queue_s: float
    unseen: float
    model_age_s: float
    bound: str


def run_loop(times: StageTimes, plan: LoopPlan) -> LoopOutcome:
    """Simulate the loop.

    Parameters
    ----------
    times : StageTimes
        As they were measured; beyond the largest number of frames that was, training and looking cost in proportion.
    plan : LoopPlan

    Raises
    ------
    UsageError
        No times of chunks.

    Examples
    --------
    >>> from levinthal.harness import StageTimes
    >>> from levinthal.planning.loop import LoopPlan, run_loop
    >>> run_loop(StageTimes(chunk_s=(10.0,)), LoopPlan(replicas=8, workers=4, chunks=5)).makespan_s
    100.0
    """
    if not times.chunk_s:
        raise UsageError("nothing says how long a chunk takes: name a run by --from, or give --set chunk_s=SECONDS")
    loop = _Loop(times, plan)
    loop.run()
    return loop.outcome()


def cost_s(frames: Sequence[int], seconds: Sequence[float], n_frames: int) -> float:
    """Return a cost at so many frames: between measured ones by a line, beyond the largest in proportion."""
    if not len(frames):
        return 0.0
    order = np.argsort(frames)
    x, y = np.asarray(frames, float)[order], np.asarray(seconds, float)[order]
    return float(np.interp(n_frames, x, y) * max(1.0, n_frames / x[-1]))


class _Loop:
    """The state of the loop; walkers are all alike, so only their number counts."""

    def __init__(self, times: StageTimes, plan: LoopPlan) -> None:
        import simpy

        self._times, self._plan, self._rng = times, plan, np.random.default_rng(plan.seed)
        self._now = simpy.Environment()
        self._workers = simpy.Resource(self._now, plan.workers)
        self._link, self._coordinator = simpy.Resource(self._now, 1), simpy.Resource(self._now, 1)
        self._ended = self._now.event()
        self._ready, self._flights, self._left = plan.replicas, 0, plan.replicas * plan.chunks
        self._busy = dict.fromkeys(("simulate", "transfer", "decide", "train"), 0.0)
        self._frames = self._embedded = self._refreshed = 0
        self._models, self._model_frames, self._model_data_s, self._refreshed_model = 0, 0, 0.0, -1
        self._next_training, self._in_training = times.first_training_frames, False
        self._queues: list[float] = []
        self._unseen: list[float] = []
        self._ages: list[float] = []

    def run(self) -> None:
        self._fill()
        self._now.run(until=self._ended)

    def _spend(self, what: str, seconds: float) -> Any:
        self._busy[what] += seconds
        return self._now.timeout(seconds)

    def _one_of(self, seconds: Sequence[float]) -> float:
        return seconds[int(self._rng.integers(len(seconds)))]

    def _fill(self) -> None:
        while self._flights < self._plan.replicas and self._ready and self._left:
            self._ready, self._left, self._flights = self._ready - 1, self._left - 1, self._flights + 1
            self._now.process(self._chunk())

    def _chunk(self) -> Generator[Any, Any, None]:
        times = self._times
        if times.dispatch_s:
            yield self._now.timeout(times.dispatch_s)
        with self._workers.request() as worker:
            yield worker
            yield self._spend("simulate", self._one_of(times.chunk_s))
        if times.transfer_s:
            with self._link.request() as link:
                yield link
                yield self._spend("transfer", times.transfer_s)
        came = self._now.now
        with self._coordinator.request() as coordinator:
            yield coordinator
            self._queues.append(self._now.now - came)
            yield from self._take()
        if not self._flights and not self._left:
            self._ended.succeed()

    def _take(self) -> Generator[Any, Any, None]:
        self._flights -= 1
        at_once = self._flights <= self._plan.workers and not self._ready  # the same walker goes on undecided
        self._ready += at_once
        if self._flights <= self._plan.workers:
            self._fill()
        self._frames += self._times.frames_of_chunk
        self._begin_training()
        yield self._spend("decide", self._decision_s())
        self._ready += not at_once
        self._fill()

    def _decision_s(self) -> float:
        times, seconds = self._times, self._one_of(self._times.decide_s)
        if times.training_s and not self._models:
            return seconds
        seconds += times.embed_frame_s * (self._frames - self._embedded)
        self._embedded = self._frames
        if self._frames >= times.refresh_growth * self._refreshed or self._refreshed_model != self._models:
            seconds += cost_s(times.refresh_frames, times.refresh_s, self._frames)
            self._refreshed, self._refreshed_model = self._frames, self._models
        if self._models:
            self._unseen.append(1.0 - self._model_frames / self._frames)
            self._ages.append(self._now.now - self._model_data_s)
        return seconds

    def _begin_training(self) -> None:
        if self._times.training_s and not self._in_training and self._frames >= self._next_training:
            self._in_training = True
            self._now.process(self._train(self._frames))

    def _train(self, n_frames: int) -> Generator[Any, Any, None]:
        times, began = self._times, self._now.now
        yield self._now.timeout(cost_s(times.training_frames, times.training_s, n_frames))
        embedded = n_frames
        while self._frames - embedded > _CATCH_UP_FRAMES and times.embed_frame_s:
            behind, embedded = self._frames - embedded, self._frames
            yield self._now.timeout(times.embed_frame_s * behind)
        self._busy["train"] += self._now.now - began
        with self._coordinator.request() as coordinator:
            yield coordinator
            yield self._spend("decide", times.embed_frame_s * (self._frames - embedded))
            self._embedded, self._models = self._frames, self._models + 1
            self._model_frames, self._model_data_s, self._in_training = n_frames, began, False
            self._next_training = max(math.ceil(n_frames * times.training_growth), n_frames + 1)
            self._begin_training()

    def outcome(self) -> LoopOutcome:
        plan, span = self._plan, float(self._now.now)
        n_chunks = plan.replicas * plan.chunks
        share = {what: seconds / span if span else 0.0 for what, seconds in self._busy.items()}
        share["simulate"] /= plan.workers
        held = share["simulate"] * plan.workers + (share["train"] if plan.training_workers else 0.0)
        return LoopOutcome(
            plan=plan, makespan_s=span, n_chunks=n_chunks, n_frames=self._frames, n_models=self._models,
            simulating=share["simulate"], transferring=share["transfer"], deciding=share["decide"],
            training=share["train"], use=held / (plan.workers + plan.training_workers),
            bytes_s=n_chunks * self._times.bytes_of_chunk / span if span else 0.0,
            mean_queue_s=float(np.mean(self._queues)), unseen=_median(self._unseen), model_age_s=_median(self._ages),
            bound=self._bound(share),
        )  # fmt: skip

    def _bound(self, share: dict[str, float]) -> str:
        if self._times.training_s and self._times.embed_frame_s * self._frames > self._now.now:
            return "inference: frames come faster than one process embeds them"
        most = max(("simulate", "transfer", "decide"), key=share.__getitem__)
        if most == "simulate" and self._plan.replicas < self._plan.workers:
            return "replicas: fewer than workers"
        names = {"simulate": "simulation", "transfer": "transfer", "decide": "coordinator (record, infer, select)"}
        return names[most]


def _median(values: Sequence[float]) -> float:
    return float(np.median(values)) if values else math.nan
