"""A loss that looks at torsions and short stretches of the chain first, and at whole proteins in the end.

An early torsion moves everything downstream of it: gradients of whole-protein distances are large, and hardly say which
torsion is wrong. Distances within a stretch depend on its own torsions alone, and beside them stands, fading out, how
far the torsions themselves are off. This is ours, not the original's.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional

from levinthal.errors import UsageError
from levinthal.proteins.geometry.backbone import internal_coordinates
from levinthal.proteins.geometry.distance_rmsd import distance_rmsd
from levinthal.workloads.training.plain_data import PlainData


@dataclass(frozen=True)
class Curriculum(PlainData):
    """How long the stretches of the loss are.

    Attributes
    ----------
    first_window : int
        Residues of a stretch at the start of training.
    share : float
        Share of training after which the loss is the dRMSD of whole proteins and nothing else; until then stretches
        grow geometrically.
    torsion_weight_nm : float
        What a torsion distance of 1 counts beside a dRMSD of so many nm at the start; falls to 0 linearly.
    """

    described = "curriculum"

    first_window: int = 6
    share: float = 0.6
    torsion_weight_nm: float = 0.1

    def __post_init__(self) -> None:
        if not isinstance(self.first_window, int) or self.first_window < 2:
            raise UsageError(
                f"curriculum: first_window is {self.first_window!r}, it must be a whole number of at least 2"
            )
        if not 0.0 < self.share <= 1.0:
            raise UsageError(f"curriculum: share is {self.share}, it must be above 0 and at most 1")
        if not 0.0 <= self.torsion_weight_nm < math.inf:
            raise UsageError(f"curriculum: torsion_weight_nm is {self.torsion_weight_nm}, it must not be negative")

    def torsions_nm(self, progress: float) -> float:
        """Return the weight of the torsion distance when this share of training is done."""
        return self.torsion_weight_nm * max(0.0, 1.0 - progress / self.share)

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


def torsion_distance(dihedrals_rad: Tensor, backbone_nm: Tensor, mask: Tensor) -> tuple[Tensor, Tensor]:
    """Return for each protein the sum of 1 - cos(difference) over omega, phi and psi, and over how many residues.

    A residue counts where N, CA and C of it and of both its neighbours are resolved.

    Parameters
    ----------
    dihedrals_rad : Tensor, shape (proteins, residues, 3)
    backbone_nm : Tensor, shape (proteins, residues, 3, 3)
    mask : Tensor of bool, shape (proteins, residues)

    Returns
    -------
    distance, n_residues : Tensor, shape (proteins,)
    """
    whole = mask & backbone_nm.any(dim=-1).all(dim=-1)
    known = torch.zeros_like(whole)
    known[:, 1:-1] = whole[:, :-2] & whole[:, 1:-1] & whole[:, 2:]
    with torch.no_grad():
        native_rad = torch.where(known[..., None], internal_coordinates(backbone_nm).dihedrals_rad, 0.0)
    distance = (1.0 - torch.cos(dihedrals_rad - native_rad)).sum(dim=-1)
    return (distance * known).sum(dim=1), known.sum(dim=1)
