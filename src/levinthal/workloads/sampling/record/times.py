"""How long each stage of a campaign took, as its record says: what a plan of a larger one is fed with."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from levinthal.errors import DataError
from levinthal.workloads.sampling.record.reader import DATABASE, CampaignRecord

PLANNED_SETTINGS = ("first_training_frames", "training_growth", "refresh_growth")
"""Keys of a run's settings that a plan takes over under the same name."""


def fullest_record(folder: Path) -> CampaignRecord:
    """Return the record in a run folder that says most: with a model if there is one, then with the most chunks.

    Raises
    ------
    DataError
        There is none, or no chunk in it.
    """
    records = [CampaignRecord(file.parent) for file in sorted(folder.glob(f"repeats/*/kept/campaigns/**/{DATABASE}"))]
    records = [record for record in records if record.chunks]
    if not records:
        raise DataError(f"{folder} holds no record of a campaign: name the folder of a run of sampling")
    return max(records, key=lambda record: (bool(record.models), len(record.chunks)))


def measured_times(record: CampaignRecord) -> dict[str, Any]:
    """Return values of `StageTimes` by the clocks of one campaign.

    A worker is busy with a chunk from taking it up to its end. The shortest way to a worker and back is what the way
    takes; whatever it took longer was waiting, which a plan makes of itself. What the coordinator did between the
    return of a chunk and the decision on it, without embedding and looking at all frames, is its time for a chunk. A
    training lasts until its model is used: all frames are embedded by then.

    Parameters
    ----------
    record : CampaignRecord
    """
    chunks = record.chunks
    returned = {chunk.first_frame + chunk.n_frames: chunk for chunk in chunks}
    decided = [(each, returned[each.n_frames]) for each in record.decisions if each.n_frames in returned]
    decide_s = [
        max(decision.made - chunk.returned - decision.embed_s - decision.refresh_s, 0.0) for decision, chunk in decided
    ]
    sizes: dict[int, float] = {model.n_frames: model.adopted - model.began for model in record.models}
    looks: dict[int, float] = {}
    before = -1
    for decision, _ in decided:
        if decision.refreshed_frames != before and decision.refreshed_frames == decision.n_frames:
            looks[decision.n_frames] = decision.refresh_s
        before = decision.refreshed_frames
    embedded = [decision for decision, _ in decided if decision.model_version]
    per_chunk = chunks[0].n_frames
    header = record.header
    width = 8 * header.state_width + 4 * _product(header.frame_shape)
    return {
        "chunk_s": tuple(chunk.ended - chunk.received for chunk in chunks),
        "frames_of_chunk": per_chunk,
        "bytes_of_chunk": per_chunk * width,
        "dispatch_s": max(min(chunk.received - chunk.submitted for chunk in chunks), 0.0),
        "transfer_s": max(min(chunk.returned - chunk.ended for chunk in chunks), 0.0),
        "decide_s": tuple(decide_s) or (0.0,),
        "embed_frame_s": sum(each.embed_s for each in embedded) / (per_chunk * len(embedded)) if embedded else 0.0,
        "refresh_frames": tuple(looks),
        "refresh_s": tuple(looks.values()),
        "training_frames": tuple(sizes),
        "training_s": tuple(sizes.values()),
    }


def makespan_s(record: CampaignRecord) -> float:
    """Return the time from the submission of a campaign's first chunk to its last decision or commitment."""
    last = max(
        *(chunk.committed for chunk in record.chunks), *(decision.made for decision in record.decisions), 0.0
    )  # fmt: skip
    return last - min(chunk.submitted for chunk in record.chunks)


def _product(shape: Sequence[int]) -> int:
    size = 1
    for n in shape:
        size *= n
    return size
