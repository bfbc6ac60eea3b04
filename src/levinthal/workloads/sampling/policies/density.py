"""Where points lie thinly: DBSCAN's noise and local outlier factors, with a reference of bounded size.

Distances are measured to a uniform sample of the points, which thins all densities alike. Within the sample the
answers are those of the textbook algorithms; another point is compared with the sample.
"""

from __future__ import annotations

import os
from dataclasses import dataclass

import numpy as np
from scipy.spatial import cKDTree

from levinthal.arrays import Doubles, Integers

# Neighbours looked at of a point outside the sample, instead of as many as within.
_NEIGHBOURS_OF_OTHERS = 4


def _threads() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _nearest(tree: cKDTree, points: Doubles, k: int) -> tuple[Doubles, Integers]:
    """Return distances and indices of the `k` nearest, both of shape (n_points, k), for k = 1 too."""
    distance, neighbour = tree.query(points, k=range(1, k + 1), workers=_threads())
    return np.asarray(distance, np.float64), np.asarray(neighbour, np.int64)


def sample(n_points: int, size: int, rng: np.random.Generator) -> Integers:
    """Return ascending indices of at most `size` points, each as likely as another."""
    if n_points <= size:
        return np.arange(n_points)
    return np.sort(rng.choice(n_points, size, replace=False))


@dataclass(frozen=True, eq=False)
class Reference:
    """A sample of points and the nearest neighbours within it.

    Attributes
    ----------
    chosen : ndarray of int64, shape (n_sample,)
        Which points are in the sample.
    tree : cKDTree
        Of the sample.
    distance : ndarray of float64, shape (n_sample, k)
        To the k nearest others, ascending.
    neighbour : ndarray of int64, shape (n_sample, k)
        Those, as indices into the sample.
    """

    chosen: Integers
    tree: cKDTree
    distance: Doubles
    neighbour: Integers


def reference(points: Doubles, size: int, k: int, rng: np.random.Generator) -> Reference:
    """Sample at most `size` of the points and find each one's `k` nearest others (fewer where there are fewer).

    Parameters
    ----------
    points : ndarray of float64, shape (n_points, d)
        At least two.
    size, k : int
        Of the sample, and of the neighbourhoods.
    rng : numpy.random.Generator
        Draws the sample.
    """
    chosen = sample(len(points), size, rng)
    tree = cKDTree(points[chosen])
    k = min(k, len(chosen) - 1)
    distance, neighbour = _nearest(tree, points[chosen], k + 1)
    # A point's nearest is itself, but for points at one place, of which any may come first.
    itself = neighbour == np.arange(len(chosen))[:, None]
    itself[:, -1] |= ~itself.any(axis=1)
    shape = (len(chosen), k)
    return Reference(chosen, tree, distance[~itself].reshape(shape), neighbour[~itself].reshape(shape))


def _of_all(points: Doubles, found: Reference, within: Doubles, k: int) -> tuple[Doubles, Integers, Doubles, Integers]:
    """Return room for a value of each point, filled for the sample, and the others with their neighbours."""
    values = np.empty(len(points))
    values[found.chosen] = within
    others = np.setdiff1d(np.arange(len(points)), found.chosen, assume_unique=True)
    if not len(others):
        return values, others, np.empty((0, k)), np.empty((0, k), np.int64)
    distance, neighbour = _nearest(found.tree, points[others], k)
    return values, others, distance, neighbour


def noise_radii(points: Doubles, found: Reference) -> Doubles:
    """Return for each point the eps below which DBSCAN calls it noise.

    A point is noise where no point within eps of it, itself included, is a core point, that is, has `k` others within
    eps (Ester et al., KDD 1996, with min_samples = k + 1). With c(q) the distance of q to its k-th nearest other, the
    point p is noise just where eps < min over q of max(c(q), |p - q|), q = p included. No q further away than c(p) can
    give the minimum, so the k nearest suffice. So one search for neighbours gives the outliers for every eps, and the
    eps for every number of outliers.

    Parameters
    ----------
    points : ndarray of float64, shape (n_points, d)
        All points.
    found : Reference
        Of these points; its k is min_samples - 1.

    Returns
    -------
    ndarray of float64, shape (n_points,)
        Exact within the sample; of other points as if each were added to the sample alone and were no core point.
    """
    core = found.distance[:, -1]
    within = np.minimum(core, np.maximum(core[found.neighbour], found.distance).min(axis=1))
    k = min(_NEIGHBOURS_OF_OTHERS, len(found.chosen))
    radii, others, distance, neighbour = _of_all(points, found, within, k)
    if len(others):
        radii[others] = np.maximum(core[neighbour], distance).min(axis=1)
    return radii


def local_outlier_factors(points: Doubles, found: Reference) -> Doubles:
    """Return the local outlier factor of each point: about 1 amid others, large where it is lonelier than they are.

    Breunig, Kriegel, Ng and Sander, SIGMOD 2000: the mean density of a point's k neighbours over its own, density
    being the inverse of the mean reachability distance.

    Parameters
    ----------
    points : ndarray of float64, shape (n_points, d)
        All points.
    found : Reference
        Of these points.

    Returns
    -------
    ndarray of float64, shape (n_points,)
        A point outside the sample is compared with its k neighbours in the sample.
    """
    within = _factors(found.distance, found.neighbour, found)
    factors, others, distance, neighbour = _of_all(points, found, within, found.distance.shape[1])
    if len(others):
        factors[others] = _factors(distance, neighbour, found)
    return factors


def outlier_factors_outside(points: Doubles, found: Reference) -> Doubles:
    """Return the local outlier factors of points that were not there when the sample was drawn."""
    k = found.distance.shape[1]
    distance, neighbour = _nearest(found.tree, points, k)
    return _factors(distance, neighbour, found)


def _factors(distance: Doubles, neighbour: Integers, found: Reference) -> Doubles:
    of_neighbours = _densities(found.distance, found.neighbour, found)[neighbour].mean(axis=1)
    return np.asarray(of_neighbours / _densities(distance, neighbour, found), np.float64)


def _densities(distance: Doubles, neighbour: Integers, found: Reference) -> Doubles:
    reachability = np.maximum(found.distance[neighbour, -1], distance)
    # as in scikit-learn, points at one place have a large density but no infinite one
    return np.asarray(1.0 / (reachability.mean(axis=1) + 1e-10), np.float64)
