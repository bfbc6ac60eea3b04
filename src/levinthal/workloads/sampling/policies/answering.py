"""What policies share that are given the answer: controls and ceilings, which no real campaign could have."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from levinthal.arrays import Doubles, Integers
from levinthal.errors import UsageError
from levinthal.plugins import check_values
from levinthal.workloads.sampling.policies.restarting import age_of
from levinthal.workloads.sampling.policies.view import Answer, Decision, View


@dataclass(frozen=True, eq=False)
class AnsweredSettings:
    """The answer, and when a walker restarts.

    Attributes
    ----------
    answer : Answer or None
        What the study knows; it is given, not typed.
    min_age_frames : int
        A walker restarts when its segment has so many frames.
    """

    answer: Answer | None = field(default=None)
    min_age_frames: int = 5

    def __post_init__(self) -> None:
        check_values(self, min_age_frames=1)


class Answered:
    """A policy that restarts walkers of some age from the frame it likes most, knowing the true cells of all frames.

    A subclass has `name` and a method `scores`.

    Parameters
    ----------
    settings : AnsweredSettings
        With the answer.
    """

    name = "answered"
    needs_model, wants_target, is_control, wants_answer = False, False, True, True
    Settings = AnsweredSettings

    def __init__(self, settings: AnsweredSettings) -> None:
        self.settings = settings
        self.cell = np.empty(0, np.int64)
        self.values = np.empty((0, 2))

    def scores(self, answer: Answer, counts: Integers) -> Doubles:
        """Return how much each frame is worth as a restart, shape (n_frames,); the largest is taken.

        Parameters
        ----------
        answer : Answer
            With what is known.
        counts : ndarray of int64, shape (n_cells,)
            How often each cell was seen.
        """
        raise NotImplementedError

    def refresh(self, view: View, rng: np.random.Generator) -> None:
        """Need no look at all frames: every decision takes one."""

    def decide(self, walker: int, view: View, rng: np.random.Generator) -> Decision:
        """Restart a walker that is old enough from the best frame; of equal ones from any."""
        age = age_of(walker, view)
        if age < self.settings.min_age_frames:
            return Decision(None, f"goes on: its segment has {age} of {self.settings.min_age_frames} frames")
        answer = self._look(view)
        scores = self.scores(answer, np.bincount(self.cell, minlength=answer.n_cells).astype(np.int64))
        best = np.flatnonzero(scores == scores.max())
        frame = int(rng.choice(best))
        return Decision(frame, f"restarts from frame {frame}, knowing the answer", float(scores[frame]))

    def _look(self, view: View) -> Answer:
        """Observe the frames that came since the last time."""
        answer = self.settings.answer
        if answer is None or view.states is None:
            raise UsageError(f"policy {self.name} is given the answer by a study: it cannot be used without one")
        n_seen, n_frames = len(self.cell), len(view.frames)
        if n_seen > n_frames:
            n_seen, self.cell, self.values = 0, self.cell[:0], self.values[:0]
        if n_seen < n_frames:
            cell, values = answer.observe(np.asarray(view.frames[n_seen:]), np.asarray(view.states[n_seen:]))
            self.cell = np.concatenate([self.cell, cell])
            self.values = np.concatenate([self.values, values])
        return answer
