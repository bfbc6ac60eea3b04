"""Where every walker is and what has been done: the one owner of that state, which a record restores after a kill."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from levinthal.arrays import Doubles, Integers, Singles
from levinthal.errors import DataError
from levinthal.workloads.sampling.loop.plan import CampaignPlan
from levinthal.workloads.sampling.policies.view import View
from levinthal.workloads.sampling.record.rows import START, ChunkRow, DecisionRow
from levinthal.workloads.sampling.record.writer import CampaignWriter

Embedding = Singles


class FrameTable:
    """Segment, step, uses and embedding of every frame, and the newest frame of every walker.

    Parameters
    ----------
    n_walkers : int
        How many walkers there are.

    Attributes
    ----------
    n_frames : int
        Frames so far.
    latest : ndarray of int64, shape (n_walkers,)
        The newest frame of each walker; -1 before the first.
    model_version, model_frames : int
        The model that embeds, and what it was trained on; version 0 is none.
    """

    def __init__(self, n_walkers: int) -> None:
        self.n_frames = self.model_version = self.model_frames = 0
        self.latest = np.full(n_walkers, -1, np.int64)
        self._columns: dict[str, Integers] = {name: np.zeros(1024, np.int64) for name in ("segment", "step", "uses")}
        self._embedding = np.zeros((1024, 0), np.float32)
        self._n_embedded = 0

    def append(self, walker: int, segment: int, steps: Integers) -> None:
        """Add the frames of a walker's chunk."""
        first, end = self.n_frames, self.n_frames + len(steps)
        if end > len(self._columns["step"]):
            for name, column in self._columns.items():
                self._columns[name] = np.concatenate([column, np.zeros(max(len(column), end), np.int64)])
        self._columns["segment"][first:end] = segment
        self._columns["step"][first:end] = steps
        self.n_frames, self.latest[walker] = end, end - 1

    def use(self, frame: int) -> None:
        """Count a restart from a frame."""
        self._columns["uses"][frame] += 1

    @property
    def trajectory(self) -> Integers:
        """The unbroken trajectory of each frame."""
        return self._columns["segment"][: self.n_frames]

    @property
    def n_embedded(self) -> int:
        """Frames that have been embedded by the current model."""
        return self._n_embedded

    def adopt(self, embedding: Embedding, version: int, model_frames: int) -> None:
        """Take the embedding by another model in place of what there is."""
        self.model_version, self.model_frames, self._n_embedded = version, model_frames, 0
        self._embedding = np.zeros((max(1024, len(embedding)), embedding.shape[1]), np.float32)
        self.embed(embedding)

    def embed(self, more: Embedding) -> None:
        """Add the embedding of the next frames."""
        end = self._n_embedded + len(more)
        if end > len(self._embedding):
            room = np.zeros((max(len(self._embedding), end), more.shape[1]), np.float32)
            self._embedding = np.concatenate([self._embedding, room])
        self._embedding[self._n_embedded : end] = more
        self._n_embedded = end

    def view(self, frames: Singles) -> View:
        """Return what a policy may look at; the arrays cannot be written."""
        n = self.n_frames
        embedding = self._embedding[:n] if self.model_version else np.zeros((n, 0), np.float32)
        parts = {name: column[:n] for name, column in self._columns.items()}
        latest = self.latest.copy()
        arrays: list[npt.NDArray[Any]] = [embedding, latest, *parts.values()]
        for array in arrays:
            array.setflags(write=False)
        return View(
            embedding=embedding,
            trajectory=parts["segment"],
            step=parts["step"],
            restarts=parts["uses"],
            latest=latest,
            frames=frames,
            model_version=self.model_version,
        )


@dataclass(eq=False)
class Walker:
    """Where a walker is; it is changed by `Progress` alone.

    Attributes
    ----------
    number : int
        Which walker.
    position : int
        Its next chunk that has not been submitted.
    latest : int or None
        Its newest frame, None before the first; `state` is the full state there.
    segment, step : int
        The unbroken trajectory it is on, and that one's steps so far.
    failures : int
        How often the chunk at `position` failed.
    pending : DecisionRow or None
        What was decided about that chunk.
    weight : float or None
        What it stands for, where the policy keeps weights.
    """

    number: int
    position: int = 0
    latest: int | None = None
    state: Doubles | None = None
    segment: int = -1
    step: int = 0
    failures: int = 0
    pending: DecisionRow | None = None
    weight: float | None = None


class Progress:
    """All walkers, all frames and all counts of a campaign.

    Parameters
    ----------
    plan : CampaignPlan
        How it is run.
    record : CampaignWriter
        What is on record already.
    weighted : bool
        Whether walkers carry weights, which are equal at first.

    Attributes
    ----------
    walkers : list of Walker
        By number.
    table : FrameTable
        What is known of each frame.
    n_segments, steps, restarts, quarantined : int
        So far, all sessions together.
    paid_core_s : float
        Core-seconds of earlier sessions, a killed one's until its last chunk came back.

    Raises
    ------
    DataError
        A walker's chunks on record have a gap.
    """

    def __init__(self, plan: CampaignPlan, record: CampaignWriter, *, weighted: bool = False) -> None:
        weight = 1.0 / plan.n_walkers if weighted else None
        self.walkers = [Walker(number, weight=weight) for number in range(plan.n_walkers)]
        self.table = FrameTable(plan.n_walkers)
        self.n_segments = self.steps = self.restarts = self.quarantined = 0
        self._frame_interval = plan.frame_interval
        chunks, decisions, _, failures, _ = record.history()
        for chunk in chunks:
            walker = self.walkers[chunk.walker]
            if chunk.position != walker.position:
                raise DataError(f"{record.folder} is damaged: walker {walker.number} lacks chunk {walker.position}")
            self._place(walker, chunk)
            walker.position, walker.weight = walker.position + 1, chunk.weight
        for walker in self.walkers:
            if walker.latest is not None:
                walker.state = record.state(walker.latest)
        for decision in decisions:
            self.decided(decision)
        for failure in failures:
            walker = self.walkers[failure.walker]
            self.quarantined += failure.kind == "quarantined"
            walker.failures += failure.kind == "error" and failure.position == walker.position
        self.paid_core_s = max((chunk.core_s for chunk in chunks), default=0.0)

    def submitted(self, walker: Walker) -> None:
        """Hear that the walker's next chunk is on its way."""
        walker.pending, walker.position = None, walker.position + 1

    def came_back(self, walker: Walker, chunk: ChunkRow, state: Doubles) -> None:
        """Count a chunk whose frames are the newest; the walker's state is that at the last of them."""
        self._place(walker, chunk)
        walker.failures, walker.state = 0, state

    def decided(self, decision: DecisionRow) -> None:
        """Take a decision, which holds until the chunk that it is about is submitted."""
        walker = self.walkers[decision.walker]
        if decision.frame is not None:
            self.restarts += 1
            if decision.frame != START:
                self.table.use(decision.frame)
        if decision.position == walker.position:
            walker.pending, walker.weight = decision, decision.weight

    def given_up(self, walker: Walker, position: int, attempt: int) -> None:
        """Put a walker back to a chunk that cannot be made from where it was to begin."""
        self.quarantined += 1
        walker.position, walker.failures = position, attempt

    def _place(self, walker: Walker, chunk: ChunkRow) -> None:
        walker.segment = chunk.segment
        walker.step = chunk.first_step + chunk.n_steps
        self.n_segments = max(self.n_segments, chunk.segment + 1)
        self.steps += chunk.n_steps
        steps = chunk.first_step + self._frame_interval * np.arange(1, chunk.n_frames + 1, dtype=np.int64)
        self.table.append(walker.number, chunk.segment, steps)
        walker.latest = int(self.table.latest[walker.number])
