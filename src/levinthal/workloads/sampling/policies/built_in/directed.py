"""Restarts from what is most alike a target: the directed track, which knows the answer and says so."""

from __future__ import annotations

from dataclasses import dataclass, field
from itertools import pairwise

import numpy as np
import numpy.typing as npt

from levinthal.arrays import Doubles, Integers, Mask, Singles
from levinthal.errors import UsageError
from levinthal.plugins import check_values
from levinthal.proteins.similarity.fractions import rmsd
from levinthal.workloads.sampling.policies.restarting import (
    Ranking,
    Restarting,
    RestartSettings,
)
from levinthal.workloads.sampling.policies.view import View

_FRAMES_AT_ONCE = 20_000
_SAMPLE = 1000


@dataclass(frozen=True, eq=False)
class DirectedSettings(RestartSettings):
    """The target.

    Attributes
    ----------
    target : ndarray, of the shape of a frame
        Coordinates in nm, or a place in the plane or the chain's embedding.
    candidates : int
        So many frames, the nearest ones, are what to restart from; and what keeps a segment going.
    """

    target: npt.ArrayLike = field(default=())
    candidates: int = 100

    def __post_init__(self) -> None:
        super().__post_init__()
        check_values(self, candidates=1)
        if np.size(self.target) == 0 or not np.isfinite(np.asarray(self.target, np.float64)).all():
            raise UsageError("policy directed needs a target: give finite coordinates of the shape of a frame")


class DirectedPolicy(Restarting[DirectedSettings]):
    """Restarts from the frames nearest to a target: by RMSD for residues, else by Euclidean distance."""

    name = "directed"
    wants_target = True
    Settings = DirectedSettings

    def __init__(self, settings: DirectedSettings) -> None:
        super().__init__(settings)
        self._target = np.asarray(settings.target, np.float64)
        self._distance: Doubles = np.empty(0)

    def rank(self, view: View, points: Doubles, rng: np.random.Generator) -> Ranking:
        """Order frames by distance from the target; only those that came since the last time are measured."""
        n_frames = len(points)
        if len(self._distance) > n_frames:
            self._distance = np.empty(0)
        bounds = [*range(len(self._distance), n_frames, _FRAMES_AT_ONCE), n_frames]
        more = [self._measure(view.frames[first:end]) for first, end in pairwise(bounds)]
        distance = self._distance = np.concatenate([self._distance, *more])
        order = np.argsort(distance, kind="stable")[: self.settings.candidates]
        furthest = float(distance[order[-1]])

        def novel(frames: Integers, view: View) -> Mask:
            return np.asarray(self._measure(view.frames[frames]) <= furthest, np.bool_)

        some = points[rng.choice(n_frames, min(n_frames, _SAMPLE), replace=False)]
        spread = float(np.sqrt(some.var(axis=0).sum()))
        return Ranking(
            frames=order,
            scores=distance[order],
            reason="at {score} from the target",
            nothing="there is no frame",
            novel=novel,
            neighbourhood=0.01 * spread,
        )

    def _measure(self, frames: Singles) -> Doubles:
        if frames.shape[1:] != self._target.shape:
            raise UsageError(
                f"the target of policy directed has the shape {self._target.shape}: frames have {frames.shape[1:]}"
            )
        if frames.ndim == 3 and frames.shape[2] == 3:
            return rmsd(np.asarray(frames), self._target)
        away = (np.asarray(frames, np.float64) - self._target).reshape(len(frames), -1)
        return np.asarray(np.linalg.norm(away, axis=1), np.float64)


POLICY = DirectedPolicy
