"""Contact maps for training: kept as bits, expanded batch by batch."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol, runtime_checkable

import numpy as np
import numpy.typing as npt

from levinthal.arrays import Integers, Singles
from levinthal.errors import DataError, UsageError
from levinthal.proteins.contact_maps.maps import expand_contacts, packed_size

Maps = Singles


class MapSource(Protocol):
    """Frames that can be drawn in batches."""

    @property
    def size(self) -> int:
        """Rows and columns of a map."""
        ...

    def __len__(self) -> int:
        """Return the number of frames."""
        ...

    def batch(self, frames: Integers, out: Maps | None = None) -> Maps:
        """Return maps (len(frames), size, size) of 0 and 1, in `out` if given."""
        ...


@runtime_checkable
class TargetSource(MapSource, Protocol):
    """Frames of which something else is to be decoded than what is encoded."""

    def targets(self, frames: Integers, out: Maps | None = None) -> Maps:
        """Return the maps (len(frames), size, size) that the model is to decode to, in `out` if given."""
        ...


@dataclass(frozen=True)
class PackedMaps:
    """Contact maps as bits, 48 bytes a frame of 28 residues; see `levinthal.proteins.contact_maps.maps`.

    Attributes
    ----------
    packed : ndarray of uint8, shape (n_frames, packed_size(n_residues))
    n_residues : int
    size : int
        Rows and columns after padding.
    """

    packed: npt.NDArray[np.uint8]
    n_residues: int
    size: int

    def __post_init__(self) -> None:
        expected = packed_size(self.n_residues)
        if self.packed.ndim != 2 or self.packed.dtype != np.uint8 or self.packed.shape[1] != expected:
            raise DataError(
                f"packed contact maps have shape {self.packed.shape} and type {self.packed.dtype}: {self.n_residues} "
                f"residues need (frames, {expected}) of uint8"
            )
        if self.size < self.n_residues:
            raise DataError(f"maps of {self.n_residues} residues do not fit into {self.size} x {self.size}")

    def __len__(self) -> int:
        """Return the number of frames."""
        return len(self.packed)

    def batch(self, frames: Integers, out: Maps | None = None) -> Maps:
        """Return dense maps of some frames, shape (len(frames), size, size)."""
        maps: Maps = expand_contacts(self.packed[frames], self.n_residues, self.size, out=out, threads=1)
        return maps


@dataclass(frozen=True)
class DenseMaps:
    """Contact maps that are dense already, or other maps with values from 0 to 1; padded with zeros.

    Attributes
    ----------
    maps : ndarray of float, bool or uint8, shape (n_frames, n, n)
    size : int
        Rows and columns after padding, at least n.
    """

    maps: npt.NDArray[Any]
    size: int

    def __post_init__(self) -> None:
        if self.maps.ndim != 3 or self.maps.shape[1] != self.maps.shape[2]:
            raise DataError(f"maps have the shape {self.maps.shape}: give (frames, n, n)")
        if self.maps.dtype.kind not in "fbu":
            raise DataError(f"maps are of type {self.maps.dtype}: give floats, booleans or unsigned integers")
        if self.size < self.maps.shape[1]:
            raise DataError(f"maps of {self.maps.shape[1]} rows do not fit into {self.size} x {self.size}")
        for start in range(0, len(self.maps), 4096):
            part = self.maps[start : start + 4096]
            if part.size and not (part.min() >= 0 and part.max() <= 1):
                raise DataError("maps have values outside 0 to 1 (or NaN): a contact is 1, no contact 0")

    def __len__(self) -> int:
        """Return the number of frames."""
        return len(self.maps)

    def batch(self, frames: Integers, out: Maps | None = None) -> Maps:
        """Return float32 maps of some frames, shape (len(frames), size, size)."""
        n = self.maps.shape[1]
        if out is None:
            out = np.zeros((len(frames), self.size, self.size), np.float32)
        else:
            out[:] = 0
        out[:, :n, :n] = self.maps[frames]
        return out


@dataclass(frozen=True)
class SelectedMaps:
    """Some frames of a source, which stay where they are (on the disk, for a memory-mapped one).

    Attributes
    ----------
    source : MapSource
    frames : ndarray of int64
        Which ones, in order.
    """

    source: MapSource
    frames: Integers

    @property
    def size(self) -> int:
        """Rows and columns of a map."""
        return self.source.size

    def __len__(self) -> int:
        """Return the number of frames."""
        return len(self.frames)

    def batch(self, frames: Integers, out: Maps | None = None) -> Maps:
        """Return maps of some of the frames, shape (len(frames), size, size)."""
        return self.source.batch(self.frames[frames], out)


@dataclass(frozen=True)
class LaggedMaps(SelectedMaps):
    """Pairs of frames a lag time apart: the first is encoded, the second decoded to (Hernandez et al. 2018).

    Attributes
    ----------
    source : MapSource
        All frames.
    frames, second : ndarray of int64, shape (n_pairs,)
        Which frames of `source` make the pairs; see `lagged_pairs`.
    """

    second: Integers

    def targets(self, frames: Integers, out: Maps | None = None) -> Maps:
        """Return the second maps of some pairs, shape (len(frames), size, size)."""
        return self.source.batch(self.second[frames], out)


def lagged_pairs(blocks: Sequence[Integers], lag: int) -> tuple[Integers, Integers]:
    """Return the frames t and t + lag of every pair that lies within one block of frames that follow each other.

    Raises
    ------
    UsageError
        A lag below 1.
    DataError
        No block is longer than the lag.
    """
    if lag < 1:
        raise UsageError(f"a lag of {lag} frames: it must be at least 1")
    long_enough = [block for block in blocks if len(block) > lag]
    if not long_enough:
        longest = max(map(len, blocks), default=0)
        raise DataError(
            f"the longest stretch of frames that follow each other has {longest}: a lag of {lag} frames leaves no "
            "pair; take a shorter lag or longer trajectories"
        )
    return np.concatenate([b[:-lag] for b in long_enough]), np.concatenate([b[lag:] for b in long_enough])


def as_source(data: MapSource | npt.NDArray[Any], size: int | None = None, n_residues: int | None = None) -> MapSource:
    """Wrap arrays: (frames, n, n) as `DenseMaps`, (frames, bytes) of uint8 with `n_residues` as `PackedMaps`."""
    if not isinstance(data, np.ndarray):
        return data
    if data.ndim == 3:
        return DenseMaps(data, data.shape[1] if size is None else size)
    if data.ndim == 2 and n_residues is not None:
        return PackedMaps(data, n_residues, n_residues if size is None else size)
    raise DataError(
        f"contact maps have the shape {data.shape}: give dense maps (frames, n, n), or packed ones (frames, bytes) "
        "with n_residues"
    )
