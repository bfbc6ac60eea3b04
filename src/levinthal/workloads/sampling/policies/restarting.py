"""When a walker is stopped and where it restarts: what all policies share that restart by a ranking of frames."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Generic, Protocol, TypeVar

import numpy as np

from levinthal.arrays import Doubles, Integers, Mask
from levinthal.errors import DataError, UsageError
from levinthal.plugins import check_values
from levinthal.workloads.sampling.policies.view import Decision, View


@dataclass(frozen=True)
class RestartSettings:
    """When a walker is stopped, and which restarts are refused.

    Attributes
    ----------
    min_age_frames : int
        A segment goes on at least for so many frames.
    recent_frames : int
        A segment goes on while one of its last so many frames is new to the policy.
    per_trajectory : int
        Most restarts from one segment between two looks at all frames.
    max_uses : int
        Most restarts from one frame, ever.
    """

    min_age_frames: int = 20
    recent_frames: int = 10
    per_trajectory: int = 2
    max_uses: int = 1

    def __post_init__(self) -> None:
        check_values(self, **dict.fromkeys(("min_age_frames", "recent_frames", "per_trajectory", "max_uses"), 1))


S = TypeVar("S", bound=RestartSettings)


def age_of(walker: int, view: View) -> int:
    """Return how many frames a walker's segment has, 0 before the first."""
    latest = int(view.latest[walker])
    return int(np.count_nonzero(view.trajectory == view.trajectory[latest])) if latest >= 0 else 0


class Novelty(Protocol):
    """Says which frames are new to a policy, those too that came after its last look at all frames."""

    def __call__(self, frames: Integers, view: View, /) -> Mask:
        """Return for each frame whether its segment deserves to go on."""
        ...


@dataclass(frozen=True, eq=False)
class Ranking:
    """What a policy made of all frames.

    Attributes
    ----------
    frames : ndarray of int64, shape (n_candidates,)
        Where to restart, the best first.
    scores : ndarray of float64, shape (n_candidates,)
        The policy's own measure of each.
    reason : str
        Why these, with ``{score}`` where a frame's score belongs.
    nothing : str
        Why there is nowhere to restart, where there is not.
    novel : Novelty
        What keeps a segment going.
    neighbourhood : float
        Two candidates no further apart than this in the embedding are alike.
    """

    frames: Integers
    scores: Doubles
    reason: str
    nothing: str
    novel: Novelty
    neighbourhood: float


class Restarting(Generic[S]):
    """A policy that ranks frames when it looks at all of them, and then restarts walkers that find nothing new.

    Culling is DeepDriveMD's, but inside a run: a walker is stopped where its segment has its least age and none of its
    recent frames is new. A frame is used only so often; between two looks at all frames no two restarts are alike, and
    only so many are from one segment. Where that leaves nothing, the walker goes on.

    A subclass has `name`, `Settings` and a method `rank`.

    Parameters
    ----------
    settings : RestartSettings
        When to stop, and which restarts are refused.
    """

    name = "restarting"
    needs_model, wants_target, is_control = True, False, False

    def __init__(self, settings: S) -> None:
        self.settings = settings
        self._ranking: Ranking | None = None
        self._trajectories: dict[int, int] = {}
        self._places: list[Doubles] = []
        self._next = 0

    def rank(self, view: View, points: Doubles, rng: np.random.Generator) -> Ranking:
        """Rank the frames.

        Parameters
        ----------
        view : View
            At least two frames.
        points : ndarray of float64, shape (n_frames, d)
            The embedding; finite, d at least 1.
        rng : numpy.random.Generator
            For all that is drawn.
        """
        raise NotImplementedError

    def refresh(self, view: View, rng: np.random.Generator) -> None:
        """Look at all frames and begin a new round.

        Raises
        ------
        UsageError
            The frames are not embedded.
        DataError
            An embedding that is not finite.
        """
        if view.embedding.ndim != 2 or view.embedding.shape[1] == 0:
            raise UsageError(f"policy {self.name} measures distances between embedded frames: choose a learner")
        self._trajectories, self._places, self._next = {}, [], 0
        if len(view.embedding) < 2:
            self._ranking = None
            return
        points = np.asarray(view.embedding, np.float64)
        if not np.isfinite(points).all():
            broken = int(np.flatnonzero(~np.isfinite(points).all(axis=1))[0])
            raise DataError(f"model {view.model_version} places frame {broken} nowhere (NaN): lower its learning_rate")
        self._ranking = self.rank(view, points, rng)

    def decide(self, walker: int, view: View, rng: np.random.Generator) -> Decision:
        """Say what a walker does next."""
        latest = int(view.latest[walker])
        if latest < 0 or self._ranking is None:
            return Decision(None, "goes on: there is too little to look at yet")
        settings, ranking = self.settings, self._ranking
        segment = np.flatnonzero(view.trajectory == view.trajectory[latest])
        if len(segment) < settings.min_age_frames:
            return Decision(
                None, f"goes on: its segment has {len(segment)} of at least {settings.min_age_frames} frames"
            )
        recent = segment[-settings.recent_frames :]
        n_novel = int(np.count_nonzero(ranking.novel(recent, view)))
        if n_novel:
            return Decision(None, f"goes on: {n_novel} of its last {len(recent)} frames are new")
        frame, score = self._best(view, ranking)
        if frame is None:
            left = "what is left is used, alike or of one segment" if len(ranking.frames) else ranking.nothing
            return Decision(None, f"goes on: {left}")
        self._trajectories[int(view.trajectory[frame])] = self._trajectories.get(int(view.trajectory[frame]), 0) + 1
        self._places.append(np.asarray(view.embedding[frame], np.float64))
        reason = ranking.reason.replace("{score}", f"{score:.3g}")
        return Decision(
            frame, f"none of its last {len(recent)} frames is new; restarts from frame {frame}, {reason}", score
        )

    def _best(self, view: View, ranking: Ranking) -> tuple[int, float] | tuple[None, None]:
        """Return the first candidate that nothing speaks against; what is refused once is refused for the round."""
        while self._next < len(ranking.frames):
            frame, score = int(ranking.frames[self._next]), float(ranking.scores[self._next])
            self._next += 1
            if view.restarts[frame] >= self.settings.max_uses:
                continue
            if self._trajectories.get(int(view.trajectory[frame]), 0) >= self.settings.per_trajectory:
                continue
            place = np.asarray(view.embedding[frame], np.float64)
            if any(np.linalg.norm(place - other) <= ranking.neighbourhood for other in self._places):
                continue
            return frame, score
        return None, None
