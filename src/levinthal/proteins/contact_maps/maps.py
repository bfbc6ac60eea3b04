"""Contact maps of CA atoms, one bit for each pair of residues.

Two residues are in contact when their CA atoms are closer than 8 A (Ma et al. 2020; the convention of CASP uses CB).
A map is kept as its upper triangle without the diagonal, pairs in row-major order (0,1), (0,2), .. (1,2), ..,
the first pair in the lowest bit of the first byte: `numpy.packbits(..., bitorder="little")`.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any, NamedTuple, TypeAlias, TypeVar

import numpy as np
import numpy.typing as npt

from levinthal.errors import DataError, UsageError
from levinthal.kernels.choice import kernels_allowed

CONTACT_CUTOFF_NM = 0.8

Coordinates: TypeAlias = npt.NDArray[np.float32] | npt.NDArray[np.float64]
Packed: TypeAlias = npt.NDArray[np.uint8]
T = TypeVar("T")


class ContactMaps(NamedTuple):
    """Contact maps of one molecule as bits.

    Attributes
    ----------
    packed : ndarray of uint8, shape (n_frames, packed_size(n_residues))
    n_residues : int

    Examples
    --------
    >>> import numpy as np
    >>> from levinthal.proteins import ContactMaps, pack_contacts
    >>> frames_nm = np.random.default_rng(0).normal(size=(4, 10, 3))
    >>> maps = ContactMaps(pack_contacts(frames_nm), n_residues=10)
    >>> len(maps.packed), maps.n_residues
    (4, 10)
    """

    packed: Packed
    n_residues: int

    def sha256(self) -> str:
        """Return the digest of the number of residues and all maps, in order; it depends on no file format."""
        digest = hashlib.sha256(f"{self.n_residues}\n".encode())
        for frame in range(0, len(self.packed), _FRAMES_AT_ONCE):
            digest.update(np.ascontiguousarray(self.packed[frame : frame + _FRAMES_AT_ONCE]).tobytes())
        return digest.hexdigest()


_FRAMES_AT_ONCE = 4096
_FRAMES_EXPANDED = 64
# Below this many pairs a second thread costs more than it brings (a thread starts in about 50 us).
_PAIRS_WORTH_THREADS = 2_000_000
# The squared distance is off by at most 5 roundings (difference counted twice, square, two sums); 32 is generous.
_BAND_ROUNDINGS = 32


def n_pairs(n_residues: int) -> int:
    """Return how many pairs of different residues there are."""
    return n_residues * (n_residues - 1) // 2


def packed_size(n_residues: int) -> int:
    """Return how many bytes a packed map takes: one bit a pair, the last byte filled up with zeros."""
    return (n_pairs(n_residues) + 7) // 8


def pair_numbers(i: npt.NDArray[np.int64], j: npt.NDArray[np.int64], n_residues: int) -> npt.NDArray[np.int64]:
    """Return the places of pairs i < j in the packed order."""
    return i * (2 * n_residues - i - 1) // 2 + j - i - 1


def _over_frames(work: Callable[[int, int], T], n_frames: int, pairs: int, threads: int | None) -> list[T]:
    """Call `work(start, stop)` on consecutive blocks of frames; results in order of frames."""
    # As many as this process may use: one in a pinned worker.
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    count = min(threads or cores, n_frames)
    if count <= 1 or n_frames * pairs < _PAIRS_WORTH_THREADS:
        return [work(0, n_frames)]
    # Several blocks a thread, for a core that is busy with something else.
    n_blocks = min(4 * count, n_frames)
    bounds = [n_frames * k // n_blocks for k in range(n_blocks + 1)]
    with ThreadPoolExecutor(count) as pool:
        return list(pool.map(work, bounds[:-1], bounds[1:]))


def pack_contacts(
    coordinates_nm: Coordinates, cutoff_nm: float = CONTACT_CUTOFF_NM, *, threads: int | None = None
) -> Packed:
    """Find which residues are in contact, one bit a pair.

    The bits are exactly those of `sqrt(dx*dx + dy*dy + dz*dz) < cutoff_nm` in float64 from the coordinates given. The
    comparison is made in the coordinates' own precision: the difference of two numbers is right to one rounding, so
    the squared distance is right to a few, and the pairs within that band around the cutoff are decided in float64.

    Parameters
    ----------
    coordinates_nm : ndarray of float32 or float64, shape (n_frames, n_residues, 3)
        CA coordinates.
    cutoff_nm : float
        Contact when closer than this; between 0.001 and 1000 nm.
    threads : int, optional
        Threads to use; by default as many as this process may use cores.

    Returns
    -------
    ndarray of uint8, shape (n_frames, packed_size(n_residues))

    Raises
    ------
    DataError
        Coordinates of another shape or type, or not finite (the message names the first such frame).
    UsageError
        A cutoff outside its range.

    Examples
    --------
    >>> import numpy as np
    >>> from levinthal.proteins import pack_contacts
    >>> frames_nm = np.random.default_rng(0).normal(size=(4, 10, 3))
    >>> pack_contacts(frames_nm).shape  # 45 pairs are 45 bits
    (4, 6)
    """
    coordinates = np.ascontiguousarray(coordinates_nm)
    if coordinates.ndim != 3 or coordinates.shape[2] != 3:
        raise DataError(
            f"coordinates have the shape {coordinates.shape}: contact maps need (frames, residues, 3), "
            "one CA atom a residue"
        )
    if coordinates.dtype not in (np.float32, np.float64):
        raise DataError(f"coordinates are of type {coordinates.dtype}: convert them to float32 or float64")
    if not 1e-3 <= cutoff_nm <= 1e3:
        raise UsageError(f"contact cutoff {cutoff_nm} nm: choose one between 0.001 and 1000 nm")
    n_frames, n_residues = coordinates.shape[:2]
    packed = np.zeros((n_frames, packed_size(n_residues)), np.uint8)
    if packed.size == 0:
        if not np.isfinite(coordinates).all():
            raise DataError("coordinates are not finite: drop the broken frames")
        return packed

    if not kernels_allowed():
        return _packed_plainly(coordinates, cutoff_nm)

    from levinthal.kernels.contact_maps import pack_frames

    kind = np.float32 if coordinates.dtype == np.float32 else np.float64
    band = _BAND_ROUNDINGS * float(np.finfo(kind).eps)
    low, high = kind(cutoff_nm**2 * (1 - band)), kind(cutoff_nm**2 * (1 + band))

    def work(start: int, stop: int) -> int:
        return int(pack_frames(coordinates, start, stop, low, high, float(cutoff_nm), packed))

    broken = [frame for frame in _over_frames(work, n_frames, n_pairs(n_residues), threads) if frame >= 0]
    if broken:
        raise _broken(min(broken), n_frames)
    return packed


def _broken(frame: int, n_frames: int) -> DataError:
    return DataError(
        f"frame {frame} of {n_frames} has a coordinate that is not finite (NaN or infinite): "
        "drop the frame, or find out why the simulation broke"
    )


def _packed_plainly(coordinates: npt.NDArray[Any], cutoff_nm: float) -> Packed:
    """Do as `pack_contacts` by numpy, frame after frame."""
    upper = np.triu_indices(coordinates.shape[1], 1)
    packed = np.zeros((len(coordinates), packed_size(coordinates.shape[1])), np.uint8)
    for frame, places in enumerate(coordinates.astype(np.float64)):
        if not np.isfinite(places).all():
            raise _broken(frame, len(coordinates))
        x, y, z = (places[upper[0]] - places[upper[1]]).T
        packed[frame] = np.packbits(np.sqrt(x * x + y * y + z * z) < cutoff_nm, bitorder="little")
    return packed


def pack_maps(maps: npt.NDArray[Any]) -> Packed:
    """Return dense maps as bits; what is above the diagonal counts.

    Parameters
    ----------
    maps : ndarray of bool or numbers, shape (n_frames, n_residues, n_residues)
        A contact is anything but 0.

    Returns
    -------
    ndarray of uint8, shape (n_frames, packed_size(n_residues))

    Raises
    ------
    DataError
        Maps that are not square.

    Examples
    --------
    >>> import numpy as np
    >>> from levinthal.proteins import expand_contacts, pack_maps
    >>> maps = np.ones((2, 10, 10), np.uint8)
    >>> bool((expand_contacts(pack_maps(maps), 10) == maps).all())
    True
    """
    if maps.ndim != 3 or maps.shape[1] != maps.shape[2]:
        raise DataError(f"maps have the shape {maps.shape}: give (frames, residues, residues)")
    rows, columns = np.triu_indices(maps.shape[1], 1)
    return np.packbits(maps[:, rows, columns] != 0, axis=1, bitorder="little")


def crop_contacts(packed: Packed, size: int, n_residues: int) -> Packed:
    """Return maps of `size` residues without those behind the first `n_residues`, which are padding."""
    if n_residues == size:
        return packed
    parts = []
    for first in range(0, len(packed), _FRAMES_EXPANDED):
        block = packed[first : first + _FRAMES_EXPANDED]
        dense = expand_contacts(block, size, out=np.empty((len(block), size, size), np.uint8))
        parts.append(pack_maps(dense[:, :n_residues, :n_residues]))
    return np.concatenate(parts)


def _checked_packed(packed: Packed, n_residues: int) -> Packed:
    if packed.dtype != np.uint8 or packed.ndim != 2 or packed.shape[1] != packed_size(n_residues):
        raise DataError(
            f"packed contacts have shape {packed.shape} and type {packed.dtype}: {n_residues} residues need "
            f"(frames, {packed_size(n_residues)}) of uint8"
        )
    return np.ascontiguousarray(packed)


def unpack_pairs(packed: Packed, n_residues: int) -> npt.NDArray[np.bool_]:
    """Return one boolean for each pair, in row-major order of the upper triangle.

    Parameters
    ----------
    packed : ndarray of uint8, shape (n_frames, packed_size(n_residues))
        Packed contact maps.
    n_residues : int
        Residues of the protein.

    Returns
    -------
    ndarray of bool, shape (n_frames, n_pairs(n_residues))

    Raises
    ------
    DataError
        The array is not made for that number of residues.
    """
    packed = _checked_packed(packed, n_residues)
    return np.unpackbits(packed, axis=1, count=n_pairs(n_residues), bitorder="little").view(np.bool_)


def expand_contacts(
    packed: Packed,
    n_residues: int,
    size: int | None = None,
    out: npt.NDArray[Any] | None = None,
    *,
    threads: int | None = None,
) -> npt.NDArray[Any]:
    """Return dense symmetric maps, padded to a wanted size.

    Parameters
    ----------
    packed : ndarray of uint8, shape (n_frames, packed_size(n_residues))
        Packed contact maps.
    n_residues : int
        Residues of the protein.
    size : int, optional
        Rows and columns of the dense map, at least `n_residues` (the default). Rows and columns beyond the last
        residue are 0, their diagonal too; the diagonal of a real residue is 1.
    out : ndarray of float32 or uint8, shape (n_frames, size, size), optional
        Where to write, C-contiguous; by default a new array of float32.
    threads : int, optional
        Threads to use; by default as many as this process may use cores.

    Returns
    -------
    ndarray, shape (n_frames, size, size)
        `out`.

    Raises
    ------
    DataError
        An array of a wrong shape or type, or a size below `n_residues`.

    Examples
    --------
    >>> import numpy as np
    >>> from levinthal.proteins import expand_contacts, pack_contacts
    >>> frames_nm = np.random.default_rng(0).normal(size=(4, 10, 3))
    >>> expand_contacts(pack_contacts(frames_nm), 10).shape
    (4, 10, 10)
    """
    packed = _checked_packed(packed, n_residues)
    size = n_residues if size is None else size
    if size < n_residues:
        raise DataError(f"maps of {n_residues} residues do not fit into {size} x {size}: choose a larger size")
    shape = (len(packed), size, size)
    if out is None:
        out = np.empty(shape, np.float32)
    elif out.shape != shape or out.dtype not in (np.float32, np.uint8) or not out.flags.c_contiguous:
        raise DataError(
            f"out has shape {out.shape} and type {out.dtype}: expected {shape}, float32 or uint8, C-contiguous"
        )
    if out.size == 0:
        return out

    target = out
    if not kernels_allowed():
        rows, columns = np.triu_indices(n_residues, 1)
        out[:] = 0
        bits = np.unpackbits(packed, axis=1, bitorder="little", count=len(rows))
        out[:, rows, columns] = out[:, columns, rows] = bits
        out[:, range(n_residues), range(n_residues)] = 1
        return out

    from levinthal.kernels.contact_maps import expand_frames

    _over_frames(
        lambda start, stop: expand_frames(packed, start, stop, n_residues, target), len(packed), size * size, threads
    )
    return out
