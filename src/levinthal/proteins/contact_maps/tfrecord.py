"""Contact maps in TFRecord files: each record a TensorFlow `Example` with a map as a list of bytes (Ma et al. 2020).

Written is a feature `contact_map` (one byte a place of the matrix, 0 or 1, row by row, the diagonal 1) and `shape`
(rows, columns). The paper gives neither names nor the type of a number, so reading is wider: the feature may have any
name if it is the only one of bytes, a list may hold a map, its rows, or several maps, and a place may be an integer or
a float of any usual size, with or without a last axis of one channel. What is accepted is a binary, symmetric matrix
and nothing else, which leaves only one reading of any given bytes.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from levinthal.errors import DataError
from levinthal.proteins.contact_maps.maps import ContactMaps, Packed, crop_contacts, expand_contacts, pack_maps
from levinthal.proteins.records.sequence_example import Feature, decode_example, encode_example
from levinthal.proteins.records.tfrecord import read_frames, write_frames

_MAP, _SHAPE = "contact_map", "shape"
_FRAMES_AT_ONCE = 64
# Little-endian, as everybody who writes raw bytes today has them; the likeliest first.
_KINDS = ("u1", "<f4", "<f8", "<f2", "<i4", "<i8", "<i2")


def write_contact_maps_tfrecord(path: str | Path, packed: Packed, n_residues: int) -> None:
    """Write contact maps as a new TFRecord file, a frame a record; it appears whole or not at all.

    Parameters
    ----------
    path : str or Path
    packed : ndarray of uint8, shape (n_frames, packed_size(n_residues))
    n_residues : int

    Raises
    ------
    DataError
        The file cannot be written, or the array is not made for that number of residues.
    """
    shape = np.array([n_residues, n_residues], np.int64)

    def records() -> Iterator[bytes]:
        for first in range(0, len(packed), _FRAMES_AT_ONCE):
            block = packed[first : first + _FRAMES_AT_ONCE]
            dense = np.empty((len(block), n_residues, n_residues), np.uint8)
            for each in expand_contacts(block, n_residues, out=dense):
                yield encode_example({_MAP: (each.tobytes(),), _SHAPE: shape})

    write_frames(path, records())


def read_contact_maps_tfrecord(path: str | Path) -> ContactMaps:
    """Read all contact maps of a TFRecord file, gzipped or not.

    Rows and columns at the end that have no contact in any frame are padding and left out.

    Parameters
    ----------
    path : str or Path

    Raises
    ------
    DataError
        No such file, or a damaged one: names the file and the first bad record, counted from 0.
    """
    path = Path(path)
    size = used = 0
    blocks: list[Packed] = []
    index = -1
    for index, frame in enumerate(read_frames(path)):
        where = f"{path}: record {index}"
        if not frame.intact:
            raise DataError(f"{where} (byte {frame.offset}) is damaged: its checksum is wrong; fetch or make it again")
        try:
            maps = _maps(decode_example(frame.data))
        except DataError as error:
            raise DataError(f"{where}: {error}") from None
        if size and maps.shape[1] != size:
            raise DataError(f"{where} has a map of {maps.shape[1]} rows, those before have {size}")
        size = maps.shape[1]
        touched = np.flatnonzero((maps & ~np.eye(size, dtype=bool)).any(axis=(0, 1)))
        used = max(used, int(touched[-1]) + 1 if touched.size else 0)
        blocks.append(pack_maps(maps))
    if index < 0:
        raise DataError(f"{path} has no records")
    if used == 0:
        raise DataError(f"{path}: no map has a contact of two residues")
    return ContactMaps(crop_contacts(np.concatenate(blocks), size, used), used)


def _maps(features: Mapping[str, Feature]) -> npt.NDArray[np.bool_]:
    """Return the maps of a record, shape (maps, n, n)."""
    of_bytes = {name: each for name, each in features.items() if isinstance(each, tuple) and each}
    feature: Feature | None = of_bytes.get(_MAP) or features.get(_MAP)
    if feature is None and len(of_bytes) == 1:
        (feature,) = of_bytes.values()
    if feature is None:
        raise DataError(
            f"there is no feature {_MAP}, and not one of bytes alone, but {', '.join(features) or 'nothing'}"
        )
    if isinstance(feature, np.ndarray):
        return _matrix(feature, _side(feature.size))[None]
    rows = _side(sum(map(len, feature)))
    if len(feature) > 1 and rows == len(feature) == len(feature[0]):
        feature = (b"".join(feature),)
    stated = features.get(_SHAPE)
    side = int(stated[0]) if isinstance(stated, np.ndarray) and stated.dtype == np.int64 and stated.size else None
    found = [_from_bytes(each, side) for each in feature]
    if len({each.shape for each in found}) > 1:
        raise DataError("its maps are of different sizes")
    return np.stack(found)


def _side(places: int) -> int:
    """Return the rows of a square matrix of so many places, or 0."""
    side = math.isqrt(places)
    return side if side**2 == places else 0


def _from_bytes(data: bytes, stated: int | None) -> npt.NDArray[np.bool_]:
    for kind in _KINDS:
        width = np.dtype(kind).itemsize
        side = _side(len(data) // width)
        if side < 2 or side**2 * width != len(data) or stated not in (None, side):
            continue
        try:
            return _matrix(np.frombuffer(data, kind), side)
        except DataError:
            continue
    raise DataError(f"{len(data):,} bytes are not a binary, symmetric contact map")


def _matrix(values: npt.NDArray[Any], side: int) -> npt.NDArray[np.bool_]:
    """Return a map, or refuse anything but a binary and symmetric one with an even diagonal (all 1, or all 0)."""
    if side < 2:
        raise DataError(f"{values.size:,} numbers are not a square matrix")
    contacts = values == 1
    if not (contacts | (values == 0)).all():
        raise DataError("a place of the map is neither 0 nor 1")
    matrix: npt.NDArray[np.bool_] = contacts.reshape(side, side)
    if not np.array_equal(matrix, matrix.T):
        raise DataError("the map is not symmetric")
    return matrix
