"""A layer that sees a few residues to either side of each and nothing else: the control of the recurrent layers."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional


class WindowLayer(nn.Module):
    """One layer of a network that looks at a window of the sequence.

    Parameters
    ----------
    n_inputs : int
        Inputs a residue.
    n_outputs : int
        Outputs a residue.
    reach : int
        Residues to either side that the output may depend on; beyond the ends of a chain there are zeros.
    """

    def __init__(self, n_inputs: int, n_outputs: int, reach: int) -> None:
        super().__init__()
        self.reach = reach
        self.units = nn.Linear((2 * reach + 1) * n_inputs, n_outputs)

    def forward(self, features: Tensor, lengths: Tensor) -> Tensor:
        """Return (proteins, residues, n_outputs) of (proteins, residues, n_inputs), zero beyond a protein's length."""
        seen = features
        if self.reach:
            padded = functional.pad(features, (0, 0, self.reach, self.reach))
            seen = padded.unfold(1, 2 * self.reach + 1, 1).flatten(2)
        inside = torch.arange(features.shape[1], device=features.device) < lengths.to(features.device)[:, None]
        return functional.silu(self.units(seen)) * inside[..., None]
