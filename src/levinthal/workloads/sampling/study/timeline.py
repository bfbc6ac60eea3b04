"""What went on where in a campaign, in pieces that are few enough to be drawn."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from levinthal.workloads.sampling.record.reader import CampaignRecord

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
