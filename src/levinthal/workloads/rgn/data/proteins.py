"""Proteins as training examples: what the network reads and is measured against, in memory or on the disk."""

from __future__ import annotations

import zlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from levinthal.arrays import Integers, Mask, Singles
from levinthal.errors import DataError
from levinthal.workloads.rgn.data.features import features_of

if TYPE_CHECKING:
    from levinthal.proteins.records.cache import RecordCache
    from levinthal.proteins.records.record import ProteinRecord

MAX_LENGTH = 700
"""Longest protein the published network was trained on, in residues."""

_N_PROFILE = 21


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
    profile: Singles | None
    backbone_nm: Singles
    mask: Mask

    def __len__(self) -> int:
        """Residues."""
        return len(self.mask)

    @property
    def features(self) -> Singles:
        """The network's input, (residues, 41)."""
        return features_of(self.sequence, self.profile)

    @property
    def ca_nm(self) -> Singles:
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
        """Short digest of names and lengths, to distinguish one set from another."""
        return f"{len(self)}-{zlib.crc32(self.lengths.tobytes(), zlib.crc32(chr(10).join(self.names).encode())):08x}"
