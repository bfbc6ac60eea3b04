"""What places frames in a space of few dimensions: coordinates as they are, principal components, or the CVAE.

A learner and its models are plain data that travel to worker processes and back.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from levinthal.errors import DataError, UsageError
from levinthal.harness.contract.seeds import low_bits
from levinthal.proteins.contact_maps.maps import pack_contacts, unpack_pairs
from levinthal.workloads.sampling.policies.settings import check_range

__all__ = [
    "ComponentsModel",
    "CoordinatesLearner",
    "CoordinatesModel",
    "PCALearner",
    "next_version",
    "pair_distances",
    "training_frames",
]

Frames = npt.NDArray[np.float32]
Embedding = npt.NDArray[np.float32]

_FRAMES_AT_ONCE = 2048
# With more pairs than this the covariance is not formed.
_PAIRS_OF_COVARIANCE = 1000


def next_version(previous: object) -> int:
    """Return the version of the model after `previous`; 1 for the first."""
    return int(getattr(previous, "version", 0)) + 1


def training_frames(n_frames: int, most: int, seed: int) -> npt.NDArray[np.int64]:
    """Return ascending indices of at most `most` frames, each as likely as another."""
    if n_frames <= most:
        return np.arange(n_frames)
    return np.sort(np.random.default_rng(seed).choice(n_frames, most, replace=False))


def pair_distances(frames: Frames, residues: npt.NDArray[np.int64] | None = None) -> Frames:
    """Return the distances between residues, each pair once.

    Parameters
    ----------
    frames : ndarray of float32, shape (n_frames, n_residues, 3)
        CA coordinates in nm.
    residues : ndarray of int64, optional
        Only between these.

    Returns
    -------
    ndarray of float32, shape (n_frames, n_pairs)
        In nm, pairs in row-major order of the upper triangle.
    """
    points = np.asarray(frames, np.float32)
    if residues is not None:
        points = points[:, residues]
    first, second = np.triu_indices(points.shape[1], 1)
    difference = points[:, first] - points[:, second]
    return np.asarray(np.sqrt(np.einsum("fpi,fpi->fp", difference, difference)), np.float32)


def _molecular(shape: tuple[int, ...]) -> bool:
    return len(shape) == 3 and shape[2] == 3


def _check_frames(frames: Frames, shape: tuple[int, ...]) -> None:
    if frames.shape[1:] != shape:
        raise DataError(f"frames have the shape {frames.shape[1:]}, the model was made for {shape}: fit one for these")


@dataclass(frozen=True, eq=False)
class CoordinatesModel:
    """Frames as they are, or distances between a few residues; nothing is learned.

    Attributes
    ----------
    frame_shape : tuple of int
        Of a frame.
    landmarks : int
        Residues spread evenly over the chain between which distances are taken.
    version, n_frames : int
        Which model in a row, and how many frames it has seen.
    duration_s : float
        Of training.
    """

    frame_shape: tuple[int, ...]
    landmarks: int
    version: int
    n_frames: int
    duration_s: float = 0.0

    def embed(self, frames: Frames, /) -> Embedding:
        """Return the place of each frame, shape (n_frames, d)."""
        _check_frames(frames, self.frame_shape)
        if not _molecular(frames.shape):
            return np.asarray(frames, np.float32).reshape(len(frames), -1)
        n_residues = self.frame_shape[0]
        chosen = np.linspace(0, n_residues - 1, min(self.landmarks, n_residues)).round().astype(np.int64)
        return pair_distances(frames, chosen)


@dataclass(frozen=True)
class CoordinatesLearner:
    """A frame that is a place already stays what it is; a chain becomes the distances between a few residues.

    Attributes
    ----------
    landmarks : int
        How many residues; 5 give 10 distances.
    """

    landmarks: int = 5
    name = "coordinates"

    def __post_init__(self) -> None:
        check_range(self, "landmarks", 2, 100)

    def fit(self, frames: Frames, previous: Any, seed: int, /) -> CoordinatesModel:
        """Return the model; there is nothing to fit."""
        return CoordinatesModel(tuple(frames.shape[1:]), self.landmarks, next_version(previous), len(frames))


@dataclass(frozen=True, eq=False)
class ComponentsModel:
    """Principal components.

    Attributes
    ----------
    frame_shape : tuple of int
        Of a frame.
    contacts : bool
        Whether of contacts instead of distances.
    min_separation : int
        Pairs of residues nearer than this in the chain are left out.
    mean : ndarray of float32, shape (n_features,)
    components : ndarray of float32, shape (n_features, d)
    version, n_frames : int
        Which model in a row, and how many frames it was fitted to.
    duration_s : float
        Of training.
    """

    frame_shape: tuple[int, ...]
    contacts: bool
    min_separation: int
    mean: npt.NDArray[np.float32]
    components: npt.NDArray[np.float32]
    version: int
    n_frames: int
    duration_s: float

    def embed(self, frames: Frames, /) -> Embedding:
        """Return the place of each frame, shape (n_frames, d)."""
        _check_frames(frames, self.frame_shape)
        embedding = np.empty((len(frames), self.components.shape[1]), np.float32)
        for first in range(0, len(frames), _FRAMES_AT_ONCE):
            part = slice(first, first + _FRAMES_AT_ONCE)
            features = _features(frames[part], self.contacts, self.min_separation)
            embedding[part] = (features - self.mean) @ self.components
        return embedding


def _features(frames: Frames, contacts: bool, min_separation: int) -> Frames:
    if not _molecular(frames.shape):
        return np.asarray(frames, np.float32).reshape(len(frames), -1)
    first, second = np.triu_indices(frames.shape[1], 1)
    chosen = second - first >= min_separation
    if contacts:
        packed = pack_contacts(np.asarray(frames, np.float32), threads=1)
        return unpack_pairs(packed, frames.shape[1])[:, chosen].astype(np.float32)
    return pair_distances(frames) if min_separation == 1 else pair_distances(frames)[:, chosen]


@dataclass(frozen=True)
class PCALearner:
    """Principal components of the distances or contacts between residues.

    Attributes
    ----------
    components : int
        Dimensions of the embedding; fewer where there are fewer features.
    features : {"distances", "contacts"}
        Of what; a system without residues has only its coordinates.
    min_separation : int
        Pairs of residues nearer than this in the chain are left out; above 4 helices say nothing, tertiary structure
        all.
    most_frames : int
        Fitted to at most so many frames.
    """

    components: int = 5
    features: Literal["distances", "contacts"] = "distances"
    min_separation: int = 1
    most_frames: int = 10_000
    name = "pca"

    def __post_init__(self) -> None:
        check_range(self, "components", 1, 100)
        check_range(self, "min_separation", 1)
        check_range(self, "most_frames", 2)
        if self.features not in ("distances", "contacts"):
            raise UsageError(f"learner setting features is {self.features!r}: choose distances or contacts")

    def fit(self, frames: Frames, previous: Any, seed: int, /) -> ComponentsModel:
        """Fit to a sample of the frames.

        Raises
        ------
        DataError
            Fewer than two frames.
        """
        from sklearn.decomposition import PCA

        began = time.perf_counter()
        if len(frames) < 2:
            raise DataError(f"principal components need at least 2 frames, there are {len(frames)}: simulate first")
        contacts = self.features == "contacts"
        chosen = training_frames(len(frames), self.most_frames, seed)
        data = _features(frames[chosen], contacts, self.min_separation)
        if not data.shape[1]:
            raise UsageError(
                f"min_separation {self.min_separation} leaves no pair of {frames.shape[1]} residues: take less"
            )
        solver = "covariance_eigh" if data.shape[1] <= _PAIRS_OF_COVARIANCE else "randomized"
        count = min(self.components, *data.shape)
        fitted = PCA(count, svd_solver=solver, random_state=low_bits(seed, 32)).fit(data)
        return ComponentsModel(
            tuple(frames.shape[1:]),
            contacts,
            self.min_separation,
            np.asarray(fitted.mean_, np.float32),
            np.ascontiguousarray(fitted.components_.T, np.float32),
            next_version(previous),
            len(chosen),
            time.perf_counter() - began,
        )
