"""A variational autoencoder of features, small and of dense layers, that decodes a frame or one that comes later.

The CVAE is for contact maps; frames that are no molecules have none. Models are arrays: embedding needs no torch.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from levinthal.arrays import Doubles, Integers
from levinthal.errors import DataError
from levinthal.harness.contract.seeds import low_bits
from levinthal.plugins import check_values
from levinthal.workloads.sampling.learners.features import (
    Embedding,
    FittedModel,
    Frames,
    check_frames,
    flat_features,
    next_version,
    pairs_in_time,
)

# Of the widest variance; narrower directions are not blown up to the width of the others.
_NARROWEST = 1e-4
_CLIP = 5.0
Layer = tuple[npt.NDArray[np.float32], npt.NDArray[np.float32]]


@dataclass(frozen=True, eq=False, kw_only=True)
class EncoderModel(FittedModel):
    """The encoder of an autoencoder; frames are placed at their posterior means.

    Attributes
    ----------
    mean : ndarray of float32, shape (n_features,)
    scale : ndarray of float32, shape (n_features, n_inputs)
        Features less their mean, times this, are the inputs.
    layers : tuple of (weight, bias)
        Shapes (n_in, n_out) and (n_out,); a hyperbolic tangent follows all but the last.
    """

    mean: npt.NDArray[np.float32]
    scale: npt.NDArray[np.float32]
    layers: tuple[Layer, ...]

    def embed(self, frames: Frames, /) -> Embedding:
        """Return the place of each frame, shape (n_frames, latent)."""
        check_frames(frames, self.frame_shape)
        values = (flat_features(frames) - self.mean) @ self.scale
        for k, (weight, bias) in enumerate(self.layers):
            values = values @ weight + bias
            if k < len(self.layers) - 1:
                values = np.tanh(values)
        return np.asarray(values, np.float32)


@dataclass(frozen=True)
class AutoencoderSettings:
    """Settings of both autoencoders.

    Attributes
    ----------
    latent, width : int
        Dimensions of the latent space, and of both hidden layers of encoder and decoder.
    beta : float
        Weight of the Kullback-Leibler term; below 1, since most of what is to be decoded may be noise.
    epochs, batch_size : int
        Passes over the frames of each model, and frames of a step.
    learning_rate : float
        Of Adam.
    most_frames : int
        Trained on at most so many frames or pairs, drawn from all.
    """

    latent: int = 3
    width: int = 48
    beta: float = 0.01
    epochs: int = 30
    batch_size: int = 128
    learning_rate: float = 3e-3
    most_frames: int = 4_000

    def check(self) -> None:
        """Refuse values out of range, with a `UsageError`."""
        check_values(self, **dict.fromkeys(("latent", "width", "epochs", "batch_size"), 1))
        check_values(self, most_frames=2, learning_rate=(1e-8, 1.0), beta=(0.0, 100.0))


def fit_autoencoder(
    settings: AutoencoderSettings, frames: Frames, trajectory: Integers, lag: int, previous: Any, seed: int
) -> EncoderModel:
    """Train an autoencoder from the beginning, to give each frame, or that a lag later, from its latent point.

    With a lag features are whitened first (Wehmeyer and Noe, J. Chem. Phys. 148:241703, 2018), so that what is slow
    need not be wide; without, each is scaled to a standard deviation of 1.

    Parameters
    ----------
    settings : AutoencoderSettings
    frames : ndarray of float32
    trajectory : ndarray of int64, shape (n_frames,)
        The unbroken trajectory of each.
    lag : int
        In frames; 0 is none.
    previous : model or None
        The one before, for its number.
    seed : int

    Raises
    ------
    DataError
        The frames do not vary, or the loss is not finite.
    """
    began = time.perf_counter()
    features = flat_features(frames).astype(np.float64)
    earlier, later = pairs_in_time(trajectory, lag, settings.most_frames, seed)
    mean, scale = _scale(features, whiten=lag > 0)
    inputs = ((features - mean) @ scale).astype(np.float32)
    layers = _train(settings, inputs[earlier], inputs[later], low_bits(seed, 31))
    return EncoderModel(
        frame_shape=tuple(frames.shape[1:]),
        mean=mean.astype(np.float32),
        scale=scale.astype(np.float32),
        layers=layers,
        version=next_version(previous),
        n_frames=len(earlier),
        duration_s=time.perf_counter() - began,
    )


def _scale(features: Doubles, *, whiten: bool) -> tuple[Doubles, Doubles]:
    """Return the mean of features, and what they are multiplied by."""
    mean = features.mean(axis=0)
    if not np.ptp(features, axis=0).any():
        raise DataError("an autoencoder finds nothing that varies in the frames: simulate longer first")
    if not whiten:
        deviation = features.std(axis=0)
        return mean, np.diag(1.0 / np.maximum(deviation, np.sqrt(_NARROWEST) * deviation.max()))
    variances, directions = np.linalg.eigh(np.cov(features, rowvar=False).reshape(features.shape[1], -1))
    wide = variances > _NARROWEST * variances[-1]
    return mean, directions[:, wide] / np.sqrt(variances[wide])


def _train(settings: AutoencoderSettings, inputs: Frames, wanted: Frames, seed: int) -> tuple[Layer, ...]:
    """Return the layers of the encoder that lead to the posterior means."""
    import torch
    from torch import nn

    n_features, width, latent = inputs.shape[1], settings.width, settings.latent
    draws = torch.Generator().manual_seed(seed)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        encoder = nn.Sequential(
            nn.Linear(n_features, width), nn.Tanh(), nn.Linear(width, width), nn.Tanh(), nn.Linear(width, 2 * latent)
        )
        decoder = nn.Sequential(
            nn.Linear(latent, width), nn.Tanh(), nn.Linear(width, width), nn.Tanh(), nn.Linear(width, n_features)
        )
    optimiser = torch.optim.Adam([*encoder.parameters(), *decoder.parameters()], lr=settings.learning_rate)
    given, to_give = torch.from_numpy(inputs), torch.from_numpy(wanted)
    for _ in range(settings.epochs):
        for part in torch.randperm(len(given), generator=draws).split(settings.batch_size):  # type: ignore[no-untyped-call]
            mean, log_var = encoder(given[part]).chunk(2, dim=1)
            log_var = log_var.clamp(-20.0, 20.0)
            noise = torch.randn(mean.shape, generator=draws)
            decoded = decoder(mean + torch.exp(0.5 * log_var) * noise)
            kl = 0.5 * (log_var.exp() + mean.square() - 1.0 - log_var).sum()
            loss = (0.5 * (decoded - to_give[part]).square().sum() + settings.beta * kl) / len(part)
            if not torch.isfinite(loss):
                raise DataError("the autoencoder's loss is not finite: lower its learning_rate")
            optimiser.zero_grad()
            loss.backward()
            nn.utils.clip_grad_norm_([*encoder.parameters(), *decoder.parameters()], _CLIP)
            optimiser.step()
    arrays = [each.detach().numpy().copy() for each in encoder.parameters()]
    layers = [(np.ascontiguousarray(weight.T), bias) for weight, bias in zip(arrays[::2], arrays[1::2], strict=True)]
    last_weight, last_bias = layers[-1]
    return (*layers[:-1], (last_weight[:, :latent].copy(), last_bias[:latent].copy()))
