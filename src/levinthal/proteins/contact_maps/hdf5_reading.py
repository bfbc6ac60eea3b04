"""Contact maps in HDF5 as DeepDriveMD and its relatives write them: read right, or refused in one line.

Two layouts are read, under the name `contact_map` or `contact_maps`:

- lists of variable length, one a frame: the rows of all contacts, then their columns, numbered from 0 (`hdf5`), or
  a group with such lists `row` and `col`, DeepDriveMD's older form. One triangle is enough, two must agree, and no
  pair is listed twice. Nothing but our attribute says how many residues there are: else the largest index counts;
- dense arrays of 0 and 1, (frames, n, n) with or without an axis of one channel, or (frames, n * n), as the first CVAEs
  of contact maps kept them. Rows and columns at the end without a contact in any frame are padding.

Lists of numbers have many other meanings (flattened maps, indices from 1 on, flat indices). What tells these apart is
the chain: bonded residues touch, so that each residue is in contact with one next to it in some frame. Other data sets
with a number for each frame (`rmsd`, `fnc`) are read by `read_scalars_hdf5`.
"""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from levinthal.errors import DataError
from levinthal.proteins.contact_maps.hdf5 import MAPS, MAX_RESIDUES, h5py_module
from levinthal.proteins.contact_maps.hdf5_access import MOST_PACKED, opened, own
from levinthal.proteins.contact_maps.hdf5_lists import LEAST_RESIDUES, contact_lists, read_lists
from levinthal.proteins.contact_maps.maps import ContactMaps, crop_contacts, pack_maps, packed_size, pair_numbers

__all__ = ["read_contact_maps_hdf5", "read_scalars_hdf5"]

_NAMES = (MAPS, "contact_maps")
_BYTES_AT_ONCE = 1 << 26


def read_contact_maps_hdf5(path: str | Path) -> ContactMaps:
    """Read all contact maps of a file.

    Parameters
    ----------
    path : str or Path
        Written by DeepDriveMD, mdtools, `ContactMapHDF5Writer`, or with the layouts above.

    Returns
    -------
    ContactMaps
        Packed maps and the number of residues; the diagonal is not kept.

    Raises
    ------
    DataError
        No such file, no such data set, one of another meaning, or a damaged one: names the file and the first bad
        frame, counted from 0.
    MissingExtraError
        h5py is not installed.
    """
    path = Path(path)
    with opened(path) as file:
        name, node = _find(file, path)
        side = _side(node)
        if side is not None:
            return _checked_chain(_read_dense(node, side, name, path), path)
        frames = contact_lists(node, name, path)
        if frames.n_frames == 0:
            raise DataError(f"{path}: {name} has no frames")
        found = read_lists(frames, name, path)
    return found if frames.n_residues is not None else _checked_chain(found, path)


def read_scalars_hdf5(path: str | Path, n_frames: int) -> dict[str, npt.NDArray[np.float64]]:
    """Return the data sets of a file that hold one number for each frame, such as `rmsd`; errors as above."""
    h5py = h5py_module()
    path = Path(path)
    found = {}
    with opened(path) as file:
        for name in file:
            node = own(file, name, path)
            if isinstance(node, h5py.Dataset) and node.shape == (n_frames,) and node.dtype.kind in "fiu":
                found[name] = np.asarray(node[:], np.float64)
    return found


def _find(file: Any, path: Path) -> tuple[str, Any]:
    found = {name: node for name in _NAMES if (node := own(file, name, path)) is not None}
    if not found:
        there = ", ".join(list(file)[:8]) or "nothing"
        raise DataError(f"{path} has no data set {MAPS} (it has {there}): name the file that holds the maps")
    if len(found) > 1:
        raise DataError(f"{path} has the data sets {' and '.join(found)}: copy the one that is meant into a file")
    return next(iter(found.items()))


def _side(node: Any) -> int | None:
    """Return the rows of the maps of a dense array, flat or square, with or without a channel; None of others."""
    h5py = h5py_module()
    if not isinstance(node, h5py.Dataset) or node.dtype.kind not in "biuf" or node.ndim not in (2, 3, 4):
        return None
    sides = [side for side in node.shape[1:] if side != 1]
    side = math.isqrt(sides[0]) if len(sides) == 1 else max(sides, default=0)
    return side if math.prod(sides) == side**2 and side >= LEAST_RESIDUES else None


def _read_dense(node: Any, side: int, name: str, path: Path) -> ContactMaps:
    n_frames = node.shape[0]
    if n_frames == 0:
        raise DataError(f"{path}: {name} has no frames")
    if side > MAX_RESIDUES:
        raise DataError(f"{path}: {name} has maps of {side:,} rows: a map has at most {MAX_RESIDUES:,}")
    most = path.stat().st_size * (MOST_PACKED if node.compression is not None else 1)
    if node.size * node.dtype.itemsize > most or not _is_written(node):
        raise DataError(f"{path}: {name} says it has {n_frames:,} frames, more than were written: it was cut off")
    at_once = max(1, _BYTES_AT_ONCE // (side * side * node.dtype.itemsize))
    packed, used = np.empty((n_frames, packed_size(side)), np.uint8), np.zeros(side, np.bool_)
    for first in range(0, n_frames, at_once):
        values = np.asarray(node[first : first + at_once]).reshape(-1, side, side)
        contacts = _checked_dense(values, first, name, path)
        used |= contacts.any(axis=(0, 1))
        packed[first : first + at_once] = pack_maps(contacts)
    n_residues = int(np.flatnonzero(used)[-1]) + 1
    return ContactMaps(crop_contacts(packed, side, n_residues), n_residues)


def _is_written(node: Any) -> bool:
    """Say whether all of an array is in the file: what was never written reads as zeros."""
    if node.chunks is None:
        return node.id.get_offset() is not None or node.id.get_storage_size() > 0
    n_chunks = int(np.prod([-(-size // chunk) for size, chunk in zip(node.shape, node.chunks, strict=True)]))
    return bool(node.id.get_num_chunks() == n_chunks)


def _checked_dense(values: npt.NDArray[Any], first: int, name: str, path: Path) -> npt.NDArray[np.bool_]:
    """Return contacts off the diagonal, or name the first frame that is not a contact map."""
    contacts: npt.NDArray[np.bool_] = values == 1
    for wrong, what in (
        (~(contacts | (values == 0)), "holds numbers other than 0 and 1"),
        (contacts != contacts.transpose(0, 2, 1), "is not symmetric"),
    ):
        frames = np.flatnonzero(wrong.any(axis=(1, 2)))
        if frames.size:
            raise DataError(f"{path}: frame {first + frames[0]} of {name} {what}: it is not a contact map")
    contacts[:, np.arange(values.shape[1]), np.arange(values.shape[1])] = False
    empty = np.flatnonzero(~contacts.any(axis=(1, 2)))
    if empty.size:
        raise DataError(f"{path}: frame {first + empty[0]} of {name} has no contact: it was never written")
    return contacts


def _checked_chain(maps: ContactMaps, path: Path) -> ContactMaps:
    """Return maps in which each residue touches one next to it in some frame; else the numbers mean other things."""
    n = maps.n_residues
    ever = np.bitwise_or.reduce(maps.packed, axis=0)
    i = np.arange(n - 1, dtype=np.int64)
    pair = pair_numbers(i, i + 1, n)
    touches = (ever[pair >> 3] >> (pair & 7).astype(np.uint8)) & 1 == 1
    alone = np.flatnonzero(~np.concatenate([[False], touches]) & ~np.concatenate([touches, [False]]))
    if alone.size:
        raise DataError(
            f"{path}: residue {alone[0]} (numbered from 0) is in contact with no neighbour in any frame, as bonded "
            "residues are: indices from 1 on, another layout, or maps without neighbours; write all contacts of "
            "residues numbered from 0"
        )
    return maps
