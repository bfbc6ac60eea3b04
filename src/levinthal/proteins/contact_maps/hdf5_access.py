"""HDF5 files that others wrote, opened with care: what was left open, is kept elsewhere, or is damaged."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from levinthal.errors import DataError
from levinthal.proteins.contact_maps.hdf5 import MAPS, h5py_module

__all__ = ["DAMAGE", "MOST_PACKED", "first_line", "left_open", "opened", "own"]

DAMAGE = (OSError, RuntimeError, KeyError, ValueError, TypeError, MemoryError, OverflowError, UnicodeError, IndexError)
"""What libhdf5's refusals of damaged files become in h5py."""

MOST_PACKED = 1100
"""Deflate packs at most 1,032 to 1: a file holds at most so many times its size."""

# Superblock of version 3 (HDF5 file format, II.A): its version is byte 8, its consistency flags byte 11.
_SUPERBLOCK, _FLAGS, _OPEN_FOR_WRITING, _OPEN_FOR_SWMR = 8, 11, 1, 4


def left_open(path: str | Path) -> bool:
    """Say whether a file says that it is open for writing: by a program that runs, or by one that was killed.

    Only files of the latest format say so, in their first bytes.

    Raises
    ------
    DataError
        It cannot be read.
    """
    return bool(_write_flags(Path(path)) & _OPEN_FOR_WRITING)


def _write_flags(path: Path) -> int:
    try:
        with path.open("rb") as file:
            head = file.read(_FLAGS + 1)
    except OSError as error:
        raise DataError(f"{path} cannot be read: {error.strerror or error}: name an HDF5 file") from None
    return head[_FLAGS] if len(head) > _FLAGS and head[_SUPERBLOCK] == 3 else 0


@contextmanager
def opened(path: Path) -> Iterator[Any]:
    """Yield a file of the user's, opened for reading; what h5py raises within is a `DataError` that names the file."""
    h5py = h5py_module()
    if not path.is_file():
        raise DataError(f"{path} is not a file: name an HDF5 file with the data set {MAPS}")
    flags = _write_flags(path)
    if flags & _OPEN_FOR_WRITING and not flags & _OPEN_FOR_SWMR:
        raise DataError(
            f"{path} is open for writing, or was left so by a program that was ended: wait until it is closed, or make "
            f"it consistent with h5clear -s {path.name} (of the HDF5 tools)"
        )
    try:
        # What a writer in SWMR mode has flushed is whole, also where it was killed: the format's own promise.
        with h5py.File(path, "r", swmr=bool(flags & _OPEN_FOR_SWMR)) as file:
            yield file
    except DAMAGE as error:
        raise DataError(f"{path} cannot be read as HDF5 ({first_line(error)}): fetch or make it again") from None


def first_line(error: BaseException) -> str:
    """Return what a library said, in one line."""
    return (str(error).strip().splitlines() or [type(error).__name__])[0][:200]


def own(parent: Any, name: str, path: Path) -> Any:
    """Return a member of a group, or None; a link or a data set that leads to another file is refused."""
    h5py = h5py_module()
    link = parent.get(name, getlink=True)
    if link is None:
        return None
    if not isinstance(link, h5py.HardLink | h5py.SoftLink):
        raise DataError(f"{path}: {name} is a link to another file, which is not followed: copy the data into one file")
    found = parent[name]
    if isinstance(found, h5py.Dataset) and (found.is_virtual or found.external):
        raise DataError(
            f"{path}: {name} is kept in other files, which are not read: copy the data into one file (h5repack, or "
            "with h5py)"
        )
    return found
