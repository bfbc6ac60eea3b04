"""What a policy may look at, and what it may answer."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Protocol

import numpy as np
import numpy.typing as npt

from levinthal.arrays import Doubles, Integers

START = -1
"""In place of a frame: begin again where the walker began, with other velocities."""


@dataclass(frozen=True, eq=False)
class Answer:
    """What a study knows and no real campaign would: for controls and ceilings that declare `wants_answer`.

    Attributes
    ----------
    n_cells : int
        Cells of the observables.
    observe : callable
        Takes frames and their full states; returns the cell of each and its coordinates, shapes (n,) and (n, 2).
    populations : ndarray of float64, shape (n_cells,), or None
        Of the reference.
    event_cells : ndarray of int64
        Cells that meet the event; empty where that is not a matter of cells.
    passage : callable or None
        Takes cells; returns the mean steps from every cell until one of them is seen, of exact chains.
    rmsd_axis : int or None
        Which coordinate is the RMSD to the native structure.
    """

    n_cells: int
    observe: Callable[[npt.NDArray[np.float32], Doubles], tuple[Integers, Doubles]]
    populations: Doubles | None = None
    event_cells: Integers = field(default_factory=lambda: np.empty(0, np.int64))
    passage: Callable[[Integers], Doubles] | None = None
    rmsd_axis: int | None = None


@dataclass(frozen=True, eq=False)
class View:
    """All a policy may look at: there is no reference structure in it.

    Attributes
    ----------
    embedding : ndarray of float32, shape (n_frames, d)
        All frames, embedded by the current model.
    trajectory : ndarray of int64, shape (n_frames,)
        The unbroken segment each frame belongs to.
    step : ndarray of int64, shape (n_frames,)
        The segment's step at each frame.
    restarts : ndarray of int64, shape (n_frames,)
        How often each frame has been used as a restart.
    latest : ndarray of int64, shape (n_walkers,)
        The newest frame of each walker, -1 where it has none yet.
    frames : ndarray of float32, shape (n_frames, ...)
        Memory-mapped.
    model_version : int
        Of the model that embedded; 0 without one.
    states : ndarray of float64, shape (n_frames, state_width), or None
        Full states, memory-mapped, for a policy that is given the answer or the event.
    weights : ndarray of float64, shape (n_walkers,), or None
        What each walker stands for, for a policy that resamples; they sum to 1.
    chunk_frames : int
        Frames of a chunk: the newest of a walker are `latest - chunk_frames + 1` to `latest`; 0 where it is not told.

    Examples
    --------
    >>> import numpy as np
    >>> from levinthal.sampling import View
    >>> embedding, frames = np.zeros((200, 2)), np.zeros((200, 10, 3), np.float32)
    >>> view = View.of_trajectories(embedding, np.repeat([0, 1], 100), np.tile(np.arange(100), 2), frames)
    >>> view.latest.tolist()  # the newest frame of each walker
    [99, 199]
    """

    embedding: npt.NDArray[np.float32]
    trajectory: npt.NDArray[np.int64]
    step: npt.NDArray[np.int64]
    restarts: npt.NDArray[np.int64]
    latest: npt.NDArray[np.int64]
    frames: npt.NDArray[np.float32]
    model_version: int
    states: npt.NDArray[np.float64] | None = None
    weights: Doubles | None = None
    chunk_frames: int = 0

    @classmethod
    def of_trajectories(
        cls,
        embedding: npt.NDArray[np.floating],
        trajectory: npt.NDArray[np.integer],
        step: npt.NDArray[np.integer],
        frames: npt.NDArray[np.float32],
    ) -> View:
        """Return the view of trajectories that were made elsewhere: each is a walker, no frame has been used yet.

        Parameters
        ----------
        embedding, trajectory, step, frames
            As in the view; trajectories are numbered from 0.
        """
        numbers = np.asarray(trajectory, np.int64)
        latest = np.full(int(numbers.max(initial=-1)) + 1, -1, np.int64)
        np.maximum.at(latest, numbers, np.arange(len(numbers)))
        return cls(
            embedding=np.asarray(embedding, np.float32),
            trajectory=numbers,
            step=np.asarray(step, np.int64),
            restarts=np.zeros(len(numbers), np.int64),
            latest=latest,
            frames=frames,
            model_version=1,
        )


@dataclass(frozen=True)
class Decision:
    """Go on (`frame` is None) or restart from a frame, or from `START`; why, and the policy's own score.

    A policy that resamples gives the walker a weight, too.

    Examples
    --------
    >>> from levinthal.sampling import Decision
    >>> Decision(frame=17, reason="furthest out").frame
    17
    """

    frame: int | None
    reason: str
    score: float | None = None
    weight: float | None = None


class Policy(Protocol):
    """Decides what a walker does next.

    Attributes
    ----------
    name : str
        For the record.
    needs_model : bool
        Whether it measures distances in an embedding; without it no model is trained. True where it does not say.
    wants_target : bool
        Whether it is directed: as its setting `target` it is given a frame that the event looks like, and it is
        reported apart. False where it does not say.
    is_control : bool
        Whether it is what other policies have to beat: each is compared with it. False where it does not say.
    wants_answer : bool
        Whether it is given what the study knows, as its setting `answer` (an `Answer`). False where it does not say.
    is_ceiling : bool
        Whether it shows what is possible for one who knows: then it has a function `strategies` that says which values
        of its setting `strategy` an answer allows, and all are run. False where it does not say.
    resamples : bool
        Whether all walkers are decided upon together, each time that all have made as many chunks, and carry weights:
        then it has, instead of `decide`, a function `resample(view, rng)` that returns a decision for each walker, with
        weights of the same sum. False where it does not say.
    wants_event : bool
        Whether it is given, as its setting `event`, a function of frames and full states that says which meet the event
        declared beforehand, and nothing else of them. False where it does not say.
    recycles : bool
        Whether it sends walkers that met the event back to their start, so that its frames are those of a steady flux
        and not of equilibrium. False where it does not say.

    Examples
    --------
    >>> from levinthal.sampling import Decision, Policy
    >>> class Patient:
    ...     name, needs_model = "patient", False
    ...     def refresh(self, view, rng):
    ...         pass
    ...     def decide(self, walker, view, rng):
    ...         return Decision(None, "no restart wanted")
    >>> policy: Policy = Patient()
    >>> policy.decide(0, None, None).frame is None
    True
    """

    name: str

    def refresh(self, view: View, rng: np.random.Generator) -> None:
        """Look at all frames; called when there are many more, or another model."""
        ...

    def decide(self, walker: int, view: View, rng: np.random.Generator) -> Decision:
        """Say what a walker does next."""
        ...
