"""Principal components of the distances or contacts between residues."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from levinthal.errors import DataError, UsageError
from levinthal.harness.contract.seeds import low_bits
from levinthal.plugins import check_values
from levinthal.proteins.contact_maps.maps import pack_contacts, unpack_pairs
from levinthal.workloads.sampling.learners.features import (
    Embedding,
    FittedModel,
    Frames,
    check_frames,
    is_molecular,
    next_version,
    pair_distances,
    training_frames,
)

_FRAMES_AT_ONCE = 2048
# With more pairs than this the covariance is not formed.
_PAIRS_OF_COVARIANCE = 1000


@dataclass(frozen=True, eq=False, kw_only=True)
class ComponentsModel(FittedModel):
    """Principal components.

    Attributes
    ----------
    contacts : bool
        Whether of contacts instead of distances.
    min_separation : int
        Pairs of residues nearer than this in the chain are left out.
    mean : ndarray of float32, shape (n_features,)
    components : ndarray of float32, shape (n_features, d)
    """

    contacts: bool
    min_separation: int
    mean: npt.NDArray[np.float32]
    components: npt.NDArray[np.float32]

    def embed(self, frames: Frames, /) -> Embedding:
        """Return the place of each frame, shape (n_frames, d)."""
        check_frames(frames, self.frame_shape)
        embedding = np.empty((len(frames), self.components.shape[1]), np.float32)
        for first in range(0, len(frames), _FRAMES_AT_ONCE):
            part = slice(first, first + _FRAMES_AT_ONCE)
            features = _features(frames[part], self.contacts, self.min_separation)
            embedding[part] = (features - self.mean) @ self.components
        return embedding


def _features(frames: Frames, contacts: bool, min_separation: int) -> Frames:
    if not is_molecular(frames.shape):
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
        check_values(self, components=(1, 100), min_separation=1, most_frames=2, features=("distances", "contacts"))

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
            frame_shape=tuple(frames.shape[1:]),
            contacts=contacts,
            min_separation=self.min_separation,
            mean=np.asarray(fitted.mean_, np.float32),
            components=np.ascontiguousarray(fitted.components_.T, np.float32),
            version=next_version(previous),
            n_frames=len(chosen),
            duration_s=time.perf_counter() - began,
        )


LEARNER = PCALearner
