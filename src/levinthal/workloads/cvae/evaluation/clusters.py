"""Clusters of a latent space as a person wants them: the largest first, each with its medoid and what it is like."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from levinthal.arrays import Doubles, Floats, Integers

__all__ = ["Cluster", "by_population", "describe_clusters", "medoid"]

_MOST_CANDIDATES, _MOST_COMPARED = 20_000, 2_000


@dataclass(frozen=True)
class Cluster:
    """One cluster.

    Attributes
    ----------
    number : int
        From 1 on, the most populated first.
    n_frames : int
    population : float
        Share of all frames.
    medoid : int
        The frame nearest to all others of the cluster.
    properties : mapping of str to tuple of float
        Mean and standard deviation of each property.
    """

    number: int
    n_frames: int
    population: float
    medoid: int
    properties: Mapping[str, tuple[float, float]]


def by_population(labels: npt.NDArray[np.integer]) -> npt.NDArray[np.int32]:
    """Return labels from 1 on in order of population, the largest first; of equals the one that comes first in time."""
    found, first, inverse, counts = np.unique(labels, return_index=True, return_inverse=True, return_counts=True)
    number = np.empty(len(found), np.int32)
    number[np.lexsort((first, -counts))] = np.arange(1, len(found) + 1)
    return number[inverse]


def medoid(points: Floats, seed: int) -> int:
    """Return the point with the least mean distance to the others; of many, 20,000 are held against 2,000 drawn."""
    drawn = np.random.default_rng(seed).permutation(len(points))
    candidates = np.sort(drawn[:_MOST_CANDIDATES])
    own = np.asarray(points, np.float64)[candidates]
    distance = np.zeros(len(own))
    for other in points[drawn[:_MOST_COMPARED]]:
        distance += np.linalg.norm(own - other, axis=1)
    return int(candidates[distance.argmin()])


def describe_clusters(
    points: Floats, numbers: npt.NDArray[np.integer], properties: Mapping[str, Doubles], seed: int
) -> tuple[Cluster, ...]:
    """Describe the clusters of all frames.

    Parameters
    ----------
    points : ndarray, shape (n_frames, n_latent)
        Embeddings, on the scale that they were clustered on.
    numbers : ndarray of int, shape (n_frames,)
        From `by_population`.
    properties : mapping of str to ndarray, shape (n_frames,)
    seed : int
        Chooses what a medoid is compared with where a cluster is large.
    """
    found = []
    for number in range(1, int(numbers.max()) + 1):
        members: Integers = np.flatnonzero(numbers == number)
        found.append(
            Cluster(
                number,
                len(members),
                len(members) / len(numbers),
                int(members[medoid(points[members], seed)]),
                {
                    what: (float(values[members].mean()), float(values[members].std()))
                    for what, values in properties.items()
                },
            )
        )
    return tuple(found)
