"""What the coordinator knows of each frame, kept in memory in arrays that grow."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from levinthal.workloads.sampling.policies.view import View

Integers = npt.NDArray[np.int64]
Embedding = npt.NDArray[np.float32]


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

    def view(self, frames: npt.NDArray[np.float32]) -> View:
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
