"""Restarts from outliers of the embedding: large local outlier factors."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from levinthal.arrays import Doubles, Integers, Mask
from levinthal.plugins import check_values
from levinthal.workloads.sampling.policies.density import (
    Reference,
    local_outlier_factors,
    outlier_factors_outside,
    reference,
)
from levinthal.workloads.sampling.policies.restarting import (
    Novelty,
    Ranking,
    Restarting,
    RestartSettings,
)
from levinthal.workloads.sampling.policies.view import View


@dataclass(frozen=True)
class LofSettings(RestartSettings):
    """Local outlier factors.

    Attributes
    ----------
    neighbours : int
        How many a frame is compared with.
    outliers : int
        Most frames that count as outliers.
    least_factor : float
        An outlier has at least this factor; amid others it is 1.
    reference_frames : int
        Neighbours are looked for among so many frames.
    """

    neighbours: int = 20
    outliers: int = 50
    least_factor: float = 1.5
    reference_frames: int = 5000

    def __post_init__(self) -> None:
        super().__post_init__()
        check_values(self, neighbours=(2, 1000), outliers=1, least_factor=1.0, reference_frames=(100, 50_000))


class LofPolicy(Restarting[LofSettings]):
    """Restarts from the frames of the largest local outlier factors (Breunig et al., SIGMOD 2000)."""

    name = "lof"
    Settings = LofSettings

    def rank(self, view: View, points: Doubles, rng: np.random.Generator) -> Ranking:
        """Find the largest factors."""
        settings = self.settings
        found = reference(points, settings.reference_frames, settings.neighbours, rng)
        factors = local_outlier_factors(points, found)
        order = np.argsort(-factors, kind="stable")[: settings.outliers]
        outliers = order[factors[order] > settings.least_factor]
        return Ranking(
            frames=outliers,
            scores=factors[outliers],
            reason=f"one of {len(outliers)} outliers, with the local outlier factor {{score}}",
            nothing=f"no frame has a local outlier factor above {settings.least_factor:g}",
            novel=_lonely(factors, found, settings.least_factor),
            neighbourhood=float(np.median(found.distance[:, -1])),
        )


def _lonely(factors: Doubles, found: Reference, least_factor: float) -> Novelty:
    """Call new what has a large factor; of frames that came later it is found when it is asked for."""

    def novel(frames: Integers, view: View) -> Mask:
        later = frames >= len(factors)
        answer = np.empty(len(frames))
        answer[~later] = factors[frames[~later]]
        if later.any():
            answer[later] = outlier_factors_outside(np.asarray(view.embedding[frames[later]], np.float64), found)
        return np.asarray(answer > least_factor, np.bool_)

    return novel


POLICY = LofPolicy
