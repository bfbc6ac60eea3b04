"""Training beside the simulations: begun when the data have grown, looked in upon, never waited for."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from concurrent.futures import BrokenExecutor, Executor, Future
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from levinthal.errors import SimulationError, UsageError
from levinthal.workloads.sampling.learners.learner import Learner, Model, fit_learner
from levinthal.workloads.sampling.loop.plan import CampaignPlan
from levinthal.workloads.sampling.loop.task import model_seed
from levinthal.workloads.sampling.record.reader import mapped
from levinthal.workloads.sampling.record.rows import ModelRow

Embedding = npt.NDArray[np.float32]

# What a coordinator embeds itself when a model arrives: more than this has come meanwhile, and the learner's executor
# does it first.
_CATCH_UP_FRAMES = 2000
_BREAKS_IN_A_ROW = 5


@dataclass(frozen=True)
class FrameFile:
    """Where frames lie; processes on a shared file system pass this and not the frames."""

    path: Path
    frame_shape: tuple[int, ...]

    def read(self, first: int, end: int) -> npt.NDArray[np.float32]:
        """Map the frames `first` to `end - 1`."""
        return np.asarray(mapped(self.path, "<f4", end, self.frame_shape)[first:], np.float32)


@dataclass(frozen=True, eq=False)
class Trained:
    """A model and what it makes of the frames there were.

    Attributes
    ----------
    model : Model
        Ready to embed.
    embedding : ndarray of float32, shape (n_embedded, d)
        Of the first frames of the record, at least those it was trained on.
    row : ModelRow
        What the record will say of it, not yet adopted.
    """

    model: Model
    embedding: Embedding
    row: ModelRow


def train(
    learner: Learner,
    frames: FrameFile,
    trajectory: npt.NDArray[np.int64],
    previous: Model | None,
    version: int,
    seed: int,
) -> Trained:
    """Fit a model to the first frames, those of which the trajectory is given, and embed them, in whatever process.

    Raises
    ------
    UsageError
        The learner's embedding has another shape than (frames, d).
    """
    began, processor = time.time(), time.process_time()
    n_frames = len(trajectory)
    data = frames.read(0, n_frames)
    model = fit_learner(learner, data, previous, seed, trajectory)
    trained = time.time()
    embedding = np.asarray(model.embed(data), np.float32)
    if embedding.ndim != 2 or len(embedding) != n_frames:
        raise UsageError(
            f"learner {learner.name} gave {n_frames} frames the shape {embedding.shape}: it must be (frames, d)"
        )
    row = ModelRow(
        version=version,
        n_frames=n_frames,
        seed=seed,
        warm=previous is not None,
        submitted=began,
        began=began,
        trained=trained,
        adopted=math.nan,
        cpu_s=time.process_time() - processor,
    )
    return Trained(model, embedding, row)


def embed_frames(model: Model, frames: FrameFile, first: int, end: int) -> tuple[Embedding, float]:
    """Return the embedding of frames `first` to `end - 1` and the processor time it took."""
    processor = time.process_time()
    embedding = np.asarray(model.embed(frames.read(first, end)), np.float32)
    return embedding, time.process_time() - processor


class Retraining:
    """One training at a time, on an executor of its own.

    Parameters
    ----------
    learner : Learner
        Makes models.
    frames : FrameFile
        The record's frames.
    make_executor : callable
        Gives the executor, and another one should it break.
    plan : CampaignPlan
        When to train, and the seed.
    version : int
        Of the last model on record.
    """

    def __init__(
        self,
        learner: Learner,
        frames: FrameFile,
        make_executor: Callable[[], Executor],
        plan: CampaignPlan,
        version: int,
    ) -> None:
        self._learner, self._frames, self._make_executor = learner, frames, make_executor
        self._plan, self._version = plan, version
        self._next_frames = plan.first_training_frames
        self._model: Model | None = None
        self._executor = make_executor()
        self._breaks = 0
        self._submitted = 0.0
        self._fit: Future[Trained] | None = None
        self._trained: Trained | None = None
        self._catching_up: Future[tuple[Embedding, float]] | None = None

    @property
    def future(self) -> Future[Any] | None:
        """What is being done now, to be waited for beside the simulations."""
        return self._catching_up or self._fit

    def poll(self, trajectory: npt.NDArray[np.int64]) -> Trained | None:
        """Begin a training that is due, and return a model that has become ready since the last call.

        Parameters
        ----------
        trajectory : ndarray of int64, shape (n_frames,)
            The unbroken trajectory of each frame on record.

        Raises
        ------
        SimulationError
            The learner's processes die again and again.
        """
        try:
            return self._step(trajectory)
        except BrokenExecutor:
            self._breaks += 1
            if self._breaks > _BREAKS_IN_A_ROW:
                raise SimulationError(
                    f"training died {self._breaks} times in a row, perhaps for want of memory: take a smaller model"
                ) from None
            self._executor.shutdown(wait=False, cancel_futures=True)
            self._executor = self._make_executor()
            self._fit = self._trained = self._catching_up = None
            return None

    def _step(self, trajectory: npt.NDArray[np.int64]) -> Trained | None:
        n_frames = len(trajectory)
        if self._trained is None:
            if self._fit is None:
                if n_frames < self._next_frames:
                    return None
                self._begin(trajectory)
            if self._fit is None or not self._fit.done():
                return None
            self._trained = self._fit.result()
        if self._catching_up is not None:
            if not self._catching_up.done():
                return None
            more, cpu_s = self._catching_up.result()
            self._catching_up = None
            embedding, row = np.concatenate([self._trained.embedding, more]), self._trained.row
            self._trained = replace(self._trained, embedding=embedding, row=replace(row, cpu_s=row.cpu_s + cpu_s))
        behind = len(self._trained.embedding)
        if n_frames - behind > _CATCH_UP_FRAMES:
            self._catching_up = self._executor.submit(embed_frames, self._trained.model, self._frames, behind, n_frames)
            return None if not self._catching_up.done() else self._step(trajectory)
        finished = replace(self._trained, row=replace(self._trained.row, submitted=self._submitted))
        self._fit = self._trained = None
        self._model, self._version, self._breaks = finished.model, finished.row.version, 0
        n_frames = finished.row.n_frames
        self._next_frames = max(int(np.ceil(n_frames * self._plan.training_growth)), n_frames + 1)
        return finished

    def _begin(self, trajectory: npt.NDArray[np.int64]) -> None:
        version = self._version + 1
        self._submitted = time.time()
        seed = model_seed(self._plan.seed, version)
        self._fit = self._executor.submit(train, self._learner, self._frames, trajectory, self._model, version, seed)

    def close(self) -> None:
        """Give the executor back; a training under way is abandoned."""
        self._executor.shutdown(wait=False, cancel_futures=True)
