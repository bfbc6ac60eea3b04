"""Proteins as training examples, and batches of about equal length: what the network reads and is measured against.

A batch depends on (seed, epoch, number in the epoch) alone, whatever the number of processes that share it.
"""

from __future__ import annotations

import zlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from levinthal.errors import DataError, UsageError
from levinthal.workloads.rgn.data.features import features_of
from levinthal.workloads.rgn.model.config import N_FEATURES

if TYPE_CHECKING:
    from levinthal.proteins.records.cache import RecordCache
    from levinthal.proteins.records.record import ProteinRecord

__all__ = [
    "MAX_LENGTH",
    "Batch",
    "Protein",
    "ProteinSet",
    "make_batch",
    "plan_epoch",
    "protein_from_record",
    "share_of_rank",
]

MAX_LENGTH = 700
"""Longest protein the published network was trained on, in residues."""

_N_PROFILE = 21
_POOL_BATCHES, _POOLS = 60, 4
"""Batches that are sorted by length together, at most; and pools of an epoch at least, so that neighbours vary."""

Floats = npt.NDArray[np.float32]
Integers = npt.NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class Protein:
    """One example.

    Attributes
    ----------
    name : str
    sequence : str
        One-letter codes.
    profile : ndarray of float32, shape (residues, 21), or None
    backbone_nm : ndarray of float32, shape (residues, 3, 3)
        N, CA and C; zeros where a residue is not resolved.
    mask : ndarray of bool, shape (residues,)
        Resolved residues.
    """

    name: str
    sequence: str
    profile: Floats | None
    backbone_nm: Floats
    mask: npt.NDArray[np.bool_]

    def __len__(self) -> int:
        """Residues."""
        return len(self.mask)

    @property
    def features(self) -> Floats:
        """The network's input, (residues, 41)."""
        return features_of(self.sequence, self.profile)

    @property
    def ca_nm(self) -> Floats:
        """CA atoms, shape (residues, 3)."""
        return self.backbone_nm[:, 1]

    @property
    def weight(self) -> int:
        """Resolved residues; 0 where there are fewer than two, for which no distance is known."""
        resolved = int(np.count_nonzero(self.mask))
        return resolved if resolved >= 2 else 0


def protein_from_record(record: ProteinRecord) -> Protein:
    """Return the example in a ProteinNet record.

    A residue counts as resolved where the mask says so and its CA is a finite position other than the origin, which is
    how the format writes what is missing. A record without coordinates gets weight 0.

    Raises
    ------
    DataError
        The record has no profile of 21 columns: the network would lack half of its input.
    """
    if record.profile is None or record.profile.shape[1] != _N_PROFILE:
        raise _no_profile(record.name)
    coordinates_nm = record.coordinates_nm
    backbone_nm = np.zeros((len(record), 3, 3), np.float32)
    if coordinates_nm is not None:
        backbone_nm[:] = coordinates_nm
    ca_nm = backbone_nm[:, 1]
    mask = record.resolved & np.isfinite(ca_nm).all(axis=1) & ca_nm.any(axis=1)
    backbone_nm[~mask] = 0.0
    return Protein(record.name, record.sequence, np.asarray(record.profile, np.float32), backbone_nm, mask)


def _no_profile(name: str) -> DataError:
    return DataError(f"record {name} has no profile of {_N_PROFILE} columns: search one, or leave the record out")


class ProteinSet:
    """Examples, in memory or read as they are asked for.

    Parameters
    ----------
    lengths : array_like of int
        Residues of each example.
    names : sequence of str
    read : callable
        Returns the example of a number.
    label : str
        What the data are, for the record of what weights were trained on: "proteinnet", "synthetic", or another word.
    n_too_long : int
        Records that were left out for their length.
    """

    def __init__(
        self,
        lengths: npt.ArrayLike,
        names: Sequence[str],
        read: Callable[[int], Protein],
        *,
        label: str = "unlabelled",
        n_too_long: int = 0,
    ) -> None:
        self.lengths: Integers = np.asarray(lengths, np.int64)
        self.names = tuple(names)
        self.label = label
        self.n_too_long = n_too_long
        self._read = read

    @classmethod
    def from_proteins(cls, proteins: Iterable[Protein], *, label: str = "unlabelled") -> ProteinSet:
        """Keep examples in memory."""
        kept = list(proteins)
        return cls([len(p) for p in kept], [p.name for p in kept], kept.__getitem__, label=label)

    @classmethod
    def from_records(
        cls, records: Iterable[ProteinRecord], *, label: str = "unlabelled", max_length: int = MAX_LENGTH
    ) -> ProteinSet:
        """Keep the examples of records in memory, about 100 bytes a residue; for many records use `from_cache`."""
        kept: list[Protein] = []
        n_too_long = 0
        for record in records:
            if len(record.sequence) > max_length:
                n_too_long += 1
            else:
                kept.append(protein_from_record(record))
        result = cls.from_proteins(kept, label=label)
        result.n_too_long = n_too_long
        return result

    @classmethod
    def from_cache(cls, cache: RecordCache, *, label: str = "unlabelled", max_length: int = MAX_LENGTH) -> ProteinSet:
        """Read the examples of a memory-mapped cache as they are asked for; nothing is decoded beforehand."""
        lengths = np.asarray(cache.lengths, np.int64)
        kept = np.flatnonzero((lengths <= max_length) & (lengths > 0))
        names = cache.names
        for i in kept[~np.asarray(cache.has_profile)[kept]][:1]:
            raise _no_profile(names[i])
        return cls(
            lengths[kept],
            [names[i] for i in kept],
            lambda i: protein_from_record(cache[int(kept[i])]),
            label=label,
            n_too_long=int(np.count_nonzero(lengths > max_length)),
        )

    def __len__(self) -> int:
        return len(self.lengths)

    def __getitem__(self, index: int) -> Protein:
        position = int(index)
        if not -len(self) <= position < len(self):
            raise IndexError(f"example {position} of {len(self)}")
        return self._read(position % len(self))

    def __iter__(self) -> Iterator[Protein]:
        return map(self._read, range(len(self)))

    def subset(self, indices: Sequence[int] | npt.NDArray[Any]) -> ProteinSet:
        """Return some of the examples, still where they are."""
        chosen = np.asarray(indices, np.int64)
        return ProteinSet(
            self.lengths[chosen],
            [self.names[i] for i in chosen],
            lambda i: self._read(int(chosen[i])),
            label=self.label,
        )

    @property
    def groups(self) -> tuple[str | None, ...]:
        """ProteinNet's class of each example, the part of its name before `#`.

        It is the identity group of a validation record, or FM, TBM, TBM-hard of a test record.
        """
        return tuple(name.partition("#")[0] if "#" in name else None for name in self.names)

    @property
    def fingerprint(self) -> str:
        """Short digest of names and lengths, to tell one set from another."""
        return f"{len(self)}-{zlib.crc32(self.lengths.tobytes(), zlib.crc32(chr(10).join(self.names).encode())):08x}"


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
