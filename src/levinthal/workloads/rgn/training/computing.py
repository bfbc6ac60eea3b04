"""Whether the network is computed right on this machine, and its dRMSD falls: gates of a size too short to learn."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor, nn

from levinthal.arrays import Integers
from levinthal.kernels.choice import implementation
from levinthal.proteins.geometry.distance_rmsd import distance_rmsd
from levinthal.workloads.rgn.data.batches import make_batch
from levinthal.workloads.rgn.data.proteins import ProteinSet
from levinthal.workloads.rgn.model.network import RGNModel
from levinthal.workloads.rgn.training.validation import device_of, evaluate, predicted
from levinthal.workloads.training.judging import deviation, gradients_of

__all__ = ["drmsd_nm", "gradient_deviation"]

_PROTEINS = 4
_MOST_PROTEINS = 32


def gradient_deviation(model: RGNModel, proteins: ProteinSet, precision: str) -> float:
    """Return how far the gradients of one batch are from those of plain torch in double precision.

    Parameters
    ----------
    model : RGNModel
        On the device that it is trained on; is not changed.
    proteins : ProteinSet
        The batch is 4 of them, from the shortest to the longest.
    precision : {"fp32", "bf16"}
        Of the layers in training.
    """
    batch = make_batch(proteins, _spread(proteins, _PROTEINS))

    def loss(copied: nn.Module) -> Tensor:
        device = device_of(copied)
        here = batch.to(device)
        if next(copied.parameters()).dtype == torch.float64:
            atoms_nm = copied(here.features.double(), here.lengths).atoms_nm
            truth_nm = here.ca_nm.double()
        else:
            atoms_nm, truth_nm = predicted(copied, here, precision).atoms_nm, here.ca_nm
        apart_nm = distance_rmsd(atoms_nm[:, :, 1].contiguous(), truth_nm, here.mask)
        return (apart_nm * here.weights).sum() / here.weights.sum()

    with implementation("torch"):
        plain = gradients_of(model, loss, double=True)
    return deviation(gradients_of(model, loss), plain)


def drmsd_nm(model: RGNModel, proteins: ProteinSet) -> float:
    """Return the dRMSD of at most 32 proteins, from the shortest to the longest, weighted as in the loss."""
    return evaluate(model, proteins.subset(_spread(proteins, _MOST_PROTEINS))).loss_nm


def _spread(proteins: ProteinSet, most: int) -> Integers:
    order = np.argsort(proteins.lengths, kind="stable")
    return order[np.unique(np.linspace(0, len(order) - 1, min(len(order), most)).astype(np.int64))]
