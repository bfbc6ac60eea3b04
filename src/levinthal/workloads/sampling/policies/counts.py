"""Restarts from clusters: those seen least, and those that a reward of FAST or REAP puts first."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt
from scipy.spatial import cKDTree

from levinthal.errors import UsageError
from levinthal.proteins.contact_maps.maps import pack_contacts, unpack_pairs
from levinthal.proteins.similarity.fractions import radius_of_gyration
from levinthal.workloads.sampling.policies.clusters import Clusters, k_centers
from levinthal.workloads.sampling.policies.restarting import Bools, Novelty, Ranking, Restarting
from levinthal.workloads.sampling.policies.settings import RestartSettings, check_range
from levinthal.workloads.sampling.policies.view import View

__all__ = [
    "ClusterSettings",
    "FastPolicy",
    "FastSettings",
    "LeastCountsPolicy",
    "ReapPolicy",
    "ReapSettings",
    "adapt_weights",
    "scaled",
]

Doubles = npt.NDArray[np.float64]
Indices = npt.NDArray[np.int64]


@dataclass(frozen=True)
class ClusterSettings(RestartSettings):
    """Clusters.

    Attributes
    ----------
    clusters : int
        Most clusters.
    novel_share : float
        Frames in this share of the clusters, the first by reward, are new to the policy.
    """

    clusters: int = 200
    novel_share: float = 0.25

    def __post_init__(self) -> None:
        super().__post_init__()
        check_range(self, "clusters", 2, 10_000)
        check_range(self, "novel_share", 0.0, 1.0)


def scaled(values: Doubles) -> Doubles:
    """Return values mapped linearly so that the least is 0 and the largest 1; all 0 where they are alike."""
    low, high = float(values.min()), float(values.max())
    return np.asarray((values - low) / (high - low) if high > low else np.zeros(len(values)), np.float64)


def _novelty(view: View, clusters: Clusters, promising: Bools) -> Novelty:
    """Call new what lies in a promising cluster, or beyond all of them."""
    tree = cKDTree(np.asarray(view.embedding[clusters.centre], np.float64))
    # distances of clustering are single precision
    reach = clusters.radius * (1 + 1e-5)

    def novel(frames: Indices, view: View) -> Bools:
        distance, nearest = tree.query(np.asarray(view.embedding[frames], np.float64))
        return np.asarray(promising[nearest] | (distance > reach), np.bool_)

    return novel


def _first(order: Indices, share: float) -> Bools:
    """Return which clusters are among the first of an order."""
    chosen = np.zeros(len(order), np.bool_)
    chosen[order[: int(share * len(order))]] = True
    return chosen


class LeastCountsPolicy(Restarting):
    """Restarts from clusters with few frames: a cluster's chance is inverse to its count.

    Weber and Pande, J. Chem. Theory Comput. 7:3405, 2011, call it counts-based adaptive sampling.
    """

    name = "least-counts"

    def __init__(self, settings: ClusterSettings | None = None) -> None:
        self.settings = settings or ClusterSettings()
        super().__init__(self.settings)

    def rank(self, view: View, points: Doubles, rng: np.random.Generator) -> Ranking:
        """Draw clusters without replacement, and a frame of each."""
        clusters = k_centers(points, self.settings.clusters, rng)
        count = clusters.count.astype(np.float64)
        # The order of exponential variables with these means is a draw without replacement (Efraimidis and Spirakis).
        order = np.argsort(rng.exponential(size=len(count)) * count, kind="stable")
        return Ranking(
            frames=_members(clusters, view, rng)[order],
            scores=count[order],
            reason=f"of a cluster with {{score}} frames, one of {len(count)} clusters",
            nothing="there is no cluster",
            novel=_novelty(view, clusters, _first(np.argsort(count, kind="stable"), self.settings.novel_share)),
            neighbourhood=0.0,
        )


def _members(clusters: Clusters, view: View, rng: np.random.Generator) -> Indices:
    """Draw a frame of each cluster among those used least."""
    order = np.lexsort((rng.random(len(clusters.label)), view.restarts, clusters.label))
    first = np.searchsorted(clusters.label[order], np.arange(len(clusters.centre)))
    return np.asarray(order[first], np.int64)


@dataclass(frozen=True)
class FastSettings(ClusterSettings):
    """FAST.

    Attributes
    ----------
    alpha : float
        Weight of the undirected term.
    term : {"auto", "contacts", "compactness", "spread"}
        The directed term: contacts between residues, a small radius of gyration, or the distance from the mean of the
        embedding. By default contacts, and for systems without residues the last.
    """

    alpha: float = 1.0
    term: Literal["auto", "contacts", "compactness", "spread"] = "auto"

    def __post_init__(self) -> None:
        super().__post_init__()
        check_range(self, "alpha", 0.0)
        if self.term not in ("auto", "contacts", "compactness", "spread"):
            raise UsageError(f"policy setting term is {self.term!r}: choose auto, contacts, compactness or spread")


class FastPolicy(Restarting):
    """Restarts by directed + alpha undirected, both scaled to 0 .. 1 (Zimmerman and Bowman, JCTC 11:5747, 2015).

    The directed term is one that needs no reference structure, taken at the clusters' centres; the undirected one
    prefers clusters with few frames.
    """

    name = "fast"

    def __init__(self, settings: FastSettings | None = None) -> None:
        self.settings = settings or FastSettings()
        super().__init__(self.settings)

    def rank(self, view: View, points: Doubles, rng: np.random.Generator) -> Ranking:
        """Order clusters by reward."""
        clusters = k_centers(points, self.settings.clusters, rng)
        term, values = self._directed_term(view, points, clusters.centre)
        reward = scaled(values) + self.settings.alpha * scaled(-clusters.count.astype(np.float64))
        order = np.argsort(-reward, kind="stable")
        return Ranking(
            frames=_members(clusters, view, rng)[order],
            scores=reward[order],
            reason=f"of a cluster with the reward {{score}} ({term} and few frames)",
            nothing="there is no cluster",
            novel=_novelty(view, clusters, _first(order, self.settings.novel_share)),
            neighbourhood=0.0,
        )

    def _directed_term(self, view: View, points: Doubles, centres: Indices) -> tuple[str, Doubles]:
        molecular = view.frames.ndim == 3 and view.frames.shape[2] == 3
        term = self.settings.term
        if term == "auto":
            term = "contacts" if molecular else "spread"
        if term == "spread":
            return term, np.asarray(np.linalg.norm(points[centres] - points.mean(axis=0), axis=1), np.float64)
        if not molecular:
            raise UsageError(f"policy fast cannot count {term} in frames without residues: choose term=spread")
        frames = np.asarray(view.frames[centres])
        if term == "compactness":
            return term, -radius_of_gyration(frames)
        contacts = unpack_pairs(pack_contacts(frames, threads=1), frames.shape[1])
        return term, contacts.sum(axis=1).astype(np.float64)


@dataclass(frozen=True)
class ReapSettings(ClusterSettings):
    """REAP.

    Attributes
    ----------
    weight_step : float
        Most that the weight of a coordinate changes from one look at all frames to the next.
    least_counted : int
        Clusters with the fewest frames, among which the reward chooses.
    """

    weight_step: float = 0.05
    least_counted: int = 50

    def __post_init__(self) -> None:
        super().__post_init__()
        check_range(self, "weight_step", 0.0, 1.0)
        check_range(self, "least_counted", 1)


def adapt_weights(weights: Doubles, rewards: Doubles, step: float) -> Doubles:
    """Return the weights that maximise the summed reward and differ from the old ones by at most `step` each.

    A linear programme over weights that are not negative and sum to 1; its solution takes from the coordinates that
    are worth least and gives to those that are worth most, as far as the bounds allow.

    Parameters
    ----------
    weights : ndarray of float64, shape (d,)
        Old ones.
    rewards : ndarray of float64, shape (d,)
        What one unit of each weight is worth.
    step : float
        Largest change.
    """
    low, high = np.maximum(weights - step, 0.0), np.minimum(weights + step, 1.0)
    adapted, left = low.copy(), 1.0 - float(low.sum())
    for k in np.argsort(-rewards, kind="stable"):
        given = min(left, float(high[k] - low[k]))
        adapted[k] += given
        left -= given
    return adapted


class ReapPolicy(Restarting):
    """Restarts by sum w_k |theta_k - mu_k| / sigma_k (Shamsi, Cheng and Shukla, J. Phys. Chem. B 122:8386, 2018).

    The coordinates theta are those of the embedding. The weights follow the coordinates along which the clusters with
    few frames lie far out; where the embedding gets another number of coordinates they begin anew, all alike.
    """

    name = "reap"

    def __init__(self, settings: ReapSettings | None = None) -> None:
        self.settings = settings or ReapSettings()
        super().__init__(self.settings)
        self.weights: Doubles = np.empty(0)

    def rank(self, view: View, points: Doubles, rng: np.random.Generator) -> Ranking:
        """Adapt the weights, then order the clusters with few frames by reward."""
        settings = self.settings
        clusters = k_centers(points, settings.clusters, rng)
        deviation = points.std(axis=0)
        away = np.abs(points[clusters.centre] - points.mean(axis=0)) / np.where(deviation > 0, deviation, 1.0)
        few = np.lexsort((rng.random(len(clusters.count)), clusters.count))[: settings.least_counted]
        if len(self.weights) != points.shape[1]:
            self.weights = np.full(points.shape[1], 1.0 / points.shape[1])
        self.weights = adapt_weights(self.weights, away[few].sum(axis=0), settings.weight_step)
        reward = away @ self.weights
        order = few[np.argsort(-reward[few], kind="stable")]
        return Ranking(
            frames=_members(clusters, view, rng)[order],
            scores=reward[order],
            reason=f"{{score}} weighted deviations out, in one of the {len(few)} clusters seen least",
            nothing="there is no cluster",
            novel=_novelty(view, clusters, _first(np.argsort(-reward, kind="stable"), settings.novel_share)),
            neighbourhood=0.0,
        )
