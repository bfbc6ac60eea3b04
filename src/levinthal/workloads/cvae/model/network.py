"""The convolutional variational autoencoder of contact maps (Bhowmik et al. 2018; Ma et al. 2020).

Four convolutions (or two LSTM layers over the rows of the map), a dense layer, mean and log-variance of the latent
posterior; the decoder mirrors them with transposed convolutions and ends in logits. Corrected against the lineage: the
sample is mean + exp(0.5 log_var) * noise (there: exp(log_var)), and the weight beta of the Kullback-Leibler term is
explicit.

The features between convolutions and dense layers are flattened with the channels last, because that is how the maps
lie in memory; `plain.py` has the model in torch's usual layout and converts weights between the two.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import ClassVar, NamedTuple, cast

import torch
from torch import Tensor, nn
from torch.nn import functional

from levinthal.kernels.choice import kernels_allowed
from levinthal.workloads.cvae.model.config import CVAEConfig
from levinthal.workloads.cvae.model.convolution import Layer, convolution_stack, supports
from levinthal.workloads.cvae.model.dense import dense
from levinthal.workloads.cvae.model.memory import MemoryPlan, convolve_in_strips, recomputed

LOG_VAR_LIMIT = 20.0
"""Log-variances beyond +-20 mean nothing in float32, but their exponential would overflow the loss."""

_LSTM_LAYERS = 2


class Output(NamedTuple):
    """What the model says of a batch.

    Attributes
    ----------
    logits : Tensor, shape (frames, size, size)
    z_mean, z_log_var : Tensor, shape (frames, latent)
    """

    logits: Tensor
    z_mean: Tensor
    z_log_var: Tensor


class Losses(NamedTuple):
    """Scalars in nats, the mean over the frames of a batch; ``total = reconstruction + beta * kl``."""

    total: Tensor
    reconstruction: Tensor
    kl: Tensor


def initialise(module: nn.Module, generator: torch.Generator | None = None) -> None:
    """Draw weights as Glorot and Bengio 2010 (uniform), zero biases, for every layer of `module`."""
    for layer in module.modules():
        if isinstance(layer, nn.LSTM):
            for name, tensor in layer.named_parameters():
                if name.startswith("weight"):
                    nn.init.xavier_uniform_(tensor, generator=generator)
                else:
                    nn.init.zeros_(tensor)
        if isinstance(layer, nn.Conv2d | nn.ConvTranspose2d | nn.Linear):
            nn.init.xavier_uniform_(layer.weight, generator=generator)
            if layer.bias is not None:
                nn.init.zeros_(layer.bias)


class CVAEModel(nn.Module):
    """Encoder and decoder.

    Parameters
    ----------
    config : CVAEConfig
        The architecture.
    seed : int
        Of the initial weights.

    Attributes
    ----------
    compiled : bool
        Whether the convolutions run in `kernels` (CPU, fp32 or fp64) instead of torch; see `can_compile`.
    wide_linear : callable, optional
        Computes ``x @ weight.T + bias`` in the wide layers; ranks exchange gradients there (`data_parallel`).
    memory : MemoryPlan
        What is computed again in the backward pass instead of kept; changes no result beyond rounding.
    """

    WIDE_LAYERS: ClassVar[tuple[str, ...]] = ("encoder_dense", "decoder_wide")
    """The layers between convolutions and latent space, which hold nearly all parameters."""

    def __init__(self, config: CVAEConfig, seed: int = 0) -> None:
        super().__init__()
        self.config = config
        self.compiled = False
        self.wide_linear: Callable[[Tensor, Tensor, Tensor], Tensor] | None = None
        self.memory = MemoryPlan()
        with torch.random.fork_rng(devices=[]):  # torch's layers draw weights that are replaced below
            self._build(config)
        initialise(self, torch.Generator().manual_seed(seed))
        self.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        self._encoder_layers, self._decoder_layers = _layers(config)

    def _build(self, config: CVAEConfig) -> None:
        channels, sizes = (1, *config.filters), config.sizes
        encoder: list[nn.Module] = []
        decoder: list[nn.Module] = []
        for i, (kernel, stride) in enumerate(zip(config.kernels, config.strides, strict=True)):
            if not config.recurrent:
                encoder.append(nn.Conv2d(channels[i], channels[i + 1], kernel, stride, kernel // 2))
            left_over = sizes[i] - ((sizes[i + 1] - 1) * stride - 2 * (kernel // 2) + kernel)
            decoder.insert(0, nn.ConvTranspose2d(channels[i + 1], channels[i], kernel, stride, kernel // 2, left_over))
        self.encoder_convolutions = nn.ModuleList(encoder)
        self.encoder_rows = (
            nn.LSTM(config.size, config.dense, _LSTM_LAYERS, batch_first=True) if config.recurrent else None
        )
        self.encoder_dense = nn.Linear(config.encoded, config.dense)
        self.z_mean = nn.Linear(config.dense, config.latent)
        self.z_log_var = nn.Linear(config.dense, config.latent)
        self.decoder_dense = nn.Linear(config.latent, config.dense)
        self.decoder_wide = nn.Linear(config.dense, config.flat)
        self.decoder_convolutions = nn.ModuleList(decoder)

    @property
    def can_compile(self) -> bool:
        """Whether the kernels can compute every convolution of this architecture on the device it is on.

        They know no LSTM layers and no strips: a model that has the one or spares memory by the other is computed by
        torch, and so is everything where `levinthal.kernels.choice` says torch.
        """
        if (
            self.config.recurrent
            or not kernels_allowed()
            or self.memory.strip_rows
            or next(self.parameters()).device.type != "cpu"
        ):
            return False
        return all(map(supports, self._encoder_layers, self.config.kernels))

    def encode(self, maps: Tensor) -> tuple[Tensor, Tensor]:
        """Return mean and log-variance of the posterior, each (frames, latent), of maps (frames, size, size)."""
        if self.encoder_rows is not None:
            features = self.encoder_rows(maps)[1][0][-1]
        else:
            features = self._recomputed(self._convolve if self.compiled else self._convolve_by_torch, maps)
        features = functional.dropout(features, self.config.dropout, self.training)
        hidden = self._dense(self.encoder_dense, features)
        mean, log_var = self.z_mean(hidden).to(maps.dtype), self.z_log_var(hidden).to(maps.dtype)
        return mean, log_var.clamp(-LOG_VAR_LIMIT, LOG_VAR_LIMIT)

    def decode(self, z: Tensor) -> Tensor:
        """Return logits (frames, size, size) of latent points (frames, latent)."""
        hidden = functional.relu(self.decoder_dense(z))
        wide = self._dense(self.decoder_wide, hidden)
        size, channels = self.config.sizes[-1], self.config.filters[-1]
        features = wide.view(-1, size, size, channels)
        return self._recomputed(self._deconvolve if self.compiled else self._deconvolve_by_torch, features)

    def forward(self, maps: Tensor, noise: Tensor | None = None) -> Output:
        """Encode, sample and decode.

        Parameters
        ----------
        maps : Tensor, shape (frames, size, size)
            Contacts, 0 or 1.
        noise : Tensor, shape (frames, latent), optional
            Standard normal; without it the posterior mean is decoded.
        """
        z_mean, z_log_var = self.encode(maps)
        z = z_mean if noise is None else z_mean + torch.exp(0.5 * z_log_var) * noise
        return Output(self.decode(z), z_mean, z_log_var)

    def _dense(self, layer: nn.Linear, x: Tensor) -> Tensor:
        if self.wide_linear is not None:
            return functional.relu(self.wide_linear(x, layer.weight, layer.bias), inplace=True)
        return dense(x, layer.weight, layer.bias) if self.compiled else functional.relu(layer(x))

    def _recomputed(self, function: Callable[[Tensor], Tensor], x: Tensor) -> Tensor:
        # strips see to it themselves
        return recomputed(function, x) if self.memory.recompute and not self.memory.strip_rows else function(x)

    def _convolve(self, maps: Tensor) -> Tensor:
        parameters = _parameters(self.encoder_convolutions)
        return convolution_stack(maps.unsqueeze(-1), self._encoder_layers, parameters).flatten(1)

    def _deconvolve(self, features: Tensor) -> Tensor:
        return convolution_stack(features, self._decoder_layers, _parameters(self.decoder_convolutions)).squeeze(-1)

    def _convolve_by_torch(self, maps: Tensor) -> Tensor:
        x = maps.unsqueeze(1)
        if self.memory.strip_rows:
            layers = list(self.encoder_convolutions)
            x = convolve_in_strips(x, layers, self.config.sizes, self.memory.strip_rows, relu_last=True)
        else:
            for layer in self.encoder_convolutions:
                x = functional.relu(layer(x), inplace=True)
        return x.permute(0, 2, 3, 1).flatten(1)

    def _deconvolve_by_torch(self, features: Tensor) -> Tensor:
        x = features.permute(0, 3, 1, 2)
        if self.memory.strip_rows:
            layers = list(self.decoder_convolutions)
            x = convolve_in_strips(x, layers, self.config.sizes[::-1], self.memory.strip_rows, relu_last=False)
            return x.squeeze(1)
        for i, layer in enumerate(self.decoder_convolutions):
            x = layer(x)
            if i < len(self.decoder_convolutions) - 1:
                x = functional.relu(x, inplace=True)
        return x.squeeze(1)


def _layers(config: CVAEConfig) -> tuple[list[Layer], list[Layer]]:
    channels, sizes = (1, *config.filters), config.sizes
    encoder = [
        Layer(False, sizes[i], sizes[i + 1], channels[i], channels[i + 1], stride, relu=True)
        for i, stride in enumerate(config.strides)
    ]
    decoder = [
        Layer(True, layer.size_big, layer.size_small, layer.channels_big, layer.channels_small, layer.stride, i > 0)
        for i, layer in enumerate(encoder)
    ]
    return encoder, decoder[::-1]


def _parameters(layers: nn.ModuleList) -> list[Tensor]:
    return [cast(Tensor, tensor) for layer in layers for tensor in (layer.weight, layer.bias)]


def evidence_loss(output: Output, maps: Tensor, beta: float = 1.0) -> Losses:
    """Return the negative evidence lower bound of a batch (Kingma and Welling 2014, with beta of Higgins et al. 2017).

    The Bernoulli negative log-likelihood is summed over the whole map, its padding too (the model learns within a few
    steps that padding is empty), the Kullback-Leibler divergence to the standard normal over the latent dimensions;
    both are averaged over the frames.

    Parameters
    ----------
    output : Output
    maps : Tensor, shape (frames, size, size)
    beta : float
    """
    n = len(maps)
    logits = output.logits.to(maps.dtype)
    reconstruction = functional.binary_cross_entropy_with_logits(logits, maps, reduction="sum") / n
    mean, log_var = output.z_mean, output.z_log_var
    kl = 0.5 * torch.sum(log_var.exp() + mean.square() - 1.0 - log_var) / n
    return Losses(reconstruction + beta * kl, reconstruction, kl)
