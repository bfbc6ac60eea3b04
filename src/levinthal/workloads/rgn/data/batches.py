"""Batches of proteins of about equal length.

A batch depends on (seed, epoch, number in the epoch) alone, whatever the number of processes that share it.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from levinthal.arrays import Integers
from levinthal.errors import UsageError
from levinthal.workloads.rgn.data.proteins import ProteinSet
from levinthal.workloads.rgn.model.config import N_FEATURES

_POOL_BATCHES, _POOLS = 60, 4
"""Batches that are sorted by length together, at most; and pools of an epoch at least, so that neighbours vary."""


@dataclass(frozen=True, eq=False)
class Batch:
    """Examples padded to the longest of them.

    Attributes
    ----------
    features : Tensor of float32, shape (proteins, residues, 41)
    lengths : Tensor of int64, shape (proteins,)
    backbone_nm : Tensor of float32, shape (proteins, residues, 3, 3)
        N, CA and C.
    mask : Tensor of bool, shape (proteins, residues)
        Resolved residues; False in the padding.
    weights : Tensor of float32, shape (proteins,)
        Resolved residues of each, 0 where there are fewer than two, and where an example only fills a rank's place.
    """

    features: Tensor
    lengths: Tensor
    backbone_nm: Tensor
    mask: Tensor
    weights: Tensor

    def to(self, device: torch.device) -> Batch:
        """Return the batch on a device."""
        if device.type == "cpu":
            return self
        names = ("features", "lengths", "backbone_nm", "mask", "weights")
        moved = {name: getattr(self, name).pin_memory().to(device, non_blocking=True) for name in names}
        return replace(self, **moved)

    @property
    def ca_nm(self) -> Tensor:
        """CA atoms, shape (proteins, residues, 3)."""
        return self.backbone_nm[:, :, 1].contiguous()

    @property
    def residues(self) -> int:
        """Without padding."""
        return int(self.lengths.sum())

    @property
    def padded_residues(self) -> int:
        """With padding: what is computed."""
        return self.mask.numel()


def make_batch(proteins: ProteinSet, indices: npt.ArrayLike, *, n_counted: int | None = None) -> Batch:
    """Read examples into one padded batch.

    Parameters
    ----------
    proteins : ProteinSet
    indices : array_like of int
        Which, at least one.
    n_counted : int, optional
        The first so many have their weights; the others, which fill a rank's place, get 0.
    """
    read = [proteins[int(i)] for i in np.asarray(indices)]
    n, longest = len(read), max(map(len, read))
    features = np.zeros((n, longest, N_FEATURES), np.float32)
    backbone_nm, mask = np.zeros((n, longest, 3, 3), np.float32), np.zeros((n, longest), bool)
    weights = np.zeros(n, np.float32)
    for k, protein in enumerate(read):
        features[k, : len(protein)] = protein.features
        backbone_nm[k, : len(protein)] = protein.backbone_nm
        mask[k, : len(protein)] = protein.mask
        weights[k] = protein.weight if n_counted is None or k < n_counted else 0
    lengths = torch.tensor([len(protein) for protein in read])
    return Batch(torch.from_numpy(features), lengths, *map(torch.from_numpy, (backbone_nm, mask, weights)))


def plan_epoch(
    lengths: npt.ArrayLike, batch_size: int, *, seed: int, epoch: int = 0, max_padded_residues: int | None = None
) -> list[Integers]:
    """Return the examples of each batch of an epoch: every example once, in a new order, neighbours of like length.

    The order is drawn; within pools of up to 60 batches examples are sorted by length and cut into batches; the batches
    are shuffled. Small sets have at least four pools, so that an example meets different neighbours.

    Parameters
    ----------
    lengths : array_like of int, shape (examples,)
    batch_size : int
        Most examples of a batch.
    seed, epoch : int
        What the order depends on.
    max_padded_residues : int, optional
        Most residues of a batch with its padding; an example that is longer is a batch of its own.

    Raises
    ------
    UsageError
        A limit below 1.
    """
    if batch_size < 1 or (max_padded_residues is not None and max_padded_residues < 1):
        raise UsageError("batch_size and max_padded_residues must be at least 1")
    sizes = np.asarray(lengths, np.int64)
    rng = np.random.default_rng([seed, epoch])
    order = rng.permutation(len(sizes))
    pool = batch_size * int(np.clip(len(sizes) // (batch_size * _POOLS), 1, _POOL_BATCHES))
    batches: list[Integers] = []
    for start in range(0, len(order), pool):
        members = order[start : start + pool]
        members = members[np.argsort(sizes[members], kind="stable")]
        batches += _cut(members, sizes, batch_size, max_padded_residues)
    return [batches[i] for i in rng.permutation(len(batches))]


def _cut(members: Integers, sizes: Integers, batch_size: int, max_padded_residues: int | None) -> Iterator[Integers]:
    first = 0
    for last in range(1, len(members) + 1):
        full = last - first == batch_size or last == len(members)
        if not full and max_padded_residues is not None:
            # lengths rise: the next example sets the width of all
            full = (last - first + 1) * sizes[members[last]] > max_padded_residues
        if full:
            yield members[first:last]
            first = last


def share_of_rank(indices: Integers, rank: int, n_ranks: int) -> tuple[Integers, int]:
    """Return the examples of a batch that one of several ranks computes, and how many of them count.

    Together the ranks count each example once. Examples are dealt in turn: those of a batch are sorted by length, so
    that ranks get about the same work. A rank that would be left without gets one to fill its place, with weight 0.
    """
    share = indices[rank::n_ranks]
    return (share, len(share)) if len(share) else (indices[:1], 0)
