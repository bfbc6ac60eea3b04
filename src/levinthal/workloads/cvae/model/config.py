"""The architecture of a convolutional variational autoencoder, as plain data."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from levinthal.errors import UsageError
from levinthal.workloads.training.plain_data import PlainData

_MOST_ROWS = 64


@dataclass(frozen=True)
class CVAEConfig(PlainData):
    """Architecture and objective; the decoder mirrors the encoder.

    Attributes
    ----------
    size : int
        Rows and columns of a map; smaller proteins are padded with zeros.
    filters, kernels, strides : tuple of int
        Of each convolution, padding kernel // 2 ("same"), ReLU after each. Kernels are odd.
    dense : int
        Width of the dense layer between the convolutions and the latent space.
    latent : int
        Dimensions of the latent space.
    dropout : float
        Probability of dropping a feature between the last convolution and the dense layer, in training.
    beta : float
        Weight of the Kullback-Leibler term (Higgins et al. 2017); 1 is the evidence lower bound.
    recurrent : bool
        Encode by two LSTM layers of width `dense` that read the rows of the map one after the other, in place of the
        convolutions; the decoder is the same.
    """

    described = "CVAE architecture"

    size: int
    filters: tuple[int, ...] = (64, 64, 64, 64)
    kernels: tuple[int, ...] = (3, 3, 3, 3)
    strides: tuple[int, ...] = (1, 2, 1, 1)
    dense: int = 128
    latent: int = 3
    dropout: float = 0.0
    beta: float = 1.0
    recurrent: bool = False

    def __post_init__(self) -> None:
        for name in ("filters", "kernels", "strides"):
            object.__setattr__(self, name, tuple(getattr(self, name)))
        if not len(self.filters) == len(self.kernels) == len(self.strides) >= 1:
            raise UsageError(
                f"filters {self.filters}, kernels {self.kernels} and strides {self.strides} of the CVAE differ in "
                "length: give one of each for every convolution"
            )
        for name in ("size", "dense", "latent"):
            if getattr(self, name) < 1:
                raise UsageError(f"{name} of the CVAE is {getattr(self, name)}: it must be at least 1")
        if min(self.filters) < 1 or min(self.strides) < 1:
            raise UsageError(f"filters {self.filters} and strides {self.strides} of the CVAE must be at least 1")
        if any(k < 1 or k % 2 == 0 for k in self.kernels):
            raise UsageError(
                f"kernels {self.kernels} of the CVAE must be odd, so that padding is the same on all sides"
            )
        if any(s > k for s, k in zip(self.strides, self.kernels, strict=True)):
            raise UsageError(
                f"strides {self.strides} of the CVAE exceed kernels {self.kernels}: parts of the map would go unseen"
            )
        if not 0.0 <= self.dropout < 1.0:
            raise UsageError(f"dropout of the CVAE is {self.dropout}: it must be at least 0 and below 1")
        if not (self.beta >= 0.0 and math.isfinite(self.beta)):
            raise UsageError(f"beta of the CVAE is {self.beta}: it must be finite and not negative")

    @property
    def sizes(self) -> tuple[int, ...]:
        """Rows of the maps before and after each convolution."""
        result = [self.size]
        for stride in self.strides:
            result.append(-(-result[-1] // stride))
        return tuple(result)

    @property
    def flat(self) -> int:
        """Features after the last convolution."""
        return self.sizes[-1] ** 2 * self.filters[-1]

    @property
    def encoded(self) -> int:
        """Features that the encoder's dense layer takes."""
        return self.dense if self.recurrent else self.flat

    @property
    def n_parameters(self) -> int:
        """Weights and biases of encoder and decoder."""
        channels = (1, *self.filters)
        total = 0
        for i, kernel in enumerate(self.kernels):
            weights = kernel**2 * channels[i] * channels[i + 1]
            total += weights + channels[i] + (0 if self.recurrent else weights + channels[i + 1])
        if self.recurrent:
            total += sum(4 * self.dense * (read + self.dense + 2) for read in (self.size, self.dense))
        dense = (self.encoded + 1) * self.dense + 2 * (self.dense + 1) * self.latent
        return total + dense + (self.latent + 1) * self.dense + (self.dense + 1) * self.flat


def strides_for(size: int, n_layers: int = 4) -> tuple[int, ...]:
    """Return strides of 1 and 2 that bring a map of `size` rows to 64 or fewer, at least one of them 2.

    Up to 128 rows these are the strides of Ma et al. 2020 (1, 2, 1, 1); from 513 on every layer halves the map, as in
    DeepDriveMD's runs on 448 rows. The rule bounds the dense layers, which grow with the square of the last map: with
    the paper's strides a map of 1,024 rows would need 2 x 2.1e9 weights there, 52 GB with gradient and RMSprop.
    The first layer is the last to halve, because it sees the pairs themselves.
    """
    halvings = 1
    while halvings < n_layers and size > _MOST_ROWS << halvings:
        halvings += 1
    halving = {*range(1, 1 + min(halvings, n_layers - 1))} | ({0} if halvings >= n_layers else set())
    return tuple(2 if layer in halving else 1 for layer in range(n_layers))


SHORTEST_SAVES = (3 * 6 / 8) ** 2
"""By how much minimal filtering divides the operations of a convolution at most: three taps, 6 x 6 outputs a tile."""


def flops_per_frame(config: CVAEConfig, *, training: bool = True) -> int:
    """Return floating-point operations a frame: two for each multiplication of the direct algorithm.

    Counted are convolutions, LSTM and dense layers. Training adds the gradients of weights and of inputs, without that
    of the map itself, which nobody needs; nothing is recomputed. Algorithms that multiply less (Winograd's) are counted
    as if they did not: a rate is then comparable between them.

    Parameters
    ----------
    config : CVAEConfig
    training : bool
        A training step, or inference of encoder and decoder.
    """
    channels, sizes = (1, *config.filters), config.sizes
    convolutions = [
        2 * kernel**2 * channels[i] * channels[i + 1] * sizes[i + 1] ** 2 for i, kernel in enumerate(config.kernels)
    ]
    decoder = sum(convolutions) + 2 * config.flat * config.dense
    latent = 2 * config.dense * config.latent
    first, encoder = convolutions[0], sum(convolutions)
    if config.recurrent:
        # of each row: four gates of two layers, each a product with what is read and one with the state
        first = 2 * 4 * config.dense * config.size**2
        encoder = first + 2 * 4 * config.dense * 3 * config.dense * config.size
    forward = encoder + decoder + 2 * config.encoded * config.dense + 3 * latent
    return 3 * forward - first if training else forward


PRESETS: Mapping[str, CVAEConfig] = MappingProxyType(
    {
        "fs-peptide": CVAEConfig(size=22, latent=3),
        "bba": CVAEConfig(size=28, latent=10, dropout=0.25),
        "bba-small": CVAEConfig(size=28, filters=(16,) * 4, strides=(1, 1, 1, 2), latent=3, dropout=0.5),
        "large": CVAEConfig(size=106, latent=10),
    }
)
"""Architectures of Ma et al. 2020 (22x22, 106x106) and of DeepDriveMD's BBA runs (28x28)."""
