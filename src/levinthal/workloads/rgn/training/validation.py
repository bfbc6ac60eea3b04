"""How far predicted structures are from known ones, over a set of proteins and over the ranks that share the work."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

import numpy as np
import torch
from torch import nn

from levinthal.arrays import Doubles
from levinthal.proteins.geometry.distance_rmsd import distance_rmsd
from levinthal.workloads.rgn.data.batches import Batch, make_batch
from levinthal.workloads.rgn.data.proteins import ProteinSet
from levinthal.workloads.rgn.model.network import Prediction
from levinthal.workloads.training.process_group import rank_and_size, sum_over_ranks


@dataclass(frozen=True, eq=False)
class Evaluation:
    """dRMSD of each example.

    Attributes
    ----------
    drmsd_nm : ndarray, shape (examples,)
        NaN where fewer than two residues are resolved.
    weights : ndarray, shape (examples,)
        Resolved residues.
    groups : tuple of str or None
    """

    drmsd_nm: Doubles
    weights: Doubles
    groups: tuple[str | None, ...]

    @property
    def mean_nm(self) -> float:
        """Mean over the examples, each counted once."""
        counted = self.drmsd_nm[self.weights > 0]
        return float(counted.mean()) if len(counted) else math.nan

    @property
    def loss_nm(self) -> float:
        """Mean weighted by resolved residues, as in the loss."""
        counted = self.weights > 0
        return float(np.average(self.drmsd_nm[counted], weights=self.weights[counted])) if counted.any() else math.nan

    @property
    def by_group_nm(self) -> dict[str, float]:
        """Mean of each group."""
        groups = np.array([group or "" for group in self.groups])
        counted = self.weights > 0
        return {
            str(group): float(self.drmsd_nm[counted & (groups == group)].mean())
            for group in dict.fromkeys(groups[counted])
            if group
        }


@torch.no_grad()
def evaluate(
    model: nn.Module, proteins: ProteinSet, *, batch_size: int = 32, precision: Literal["fp32", "bf16"] = "fp32"
) -> Evaluation:
    """Return the dRMSD of each example, without dropout; ranks of a process group share the work and get all of it."""
    device = device_of(model)
    rank, n_ranks = rank_and_size()
    training = model.training
    model.eval()
    found = torch.zeros(2, len(proteins), dtype=torch.float64)
    order = np.argsort(proteins.lengths, kind="stable")
    for start in range(0, len(order), batch_size):
        indices = order[start : start + batch_size]
        if start // batch_size % n_ranks == rank:
            batch = make_batch(proteins, indices).to(device)
            ca_nm = predicted(model, batch, precision).atoms_nm[:, :, 1]
            found[0, indices] = distance_rmsd(ca_nm, batch.ca_nm, batch.mask).double().cpu()
            found[1, indices] = batch.weights.double().cpu()
    model.train(training)
    found = sum_over_ranks(found, device)
    drmsd_nm, weights = found.numpy()
    drmsd_nm[weights == 0] = math.nan
    return Evaluation(drmsd_nm, weights, proteins.groups)


def predicted(network: nn.Module, batch: Batch, precision: str) -> Prediction:
    """Return torsions and atoms of a batch; layers in `precision`, what follows them in fp32."""
    with torch.autocast(batch.features.device.type, dtype=torch.bfloat16, enabled=precision == "bf16"):
        found = network(batch.features, batch.lengths)
    return Prediction(found.dihedrals_rad.float(), found.atoms_nm.float())


def device_of(model: nn.Module) -> torch.device:
    """Return where a model's parameters are."""
    return next(model.parameters()).device
