"""Contact maps in HDF5 as lists of contacts, one a frame: found, counted, and turned into bits."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from levinthal.errors import DataError
from levinthal.proteins.contact_maps.hdf5 import MAX_RESIDUES, RESIDUES, h5py_module
from levinthal.proteins.contact_maps.hdf5_access import DAMAGE, MOST_PACKED, first_line, own
from levinthal.proteins.contact_maps.maps import ContactMaps, Packed, packed_size, pair_numbers

__all__ = ["LEAST_RESIDUES", "ContactLists", "contact_lists", "read_lists"]

LEAST_RESIDUES = 3
"""Lists of fewer residues are flattened maps of 0 and 1."""

_CHUNK = 128
# A frame in a chunk is a length and a place in the file's heap (HDF5 file format, IV.B: 4 + 8 + 4 bytes).
_REFERENCE = np.dtype([("length", "<u4"), ("address", "<u8"), ("number", "<u4")])

Lists = list[npt.NDArray[np.int64]]


class ContactLists(NamedTuple):
    """Lists of contacts.

    Attributes
    ----------
    n_frames : int
    n_residues : int or None
        Where the file says it.
    read : callable
        Of the first frame and the one behind the last: rows and columns of each, arrays of shape (2, n_contacts).
    """

    n_frames: int
    n_residues: int | None
    read: Callable[[int, int], Lists]


def contact_lists(node: Any, name: str, path: Path) -> ContactLists:
    """Return the lists of a data set of lists of rows and columns, or of a group of two; others are refused."""
    h5py = h5py_module()
    if isinstance(node, h5py.Group):
        rows, columns = (own(node, each, path) for each in ("row", "col"))
        if rows is None or columns is None:
            raise DataError(f"{path}: {name} is a group without row and col: no contact maps of DeepDriveMD")
        n_frames = _check_length(rows, f"{name}/row", path)
        if _check_length(columns, f"{name}/col", path) != n_frames:
            raise DataError(f"{path}: {name} has {n_frames} lists of rows but {len(columns)} of columns")

        def read_two(first: int, last: int) -> Lists:
            both = zip(
                _lists(rows, f"{name}/row", path, first, last),
                _lists(columns, f"{name}/col", path, first, last),
                strict=True,
            )
            found = []
            for frame, (row, column) in enumerate(both, first):
                if len(row) != len(column):
                    raise DataError(f"{path}: frame {frame} has {len(row)} rows but {len(column)} columns")
                found.append(np.stack([row, column]).astype(np.int64))
            return found

        return ContactLists(n_frames, None, read_two)
    n_frames = _check_length(node, name, path)

    def read_one(first: int, last: int) -> Lists:
        found = []
        for frame, both in enumerate(_lists(node, name, path, first, last), first):
            if len(both) % 2:
                raise DataError(f"{path}: frame {frame} has {len(both)} numbers, which are not as many rows as columns")
            found.append(np.reshape(both, (2, -1)).astype(np.int64))
        return found

    stated = node.attrs.get(RESIDUES)
    if stated is not None and (not isinstance(stated, int | np.integer) or not 1 <= stated <= MAX_RESIDUES):
        raise DataError(f"{path}: the attribute {RESIDUES} is {stated!r}: it must be a number from 1 to {MAX_RESIDUES}")
    return ContactLists(n_frames, None if stated is None else int(stated), read_one)


def _check_length(dataset: Any, name: str, path: Path) -> int:
    """Return the frames of lists of variable length, or refuse more than the file can hold."""
    h5py = h5py_module()
    kind = h5py.check_vlen_dtype(dataset.dtype) if isinstance(dataset, h5py.Dataset) else None
    if kind is None or np.dtype(kind).kind not in "iu" or dataset.ndim != 1:
        what = f"{dataset.dtype} of shape {dataset.shape}" if isinstance(dataset, h5py.Dataset) else "a group"
        raise DataError(
            f"{path}: {name} is neither a list of integer lists, one a frame, nor maps of (frames, n, n): it is {what}"
        )
    packed = dataset.compression is not None
    if len(dataset) * _REFERENCE.itemsize > path.stat().st_size * (MOST_PACKED if packed else 1):
        raise DataError(
            f"{path}: {name} says it has {len(dataset):,} frames, more than the file can hold: it is damaged"
        )
    if not packed:
        _check_list_lengths(dataset, np.dtype(kind).itemsize, name, path)
    return len(dataset)


def _check_list_lengths(dataset: Any, item_bytes: int, name: str, path: Path) -> None:
    """Refuse a list longer than the file: libhdf5 takes the memory for it before it finds that it is not there."""
    n_frames, size = len(dataset), path.stat().st_size
    if dataset.chunks is None:
        offset = dataset.id.get_offset()
        if offset is None:
            return
        with path.open("rb") as file:
            file.seek(offset)
            pieces = [(0, file.read(n_frames * _REFERENCE.itemsize))]
    else:
        pieces = []
        for k in range(dataset.id.get_num_chunks()):
            chunk = dataset.id.get_chunk_info(k)
            pieces.append((chunk.chunk_offset[0], dataset.id.read_direct_chunk(chunk.chunk_offset)[1]))
    for first, piece in pieces:
        lengths = np.frombuffer(piece, _REFERENCE, len(piece) // _REFERENCE.itemsize)["length"][: n_frames - first]
        wrong = np.flatnonzero(lengths.astype(np.int64) * item_bytes > size)
        if wrong.size:
            raise DataError(
                f"{path}: frame {first + wrong[0]} of {name} says it has {lengths[wrong[0]]:,} numbers, more than the "
                "file can hold: it is damaged"
            )


def _lists(dataset: Any, name: str, path: Path, first: int, last: int) -> Any:
    """Return some frames' lists; where they cannot be read, or are not there, name the first such frame."""
    try:
        found = dataset[first:last]
    except DAMAGE:
        for frame in range(first, last):
            try:
                dataset[frame]
            except DAMAGE as error:
                raise DataError(
                    f"{path}: frame {frame} of {name} cannot be read ({first_line(error)}): it is damaged or cut off"
                ) from None
        raise
    for frame, each in enumerate(found, first):
        if len(each) == 0:
            raise DataError(f"{path}: frame {frame} of {name} is empty: it was never written; make the file again")
    return found


def read_lists(frames: ContactLists, name: str, path: Path) -> ContactMaps:
    """Return all frames as bits; what the numbers cannot mean is refused, with the first frame that shows it."""
    blocks = [(k, min(k + _CHUNK, frames.n_frames)) for k in range(0, frames.n_frames, _CHUNK)]
    most, last_residue, first_residue = 0, -1, MAX_RESIDUES
    for block in blocks:
        for each in frames.read(*block):
            most, last_residue = max(most, each.shape[1]), max(last_residue, int(each.max()))
            first_residue = min(first_residue, int(each.min()))
    n_residues = last_residue + 1 if frames.n_residues is None else frames.n_residues
    if first_residue < 0:
        raise DataError(f"{path}: {name} lists residue {first_residue}: indices count from 0, it is damaged")
    if frames.n_residues is None and n_residues < LEAST_RESIDUES:
        raise DataError(
            f"{path}: {name} lists nothing but {' and '.join(map(str, range(n_residues)))}: flattened maps of 0 and 1, "
            "not the indices of residues in contact; write maps of shape (frames, n, n)"
        )
    if frames.n_residues is None and first_residue > 0:
        raise DataError(
            f"{path}: {name} lists residues {first_residue} to {last_residue}, never 0: indices count from 0 there; "
            f"subtract {first_residue}, or state the number of residues as the attribute {RESIDUES}"
        )
    # Neighbours in a chain touch: a map has at least one contact less than residues.
    if not 2 <= n_residues <= min(MAX_RESIDUES, most + 1):
        what = f"lists residue {last_residue}" if frames.n_residues is None else f"says it has {n_residues} residues"
        raise DataError(f"{path} {what}, but no more than {most} contacts in a frame: it is damaged")
    packed = np.empty((frames.n_frames, packed_size(n_residues)), np.uint8)
    for first, last in blocks:
        for frame, contacts in enumerate(frames.read(first, last), first):
            packed[frame] = _packed(contacts, n_residues, f"{path}: frame {frame}")
    return ContactMaps(packed, n_residues)


def _packed(contacts: npt.NDArray[np.int64], n_residues: int, where: str) -> Packed:
    """Return a map as bits from its contacts; one triangle is enough, two must agree."""
    if contacts.min() < 0 or contacts.max() >= n_residues:
        wrong = contacts[(contacts < 0) | (contacts >= n_residues)][0]
        raise DataError(f"{where} has a contact of residue {wrong}, of {n_residues} (numbered from 0): it is damaged")
    row, column = contacts
    places = row * n_residues + column
    once, times = np.unique(places, return_counts=True)
    if len(once) != len(places):
        twice = divmod(int(once[times > 1][0]), n_residues)
        raise DataError(
            f"{where} lists residues {twice[0]} and {twice[1]} twice: its numbers are not rows of all contacts, and "
            "then their columns"
        )
    above, below = row < column, row > column
    pairs = np.sort(pair_numbers(row[above], column[above], n_residues))
    mirrored = np.sort(pair_numbers(column[below], row[below], n_residues))
    if pairs.size and mirrored.size and not np.array_equal(pairs, mirrored):
        lone = int(np.setxor1d(pairs, mirrored)[0])
        raise DataError(f"{where} has pair {lone} on one side of the diagonal only: it is damaged")
    packed = np.zeros(packed_size(n_residues), np.uint8)
    pairs = pairs if pairs.size else mirrored
    np.bitwise_or.at(packed, pairs >> 3, (1 << (pairs & 7)).astype(np.uint8))
    return packed
