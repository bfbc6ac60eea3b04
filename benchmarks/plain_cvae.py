"""The CVAE as anybody would write it, in torch's own layout: peer of `cvae_training.py`, reference of the tests."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

from levinthal.workloads.cvae.model.config import CVAEConfig
from levinthal.workloads.cvae.model.network import LOG_VAR_LIMIT, CVAEModel, Output

__all__ = ["PlainCVAE", "convert_weights"]


class PlainCVAE(nn.Module):
    """`nn.Conv2d`, `nn.ConvTranspose2d` and `nn.Linear` on NCHW tensors, flattened with the channels first."""

    def __init__(self, config: CVAEConfig) -> None:
        super().__init__()
        self.config = config
        reference = CVAEModel(config)
        self.encoder_convolutions = reference.encoder_convolutions
        self.encoder_dense = reference.encoder_dense
        self.z_mean, self.z_log_var = reference.z_mean, reference.z_log_var
        self.decoder_dense, self.decoder_wide = reference.decoder_dense, reference.decoder_wide
        self.decoder_convolutions = reference.decoder_convolutions
        self.to(memory_format=torch.contiguous_format)  # type: ignore[call-overload]

    def forward(self, maps: Tensor, noise: Tensor | None = None) -> Output:
        """Encode, sample and decode maps (frames, size, size)."""
        x = maps.unsqueeze(1)
        for layer in self.encoder_convolutions:
            x = functional.relu(layer(x))
        hidden = functional.relu(
            self.encoder_dense(functional.dropout(x.flatten(1), self.config.dropout, self.training))
        )
        z_mean, z_log_var = self.z_mean(hidden), self.z_log_var(hidden).clamp(-LOG_VAR_LIMIT, LOG_VAR_LIMIT)
        z = z_mean if noise is None else z_mean + torch.exp(0.5 * z_log_var) * noise
        size, channels = self.config.sizes[-1], self.config.filters[-1]
        x = functional.relu(self.decoder_wide(functional.relu(self.decoder_dense(z)))).view(-1, channels, size, size)
        for i, layer in enumerate(self.decoder_convolutions):
            x = layer(x) if i == len(self.decoder_convolutions) - 1 else functional.relu(layer(x))
        return Output(x.squeeze(1), z_mean, z_log_var)


def convert_weights(state: dict[str, Tensor], config: CVAEConfig, *, to_plain: bool) -> dict[str, Tensor]:
    """Return the state of one model as the other's: only the order of the flattened features differs.

    Parameters
    ----------
    state : dict of str to Tensor
        `state_dict()` of a `CVAEModel` (`to_plain`) or of a `PlainCVAE`.
    """
    size, channels = config.sizes[-1], config.filters[-1]
    # order[i] is where feature i of the target lies in the source
    source = (size, size, channels) if to_plain else (channels, size, size)
    axes = (2, 0, 1) if to_plain else (1, 2, 0)
    order = torch.arange(config.flat).view(source).permute(axes).flatten()
    result = dict(state)
    result["encoder_dense.weight"] = state["encoder_dense.weight"][:, order]
    result["decoder_wide.weight"] = state["decoder_wide.weight"][order]
    result["decoder_wide.bias"] = state["decoder_wide.bias"][order]
    return result
