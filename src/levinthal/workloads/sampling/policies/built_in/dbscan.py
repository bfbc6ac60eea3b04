"""Restarts from outliers of the embedding: DBSCAN's noise."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from scipy.spatial import cKDTree

from levinthal.arrays import Doubles, Integers, Mask
from levinthal.errors import UsageError
from levinthal.plugins import check_values
from levinthal.proteins.contact_maps.maps import pack_contacts, unpack_pairs
from levinthal.workloads.sampling.policies.density import noise_radii, reference
from levinthal.workloads.sampling.policies.restarting import (
    Novelty,
    Ranking,
    Restarting,
    RestartSettings,
)
from levinthal.workloads.sampling.policies.view import View

# Where ties make it impossible to have about the wanted number of outliers, at most this share of the frames.
_MOST_OUTLIERS = 0.1


@dataclass(frozen=True)
class DbscanSettings(RestartSettings):
    """DBSCAN.

    Attributes
    ----------
    min_samples : int
        A core point has so many points within eps, itself included.
    outliers : int
        How many outliers to aim at.
    least_ratio : float
        An outlier is at least so many times the median frame's radius away from all core points.
    reference_frames : int
        Core points are looked for among so many frames.
    order : {"random", "furthest", "contacts"}
        Which outliers come first: any, the furthest from the dense frames, or those with the most contacts between
        residues, which needs no reference structure and leads to folded ones.
    newest_share : float
        Outliers are taken from this share of the frames, the newest: those of the first moments, before a simulation
        forgot where it was begun, lie apart for good and lead nowhere new.
    """

    min_samples: int = 10
    outliers: int = 50
    least_ratio: float = 1.5
    reference_frames: int = 5000
    order: Literal["random", "furthest", "contacts"] = "random"
    newest_share: float = 1.0

    def __post_init__(self) -> None:
        super().__post_init__()
        check_values(
            self,
            min_samples=(2, 1000),
            outliers=1,
            least_ratio=1.0,
            reference_frames=(100, 50_000),
            newest_share=(0.01, 1.0),
            order=("random", "furthest", "contacts"),
        )


def choose_eps(radii: Doubles, n_outliers: int, least: float) -> float:
    """Return the eps that leaves about so many outliers, no less than `least`.

    Parameters
    ----------
    radii : ndarray of float64, shape (n_points,)
        The eps below which each point is noise; see `noise_radii`.
    n_outliers : int
        How many to aim at; at most so many, or with ties up to a tenth of the points.
    least : float
        Smaller than this it is not, however few outliers there are.
    """
    if n_outliers >= len(radii):
        return least
    eps = float(np.partition(radii, -n_outliers - 1)[-n_outliers - 1])
    if np.count_nonzero(radii > eps) < n_outliers / 2 and np.count_nonzero(radii >= eps) <= _MOST_OUTLIERS * len(radii):
        # many points have this same radius, as on a grid: take them all rather than none
        eps = float(np.nextafter(eps, 0.0))
    return max(eps, least)


def _far_from(tree: cKDTree, radius: float) -> Novelty:
    """Call new what is further than `radius` from all points of a tree."""

    def novel(frames: Integers, view: View) -> Mask:
        distance, _ = tree.query(np.asarray(view.embedding[frames], np.float64))
        return np.asarray(distance > radius, np.bool_)

    return novel


class DbscanPolicy(Restarting[DbscanSettings]):
    """The paper's: restarts from DBSCAN's noise in the embedding (Ma et al. 2020; Lee et al., arXiv 1909.07817).

    There, eps grows by trial until there are few enough outliers; here the eps that leaves the wanted number is found
    exactly (`noise_radii`). Frames that lie no further from the dense ones than frames usually do are not outliers: so
    there may be too few, and then walkers go on.
    """

    name = "dbscan"
    Settings = DbscanSettings

    def rank(self, view: View, points: Doubles, rng: np.random.Generator) -> Ranking:
        """Find eps and the outliers."""
        settings = self.settings
        found = reference(points, settings.reference_frames, settings.min_samples - 1, rng)
        radii = noise_radii(points, found)
        oldest = len(radii) - int(np.ceil(settings.newest_share * len(radii)))
        eps = choose_eps(radii[oldest:], settings.outliers, settings.least_ratio * float(np.median(radii)))
        outliers = oldest + np.flatnonzero(radii[oldest:] > eps)
        order = rng.permutation(len(outliers))
        if settings.order == "furthest":
            order = order[np.argsort(-radii[outliers[order]], kind="stable")]
        elif settings.order == "contacts" and len(outliers):
            order = order[np.argsort(-_contacts(view, outliers[order]), kind="stable")]
        chosen = outliers[order]
        core = found.distance[:, -1] <= eps
        novel = _far_from(cKDTree(points[found.chosen[core]]), eps) if core.any() else _nothing_is_new
        return Ranking(
            frames=chosen,
            scores=radii[chosen] / eps if eps > 0 else radii[chosen],
            reason=f"one of {len(chosen)} outliers of DBSCAN at eps {eps:.3g}, at {{score}} eps from the core",
            nothing=f"DBSCAN finds no outlier at eps {eps:.3g}",
            novel=novel,
            neighbourhood=0.5 * eps,
        )


def _contacts(view: View, frames: Integers) -> Integers:
    """Return how many pairs of residues are in contact in each frame."""
    coordinates = np.asarray(view.frames[frames], np.float32)
    if coordinates.ndim != 3 or coordinates.shape[2] != 3:
        raise UsageError("frames without residues have no contacts: set dbscan.order=random or furthest")
    counts = unpack_pairs(pack_contacts(coordinates, threads=1), coordinates.shape[1]).sum(axis=1)
    return np.asarray(counts, np.int64)


def _nothing_is_new(frames: Integers, view: View) -> Mask:
    return np.zeros(len(frames), np.bool_)


POLICY = DbscanPolicy
