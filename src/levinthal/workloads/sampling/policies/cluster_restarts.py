"""What policies share that restart from clusters: settings, a frame of each cluster, and what is new."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.spatial import cKDTree

from levinthal.plugins import check_values
from levinthal.workloads.sampling.policies.clusters import Clusters
from levinthal.workloads.sampling.policies.restarting import Bools, Indices, Novelty
from levinthal.workloads.sampling.policies.settings import RestartSettings
from levinthal.workloads.sampling.policies.view import View


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
        check_values(self, clusters=(2, 10_000), novel_share=(0.0, 1.0))


def novelty(view: View, clusters: Clusters, promising: Bools) -> Novelty:
    """Call new what lies in a promising cluster, or beyond all of them."""
    tree = cKDTree(np.asarray(view.embedding[clusters.centre], np.float64))
    # distances of clustering are single precision
    reach = clusters.radius * (1 + 1e-5)

    def novel(frames: Indices, view: View) -> Bools:
        distance, nearest = tree.query(np.asarray(view.embedding[frames], np.float64))
        return np.asarray(promising[nearest] | (distance > reach), np.bool_)

    return novel


def first_share(order: Indices, share: float) -> Bools:
    """Return which clusters are among the first of an order."""
    chosen = np.zeros(len(order), np.bool_)
    chosen[order[: int(share * len(order))]] = True
    return chosen


def members(clusters: Clusters, view: View, rng: np.random.Generator) -> Indices:
    """Draw a frame of each cluster among those used least."""
    order = np.lexsort((rng.random(len(clusters.label)), view.restarts, clusters.label))
    first = np.searchsorted(clusters.label[order], np.arange(len(clusters.centre)))
    return np.asarray(order[first], np.int64)
