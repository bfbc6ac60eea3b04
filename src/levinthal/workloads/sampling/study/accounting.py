"""What a campaign's time went into: pure functions of its record."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from levinthal.workloads.sampling.record.rows import ChunkRow, DecisionRow, ModelRow

__all__ = ["Accounts", "busy_share", "cull_latencies_s", "keep_accounts", "queue_times_s"]


@dataclass(frozen=True)
class Accounts:
    """Time and staleness; a figure that cannot be told is NaN.

    Attributes
    ----------
    busy_share : float
        See `busy_share`.
    simulation_cpu_s, training_cpu_s, inference_s : float
        Processor time of chunks, of training with the embedding of all frames, and the coordinator's time for
        embedding, refreshing and deciding.
    queue_s, commit_s : float
        Medians of submitted to received and of returned to committed.
    cull_latency_s : float
        Median of `cull_latencies_s`.
    frames_unseen_by_model : float
        Median over decisions of the frames on record that their model was not trained on.
    frames_since_decision : float
        Median over chunks that were decided upon of the frames that came between the decision and the submission.
    model_versions_behind : float
        Largest difference there between the model of the decision and that in use.
    """

    busy_share: float
    simulation_cpu_s: float
    training_cpu_s: float
    inference_s: float
    queue_s: float
    commit_s: float
    cull_latency_s: float
    frames_unseen_by_model: float
    frames_since_decision: float
    model_versions_behind: float


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


def keep_accounts(
    chunks: Sequence[ChunkRow], decisions: Sequence[DecisionRow], models: Sequence[ModelRow], n_workers: int
) -> Accounts:
    """Return the accounts of a campaign of one session; of more, `busy_share` counts the time between them as idle."""
    by_number = {decision.number: decision for decision in decisions}
    decided = [(chunk, by_number[chunk.decision]) for chunk in chunks if chunk.decision is not None]
    return Accounts(
        busy_share=busy_share(chunks, n_workers),
        simulation_cpu_s=sum(chunk.cpu_s for chunk in chunks),
        training_cpu_s=sum(model.cpu_s for model in models),
        inference_s=sum(d.embed_s + d.refresh_s + d.decide_s for d in decisions),
        queue_s=_median(queue_times_s(chunks)),
        commit_s=_median([chunk.committed - chunk.returned for chunk in chunks]),
        cull_latency_s=_median(cull_latencies_s(chunks, decisions)),
        frames_unseen_by_model=_median([d.n_frames - d.model_frames for d in decisions if d.model_version]),
        frames_since_decision=_median([chunk.frames_then - decision.n_frames for chunk, decision in decided]),
        model_versions_behind=float(
            max((chunk.model_then - decision.model_version for chunk, decision in decided), default=0)
        ),
    )
