"""A loss that looks at short stretches of the chain first, and at ever longer ones until it is that of whole proteins.

An early torsion moves everything downstream of it: gradients of whole-protein distances are large, and hardly say which
torsion is wrong. Distances within a stretch depend on its own torsions alone. This is ours, not the original's.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional

from levinthal.errors import UsageError
from levinthal.proteins.distance_rmsd import distance_rmsd

__all__ = ["Curriculum", "cut_in_windows", "window_drmsd_nm"]


@dataclass(frozen=True)
class Curriculum:
    """How long the stretches of the loss are.

    Attributes
    ----------
    first_window : int
        Residues of a stretch at the start of training.
    share : float
        Share of training after which the loss is that of whole proteins; until then stretches grow geometrically.
    """

    first_window: int = 8
    share: float = 0.6

    def __post_init__(self) -> None:
        if not isinstance(self.first_window, int) or self.first_window < 2:
            raise UsageError(
                f"curriculum: first_window is {self.first_window!r}, it must be a whole number of at least 2"
            )
        if not 0.0 < self.share <= 1.0:
            raise UsageError(f"curriculum: share is {self.share}, it must be above 0 and at most 1")

    def window(self, progress: float, longest: int) -> int:
        """Return the residues of a stretch when this share of training is done; 0 for whole proteins.

        Parameters
        ----------
        progress : float
            0 to 1.
        longest : int
            Residues of the longest protein.
        """
        if progress >= self.share or longest <= self.first_window:
            return 0
        return int(self.first_window * (longest / self.first_window) ** (progress / self.share))

    @classmethod
    def from_dict(cls, data: dict[str, Any]) -> Curriculum:
        """Rebuild from `dataclasses.asdict`.

        Raises
        ------
        UsageError
            A key that is unknown, or a value of the wrong type or out of range.
        """
        try:
            return cls(**data)
        except TypeError as error:
            raise UsageError(f"curriculum: {error}") from None


def cut_in_windows(values: Tensor, window: int) -> Tensor:
    """Return stretches that overlap by half, (proteins, stretches, window, ...), of (proteins, residues, ...).

    The last is filled up with zeros.
    """
    stride = max(1, window // 2)
    length = values.shape[1]
    n = max(0, math.ceil((length - window) / stride)) + 1
    missing = (n - 1) * stride + window - length
    # pads the second dimension; those after it come first in torch's list
    padded = functional.pad(values, [0, 0] * (values.ndim - 2) + [0, missing])
    return padded.unfold(1, window, stride).movedim(-1, 2)


def window_drmsd_nm(
    predicted_nm: Tensor, reference_nm: Tensor, mask: Tensor, lengths: Tensor, window: int
) -> tuple[Tensor, Tensor]:
    """Return dRMSD and weight of each stretch of each protein.

    A protein has the stretches that cover it, the same whatever it is padded to.

    Parameters
    ----------
    predicted_nm, reference_nm : Tensor, shape (proteins, residues, 3)
    mask : Tensor of bool, shape (proteins, residues)
    lengths : Tensor of int64, shape (proteins,)
    window : int
        Residues of a stretch.

    Returns
    -------
    drmsd_nm, weights : Tensor, shape (proteins, stretches)
        The weight is the number of resolved residues, 0 where there are fewer than two.
    """
    mask = cut_in_windows(mask, window)
    n_stretches = mask.shape[1]
    stride = max(1, window // 2)
    needed = torch.clamp(torch.ceil((lengths - window) / stride), min=0) + 1
    mask = mask & (torch.arange(n_stretches, device=mask.device) < needed[:, None])[..., None]
    predicted, reference = (
        cut_in_windows(atoms, window).reshape(-1, window, 3).contiguous() for atoms in (predicted_nm, reference_nm)
    )
    drmsd_nm = distance_rmsd(predicted, reference, mask.reshape(-1, window).contiguous())
    resolved = mask.sum(dim=2)
    weights = torch.where(resolved >= 2, resolved, 0).to(drmsd_nm.dtype)
    return drmsd_nm.reshape(mask.shape[:2]), weights
