"""Clusters that cover what has been seen evenly, however often it has been seen."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Doubles = npt.NDArray[np.float64]
Indices = npt.NDArray[np.int64]


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

    centre: Indices
    label: Indices
    count: Indices
    radius: float


def k_centers(points: npt.NDArray[np.floating], n_clusters: int, rng: np.random.Generator) -> Clusters:
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
