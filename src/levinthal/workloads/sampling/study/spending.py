"""What a campaign's time went into: pure functions of its record."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from levinthal.workloads.sampling.record.reader import CampaignRecord
from levinthal.workloads.sampling.record.rows import ChunkRow, DecisionRow, ModelRow

_MOST_INTERVALS = 60


@dataclass(frozen=True)
class Interval:
    """Something that went on for a while on a worker; `began` is in seconds since 1970."""

    name: str
    worker: str
    began: float
    duration_s: float
    items: int


def intervals_of(record: CampaignRecord, n_workers: int) -> tuple[Interval, ...]:
    """Return what went on where; with one worker all of it was in one thread, else training and decisions were not."""
    workers = dict.fromkeys(chunk.worker for chunk in record.chunks)
    alone = next(iter(workers)) if n_workers == 1 and len(workers) == 1 else None
    lanes: dict[str, list[Interval]] = {worker: [] for worker in workers}
    for chunk in record.chunks:
        lasted = chunk.simulated - chunk.started
        lanes[chunk.worker].append(Interval("simulate", chunk.worker, chunk.started, lasted, chunk.n_frames))
    training, deciding = alone or "training", alone or "coordinator"
    for model in record.models:
        lasted = model.trained - model.began
        lanes.setdefault(training, []).append(Interval("train", training, model.began, lasted, model.n_frames))
    for decision in record.decisions:
        looked_s = decision.refresh_s + decision.decide_s
        began = decision.made - looked_s - decision.embed_s
        lanes.setdefault(deciding, []).append(Interval("infer", deciding, began, decision.embed_s, 0))
        lanes[deciding].append(Interval("select", deciding, decision.made - looked_s, looked_s, 1))
    return tuple(interval for pieces in lanes.values() for interval in _thinned(pieces))


def _thinned(pieces: Sequence[Interval]) -> list[Interval]:
    """Put short intervals of one worker together where there are too many: their sums stay, their order does not.

    Runs of short ones are laid out again, each kind in one piece; so nothing overlaps that did not before.
    """
    pieces = sorted(pieces, key=lambda piece: piece.began)
    if len(pieces) <= _MOST_INTERVALS:
        return pieces
    short_s = (pieces[-1].began + pieces[-1].duration_s - pieces[0].began) / _MOST_INTERVALS
    kept: list[Interval] = []
    run: list[Interval] = []
    for piece in pieces:
        if run and (piece.duration_s > short_s or piece.began - run[0].began > short_s):
            kept += _laid_out(run)
            run = []
        if piece.duration_s > short_s:
            kept.append(piece)
        else:
            run.append(piece)
    return [*kept, *(_laid_out(run) if run else [])]


def _laid_out(run: Sequence[Interval]) -> list[Interval]:
    """Return one interval for each kind in a run, one after the other from its beginning on."""
    began, found = run[0].began, []
    for name in dict.fromkeys(piece.name for piece in run):
        own = [piece for piece in run if piece.name == name]
        lasted = sum(piece.duration_s for piece in own)
        found.append(Interval(name, run[0].worker, began, lasted, sum(piece.items for piece in own)))
        began += lasted
    return found


@dataclass(frozen=True)
class Spending:
    """Where a campaign's core-seconds went, and how promptly it acted.

    Attributes
    ----------
    total : float
        Core-seconds, all that was paid for.
    simulate, train, infer, select, record, transfer : float
        Processor time of the chunks; of training, with the new model's embedding of all frames; time in which new
        frames were embedded (contact maps are made there and in training); in which the policy looked and decided; in
        which frames went to the disk; in which they were under way from a worker.
    busy_share : float
        Share of the workers' wall-clock in simulation.
    busy_cpu_share : float
        The same in processor time.
    queue_s, cull_latency_s, commit_s : float
        Medians; NaN where there is none.
    frames_unseen_by_model, frames_since_decision, model_versions_behind : float
        Medians over decisions of the frames on record that their model was not trained on, and over chunks that were
        decided upon of the frames that came between the decision and the submission; the largest difference there
        between the model of the decision and that in use.
    """

    total: float
    simulate: float
    train: float
    infer: float
    select: float
    record: float
    transfer: float
    busy_share: float
    busy_cpu_share: float
    queue_s: float
    cull_latency_s: float
    commit_s: float
    frames_unseen_by_model: float
    frames_since_decision: float
    model_versions_behind: float

    @property
    def wait(self) -> float:
        """What is left: bookkeeping and idling."""
        known = self.simulate + self.train + self.infer + self.select + self.record + self.transfer
        return max(self.total - known, 0.0)


def busy_share(chunks: Sequence[ChunkRow], n_workers: int) -> float:
    """Return the share of the workers' time, from the first chunk's start to the last one's end, in simulation.

    Parameters
    ----------
    chunks : sequence of ChunkRow
        Of one session.
    n_workers : int
        Workers there were.
    """
    if not chunks:
        return float("nan")
    wall_s = max(chunk.simulated for chunk in chunks) - min(chunk.started for chunk in chunks)
    return sum(chunk.simulated - chunk.started for chunk in chunks) / (n_workers * wall_s) if wall_s > 0 else 1.0


def queue_times_s(chunks: Sequence[ChunkRow]) -> list[float]:
    """Return how long each chunk waited for a worker, its way there included."""
    return [chunk.received - chunk.submitted for chunk in chunks]


def cull_latencies_s(chunks: Sequence[ChunkRow], decisions: Sequence[DecisionRow]) -> list[float]:
    """Return for each restart the time from the decision until its simulation began."""
    made = {decision.number: decision.made for decision in decisions if decision.frame is not None}
    return [chunk.started - made[chunk.decision] for chunk in chunks if chunk.decision in made]


def _median(values: Sequence[float]) -> float:
    return float(np.median(values)) if len(values) else float("nan")


def spending_of(
    chunks: Sequence[ChunkRow], decisions: Sequence[DecisionRow], models: Sequence[ModelRow], n_workers: int
) -> Spending:
    """Return what a campaign of one session spent; of more, the shares count the time between them as idle."""
    by_number = {decision.number: decision for decision in decisions}
    decided = [(chunk, by_number[chunk.decision]) for chunk in chunks if chunk.decision is not None]
    simulated_s = sum(chunk.cpu_s for chunk in chunks)
    wall_s = max(chunk.simulated for chunk in chunks) - min(chunk.started for chunk in chunks)
    return Spending(
        total=chunks[-1].core_s,
        simulate=simulated_s,
        train=sum(model.cpu_s for model in models),
        infer=sum(decision.embed_s for decision in decisions),
        select=sum(decision.refresh_s + decision.decide_s for decision in decisions),
        record=sum(chunk.committed - chunk.returned for chunk in chunks),
        transfer=sum(chunk.returned - chunk.ended for chunk in chunks),
        busy_share=busy_share(chunks, n_workers),
        busy_cpu_share=simulated_s / (n_workers * wall_s) if wall_s > 0 else 1.0,
        queue_s=_median(queue_times_s(chunks)),
        cull_latency_s=_median(cull_latencies_s(chunks, decisions)),
        commit_s=_median([chunk.committed - chunk.returned for chunk in chunks]),
        frames_unseen_by_model=_median([d.n_frames - d.model_frames for d in decisions if d.model_version]),
        frames_since_decision=_median([chunk.frames_then - decision.n_frames for chunk, decision in decided]),
        model_versions_behind=float(
            max((chunk.model_then - decision.model_version for chunk, decision in decided), default=0)
        ),
    )
