"""The recurrent geometric network (AlQuraishi, Cell Systems 8:292, 2019).

Two bidirectional LSTM layers read the protein both ways. For each residue a softmax mixes the letters of a trained
torsion alphabet; the mean is taken on the circle, angle = atan2(sum p sin a, sum p cos a). Standard bond lengths and
angles make a backbone of the torsions. A protein gets the same coordinates alone or in a padded batch.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional

from levinthal.proteins.geometry.backbone import build_backbone
from levinthal.workloads.rgn.model.config import N_PROFILE, RGNConfig
from levinthal.workloads.rgn.model.lstm import BidirectionalLSTM, InferencePrecision
from levinthal.workloads.rgn.model.window import WindowLayer

_BASINS_DEG = ((-63.0, -43.0), (-120.0, 135.0), (-70.0, 145.0), (57.0, 40.0), (-90.0, 0.0), (85.0, 5.0))
"""(phi, psi) about the middle of the populated regions of Lovell et al., Proteins 50:437 (2003)."""
_BASIN_SPREAD = 0.3


class Prediction(NamedTuple):
    """What the network says of a batch.

    Attributes
    ----------
    dihedrals_rad : Tensor, shape (proteins, residues, 3)
        omega, phi and psi.
    atoms_nm : Tensor, shape (proteins, residues, 3, 3)
        N, CA and C; what lies beyond a protein's length means nothing.
    """

    dihedrals_rad: Tensor
    atoms_nm: Tensor


class RGNModel(nn.Module):
    """Sequence and profile in, backbone out.

    Parameters
    ----------
    config : RGNConfig
        The architecture.
    seed : int
        Of the initial weights.
    """

    def __init__(self, config: RGNConfig, seed: int = 0) -> None:
        super().__init__()
        self.config = config
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            widths = [config.width] + [2 * config.n_hidden] * (config.n_layers - 1)
            self.layers = nn.ModuleList(
                WindowLayer(width, 2 * config.n_hidden, config.reach if number == 0 else 0)
                if config.reach
                else BidirectionalLSTM(width, config.n_hidden, config.initial_scale, forget_bias=config.forget_bias)
                for number, width in enumerate(widths)
            )
            self.projection = nn.Linear(2 * config.n_hidden, config.alphabet)
            if config.initial_scale is not None:
                nn.init.uniform_(self.projection.weight, -config.initial_scale, config.initial_scale)
            nn.init.zeros_(self.projection.bias)
            self.alphabet = nn.Parameter(_initial_alphabet(config))

    def set_inference_precision(self, precision: InferencePrecision) -> None:
        """Say how the layers keep their weights for prediction on a CPU: "fp32" or "int16"."""
        for layer in self.layers:
            if isinstance(layer, BidirectionalLSTM):
                layer.inference_precision = precision

    def forward(self, features: Tensor, lengths: Tensor) -> Prediction:
        """Predict a padded batch.

        Parameters
        ----------
        features : Tensor, shape (proteins, residues, n_inputs)
            Zero beyond a protein's length.
        lengths : Tensor of int64, shape (proteins,)
            Residues of each protein.
        """
        dihedrals = self.torsions(self.recur(features, lengths))
        return Prediction(dihedrals, build_backbone(dihedrals))

    def recur(self, features: Tensor, lengths: Tensor) -> Tensor:
        """Return what the last layer before the alphabet says of each residue, (proteins, residues, 2 n_hidden)."""
        copies = [features[..., -N_PROFILE:]] * (self.config.profile_copies - 1)
        hidden = torch.cat([features, *copies], dim=-1) * self.config.input_gain
        for layer in self.layers:
            hidden = layer(functional.dropout(hidden, self.config.input_dropout, self.training), lengths)
        return hidden

    def torsions(self, hidden: Tensor) -> Tensor:
        """Return the mean torsions of the alphabet's letters, (proteins, residues, 3), never in low precision."""
        logits = self.projection(hidden)
        with torch.autocast(logits.device.type, enabled=False):
            letters = torch.softmax(logits.to(self.alphabet.dtype), dim=-1)
            return torch.atan2(letters @ torch.sin(self.alphabet), letters @ torch.cos(self.alphabet))


def _initial_alphabet(config: RGNConfig) -> Tensor:
    if config.initial_alphabet == "uniform":
        return math.pi * (2.0 * torch.rand(config.alphabet, 3) - 1.0)
    basins = torch.deg2rad(torch.tensor(_BASINS_DEG))[torch.arange(config.alphabet) % len(_BASINS_DEG)]
    basins = basins + _BASIN_SPREAD * torch.randn(config.alphabet, 2)
    omega = math.pi + 0.1 * torch.randn(config.alphabet, 1)
    return torch.cat([omega, basins], dim=1)
