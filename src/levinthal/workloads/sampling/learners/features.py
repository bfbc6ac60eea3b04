"""What learners share: numbers of frames, and which frames a model is fitted to."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from levinthal.arrays import Integers
from levinthal.errors import DataError

Frames = npt.NDArray[np.float32]
Embedding = npt.NDArray[np.float32]


@dataclass(frozen=True, eq=False, kw_only=True)
class FittedModel:
    """What a model knows of its fit.

    Attributes
    ----------
    frame_shape : tuple of int
        Of a frame.
    version, n_frames : int
        Which model in a row, and how many frames it was fitted to.
    duration_s : float
        Of training.
    """

    frame_shape: tuple[int, ...]
    version: int
    n_frames: int
    duration_s: float = 0.0


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


def flat_features(frames: Frames) -> Frames:
    """Return the distances between residues, or what a system without residues has, shape (n_frames, n_features)."""
    if is_molecular(frames.shape):
        return pair_distances(frames)
    return np.asarray(frames, np.float32).reshape(len(frames), -1)


def pairs_in_time(trajectory: Integers, lag: int, most: int, seed: int) -> tuple[Integers, Integers]:
    """Return frames of the same trajectory that are a lag apart, the earlier and the later ones.

    Parameters
    ----------
    trajectory : ndarray of int64, shape (n_frames,)
        Of each frame; frames of one follow each other in time.
    lag : int
        In frames; 0 pairs each frame with itself. Where no trajectory is so long the lag is halved until some is.
    most : int
        Of so many pairs, drawn from all.
    seed : int
        Of the draw.
    """
    order = np.argsort(trajectory, kind="stable")
    while True:
        first, second = order[: max(len(order) - lag, 0)], order[lag:]
        same = trajectory[first] == trajectory[second]
        if same.any() or not lag:
            break
        lag //= 2
    first, second = first[same], second[same]
    chosen = training_frames(len(first), most, seed)
    return first[chosen], second[chosen]


def is_molecular(shape: tuple[int, ...]) -> bool:
    """Return whether frames of this shape are CA coordinates."""
    return len(shape) == 3 and shape[2] == 3


def check_frames(frames: Frames, shape: tuple[int, ...]) -> None:
    """Refuse frames of another shape than a model was made for."""
    if frames.shape[1:] != shape:
        raise DataError(f"frames have the shape {frames.shape[1:]}, the model was made for {shape}: fit one for these")
