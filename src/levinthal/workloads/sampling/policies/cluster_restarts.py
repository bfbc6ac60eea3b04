"""What policies share that restart from clusters: settings, a frame of each cluster, and what is new."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.spatial import cKDTree

from levinthal.arrays import Floats, Integers, Mask
from levinthal.plugins import check_values
from levinthal.workloads.sampling.policies.restarting import Novelty, RestartSettings
from levinthal.workloads.sampling.policies.view import View


@dataclass(frozen=True, eq=False)
class Clusters:
    """Which cluster each point belongs to.

    Attributes
    ----------
    centre : ndarray of int64, shape (n_clusters,)
        The points that are centres.
    label : ndarray of int64, shape (n_points,)
        The cluster of each point: that of the nearest centre.
    count : ndarray of int64, shape (n_clusters,)
        Points of each.
    radius : float
        No point is further from its centre.
    """

    centre: Integers
    label: Integers
    count: Integers
    radius: float


def k_centers(points: Floats, n_clusters: int, rng: np.random.Generator) -> Clusters:
    """Take as each further centre the point that is furthest from all so far.

    Gonzalez, Theor. Comput. Sci. 38:293, 1985: the radius is at most twice the best possible one. It is the k-centers
    clustering of adaptive sampling (Zimmerman and Bowman 2015), and regular in space: no two centres are closer than
    the radius.

    Parameters
    ----------
    points : ndarray, shape (n_points, d)
        At least one.
    n_clusters : int
        Most clusters; fewer where there are fewer different points.
    rng : numpy.random.Generator
        Draws the first centre.
    """
    columns = np.ascontiguousarray(np.asarray(points, np.float32).T)
    n_points = columns.shape[1]
    label = np.zeros(n_points, np.int64)
    nearest = np.full(n_points, np.inf, np.float32)
    centres: list[int] = []
    furthest = int(rng.integers(n_points))
    while len(centres) < n_clusters and nearest[furthest] > 0:
        squared = np.zeros(n_points, np.float32)
        for column in columns:
            squared += np.square(column - column[furthest])
        closer = squared < nearest
        label[closer] = len(centres)
        np.minimum(nearest, squared, out=nearest)
        centres.append(furthest)
        furthest = int(nearest.argmax())
    count = np.bincount(label, minlength=len(centres)).astype(np.int64)
    return Clusters(np.array(centres, np.int64), label, count, float(np.sqrt(nearest[furthest])))


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


def novelty(view: View, clusters: Clusters, promising: Mask) -> Novelty:
    """Call new what lies in a promising cluster, or beyond all of them."""
    tree = cKDTree(np.asarray(view.embedding[clusters.centre], np.float64))
    # distances of clustering are single precision
    reach = clusters.radius * (1 + 1e-5)

    def novel(frames: Integers, view: View) -> Mask:
        distance, nearest = tree.query(np.asarray(view.embedding[frames], np.float64))
        return np.asarray(promising[nearest] | (distance > reach), np.bool_)

    return novel


def first_share(order: Integers, share: float) -> Mask:
    """Return which clusters are among the first of an order."""
    chosen = np.zeros(len(order), np.bool_)
    chosen[order[: int(share * len(order))]] = True
    return chosen


def members(clusters: Clusters, view: View, rng: np.random.Generator) -> Integers:
    """Draw a frame of each cluster among those used least."""
    order = np.lexsort((rng.random(len(clusters.label)), view.restarts, clusters.label))
    first = np.searchsorted(clusters.label[order], np.arange(len(clusters.centre)))
    return np.asarray(order[first], np.int64)
