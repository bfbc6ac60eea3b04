"""Files of numpy, read without running what is in them and without making room for more than they hold.

A header of a hundred bytes may promise terabytes, and an archive of a megabyte inflate to gigabytes: what a file
promises is compared with its size before anything is read.
"""

from __future__ import annotations

import math
import os
import zipfile
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

from levinthal.errors import DataError
from levinthal.files.reading import refused

if TYPE_CHECKING:
    import numpy.typing as npt

__all__ = ["check_archive", "read_array", "read_arrays"]

_ALWAYS_BYTES, _MOST_TIMES = 256_000_000, 20
"""What any archive may inflate to, and how many times its own size a larger one may."""


def read_array(path: str | Path, fix: str) -> npt.NDArray[Any]:
    """Read the array of a file of `numpy.save`.

    Parameters
    ----------
    path : path
    fix : str
        What to do about a file that is not one, for the message.

    Raises
    ------
    DataError
        It is not there, damaged, holds less than it promises, or objects that would have to be run.
    """
    import numpy as np

    with refused(DataError, path, "is not an array of numpy's", fix):
        with Path(path).open("rb") as file:
            _check_header(file, os.fstat(file.fileno()).st_size)
        return np.asarray(np.load(path, allow_pickle=False))


def read_arrays(path: str | Path, fix: str) -> dict[str, npt.NDArray[Any]]:
    """Read the arrays of a file of `numpy.savez`, by their names; parameters and errors as for `read_array`."""
    import numpy as np

    check_archive(path, fix)
    with (
        refused(DataError, path, "is not an archive of numpy's", fix),
        np.load(path, allow_pickle=False) as archive,
    ):
        return {name: np.asarray(archive[name]) for name in archive.files}


def check_archive(path: str | Path, fix: str) -> None:
    """Raise a `DataError` unless a file is an archive of `numpy.savez` that holds what it promises."""
    with refused(DataError, path, "is not an archive of numpy's", fix), zipfile.ZipFile(path) as archive:
        most = max(_ALWAYS_BYTES, _MOST_TIMES * Path(path).stat().st_size)
        if (total := sum(each.file_size for each in archive.infolist())) > most:
            raise DataError(f"{path} would inflate to {total:,} bytes: {fix}")
        for each in archive.infolist():
            with archive.open(each) as member:
                _check_header(member, each.file_size)


def _check_header(file: IO[bytes], size: int) -> None:
    """Compare what the header of an array promises with the bytes that are there."""
    from numpy.lib import format as npy

    version = npy.read_magic(file)
    read = npy.read_array_header_1_0 if version == (1, 0) else npy.read_array_header_2_0
    shape, _, dtype = read(file)
    if dtype.hasobject:
        raise ValueError("it holds Python objects")
    if file.tell() + math.prod(shape) * dtype.itemsize > size:
        raise ValueError(f"it promises numbers of shape {shape} and has only {size:,} bytes")
