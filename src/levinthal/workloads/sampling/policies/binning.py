"""Bins of the learned space for walkers with weights: by quantiles, by k-means or by k-centers of all frames."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import TypeAlias

import numpy as np
from scipy.cluster.vq import kmeans2
from scipy.spatial import cKDTree

from levinthal.arrays import Doubles, Integers
from levinthal.workloads.sampling.policies.cluster_restarts import k_centers

Bins: TypeAlias = Callable[[Doubles], Integers]
"""Takes points, shape (n, d); returns the bin of each."""

_MOST_FRAMES = 5_000


def quantile_bins(points: Doubles, n_bins: int, rng: np.random.Generator) -> Bins:
    """Return bins along the first principal axis, each of half the frames of the one before towards both ends.

    Bins of equally many frames would stay where they are: to where walkers go in equal numbers frames are in equal
    numbers. So the ends must be of fewer, as the levels of subset simulation are (Au and Beck, Probab. Eng. Mech.
    16:263, 2001).
    """
    del rng
    mean = points.mean(axis=0)
    axis = np.linalg.svd(points - mean, full_matrices=False)[2][0]
    rank = np.arange(1, n_bins)
    beyond = 0.5 ** (n_bins // 2 + n_bins % 2 + 1.0 - np.minimum(rank, n_bins - rank))
    edges = np.quantile((points - mean) @ axis, np.where(2 * rank <= n_bins, beyond, 1.0 - beyond))

    def bins(those: Doubles) -> Integers:
        return np.asarray(np.searchsorted(edges, (those - mean) @ axis, side="right"), np.int64)

    return bins


def _nearest(centres: Doubles) -> Bins:
    tree = cKDTree(centres)
    return lambda those: np.asarray(tree.query(those)[1], np.int64)


def k_means_bins(points: Doubles, n_bins: int, rng: np.random.Generator) -> Bins:
    """Return the cells of k-means centres (Lloyd, IEEE Trans. Inf. Theory 28:129, 1982), begun by k-means++."""
    chosen = points if len(points) <= _MOST_FRAMES else points[rng.choice(len(points), _MOST_FRAMES, replace=False)]
    different = len(np.unique(chosen, axis=0))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # a centre without frames is a bin without walkers
        centres, _ = kmeans2(chosen, min(n_bins, different), minit="++", seed=rng)
    return _nearest(centres)


def k_centers_bins(points: Doubles, n_bins: int, rng: np.random.Generator) -> Bins:
    """Return the cells of centres that are regular in space."""
    return _nearest(points[k_centers(points, n_bins, rng).centre])


BINNINGS: dict[str, Callable[[Doubles, int, np.random.Generator], Bins]] = {
    "quantiles": quantile_bins,
    "k-means": k_means_bins,
    "k-centers": k_centers_bins,
}
