"""The policy `softmin-counts`: restarts where few frames are, as sharply as its temperature says."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import ClassVar

import numpy as np
import numpy.typing as npt

from levinthal.sampling import Decision, View

Doubles = npt.NDArray[np.float64]
Integers = npt.NDArray[np.int64]


@dataclass
class SoftminCounts:
    """Restarts from a cluster drawn with a chance that falls exponentially with its count.

    The chance of a cluster with n frames is exp(-n / (temperature * mean n)), normalised: near a temperature of 0 the
    cluster seen least is always taken (least counts), at a high one all clusters alike.

    Attributes
    ----------
    temperature : float
        In units of the mean count.
    clusters : int
        Clusters of the embedding, by k-centers.
    patience : int
        Frames that a walker makes at least before it may be restarted.
    """

    temperature: float = 0.5
    clusters: int = 50
    patience: int = 20

    name: ClassVar[str] = "softmin-counts"
    _centres: Doubles = field(default_factory=lambda: np.empty((0, 0)), init=False, repr=False)
    _label: Integers = field(default_factory=lambda: np.empty(0, np.int64), init=False, repr=False)
    _count: Integers = field(default_factory=lambda: np.empty(0, np.int64), init=False, repr=False)
    _chance: Doubles = field(default_factory=lambda: np.empty(0), init=False, repr=False)

    def __post_init__(self) -> None:
        for key, least in (("temperature", 1e-6), ("clusters", 2), ("patience", 1)):
            if not getattr(self, key) >= least:
                raise ValueError(f"{key} is {getattr(self, key)}, it must be at least {least:g}")

    def refresh(self, view: View, rng: np.random.Generator) -> None:
        """Cluster all frames: before the first decision, and when there are many more, or another model."""
        points = np.asarray(view.embedding, np.float64)
        self._centres = points[k_centers(points, self.clusters, rng)]
        self._label = nearest(points, self._centres)
        self._count = np.bincount(self._label, minlength=len(self._centres))
        self._chance = softmin(self._count, self.temperature)

    def decide(self, walker: int, view: View, rng: np.random.Generator) -> Decision:
        """Go on while young or where few have been; else begin again in a cluster that was drawn."""
        latest = view.latest[walker]
        if latest < 0 or np.count_nonzero(view.trajectory == view.trajectory[latest]) < self.patience:
            return Decision(None, "its segment is short")
        own = int(nearest(np.asarray(view.embedding[latest : latest + 1], np.float64), self._centres)[0])
        if self._count[own] <= np.median(self._count):
            return Decision(None, "few frames are where it is")
        drawn = int(rng.choice(len(self._chance), p=self._chance))
        members = np.flatnonzero(self._label == drawn)
        fresh = members[view.restarts[members] == view.restarts[members].min()]
        frame, count = int(rng.choice(fresh)), int(self._count[drawn])
        return Decision(frame, f"of a cluster with {count} frames", score=float(self._chance[drawn]))


def softmin(count: Integers, temperature: float) -> Doubles:
    """Return chances that fall exponentially with counts, in units of their mean; they sum to 1."""
    scaled = -(count - count.min()) / (temperature * count.mean())
    chance = np.exp(scaled)
    return np.asarray(chance / chance.sum(), np.float64)


def k_centers(points: Doubles, most: int, rng: np.random.Generator) -> Integers:
    """Return which points are centres: each further one is furthest from all so far (Gonzalez 1985)."""
    centres = [int(rng.integers(len(points)))]
    distance = np.square(points - points[centres[0]]).sum(axis=1)
    while len(centres) < most and distance.max() > 0:
        centres.append(int(distance.argmax()))
        np.minimum(distance, np.square(points - points[centres[-1]]).sum(axis=1), out=distance)
    return np.array(centres, np.int64)


def nearest(points: Doubles, centres: Doubles) -> Integers:
    """Return the centre that each point is nearest to; of equals the first."""
    best, label = np.full(len(points), np.inf), np.zeros(len(points), np.int64)
    for number, centre in enumerate(centres):
        distance = np.square(points - centre).sum(axis=1)
        closer = distance < best
        best[closer], label[closer] = distance[closer], number
    return label
