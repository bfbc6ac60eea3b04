"""Contact maps written to HDF5 as DeepDriveMD writes them, so that ours can be given to its programs.

The data set `contact_map` holds for each frame a list of int16 of variable length: the rows of all contacts, then their
columns. Both places of a pair are listed, and the diagonal, in the order of the matrix (the "sparse-concat" form of
DeepDriveMD's `write_contact_map`, of mdtools and of mdlearn's `ContactMapDataset`). An attribute `n_residues` of the
data set says how many residues there are. `hdf5_reading` reads them, and what others write.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from types import TracebackType
from typing import Any

import numpy as np

from levinthal.errors import DataError, MissingExtraError, WriteError
from levinthal.files.writing import as_write_error, whole_path
from levinthal.proteins.contact_maps.maps import Packed, expand_contacts

MAX_RESIDUES = 2**15
"""An index is an int16."""

MAPS, RESIDUES = "contact_map", "n_residues"
"""Names of the data set and of its attribute."""

_CHUNK = 128
_ELEMENTS_AT_ONCE = 1 << 24


def h5py_module() -> Any:
    """Return h5py.

    Raises
    ------
    MissingExtraError
        It is not installed.
    """
    try:
        import h5py
    except ImportError:
        raise MissingExtraError("h5py", "hdf5", "reading and writing HDF5 files") from None
    return h5py


class ContactMapHDF5Writer:
    """Writes contact maps to a new file, block by block; use as a context manager.

    The file appears under its name when it is closed, whole; after an error in the block there is none.

    Parameters
    ----------
    path : str or Path
        The file; one that exists is replaced.
    n_residues : int
        Of every map.

    Raises
    ------
    DataError
        The file cannot be written, or the number of residues does not fit into the format.
    MissingExtraError
        h5py is not installed.
    """

    def __init__(self, path: str | Path, n_residues: int) -> None:
        h5py = h5py_module()
        if not 1 <= n_residues <= MAX_RESIDUES:
            raise DataError(f"contact maps of {n_residues} residues: the HDF5 form holds 1 to {MAX_RESIDUES}")
        self.path = Path(path)
        self.n_residues = n_residues
        self._whole = ExitStack()
        draft = self._whole.enter_context(whole_path(self.path))
        with self._writing():
            self._file = h5py.File(draft, "w")
            self._maps = self._file.create_dataset(
                MAPS,
                shape=(0,),
                maxshape=(None,),
                chunks=(_CHUNK,),
                dtype=h5py.vlen_dtype(np.dtype("int16")),
            )
            self._maps.attrs[RESIDUES] = n_residues

    def __enter__(self) -> ContactMapHDF5Writer:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if kind is None:
            self.close()
        else:
            self._file.close()
            self._whole.__exit__(kind, error, trace)

    @contextmanager
    def _writing(self) -> Iterator[None]:
        try:
            with as_write_error(self.path, RuntimeError):
                yield
        except WriteError as error:
            self._whole.__exit__(WriteError, error, None)
            raise

    def append(self, packed: Packed) -> None:
        """Append frames.

        Parameters
        ----------
        packed : ndarray of uint8, shape (n_frames, packed_size(n_residues))

        Raises
        ------
        DataError
            Frames of another shape or type, or the file cannot be written.
        """
        at_once = max(1, _ELEMENTS_AT_ONCE // self.n_residues**2)
        for first in range(0, max(len(packed), 1), at_once):
            block = packed[first : first + at_once]
            dense = np.empty((len(block), self.n_residues, self.n_residues), np.uint8)
            expand_contacts(block, self.n_residues, out=dense)
            if len(block):
                with self._writing():
                    before = len(self._maps)
                    self._maps.resize(before + len(block), axis=0)
                    for k, each in enumerate(dense, before):  # h5py would make one table of lists of equal length
                        self._maps[k] = np.concatenate(np.nonzero(each)).astype(np.int16)

    def close(self) -> None:
        """Finish the file and give it its name; once closed, nothing happens."""
        if self._file:
            with self._writing():
                self._file.close()
            self._whole.close()


def write_contact_maps_hdf5(path: str | Path, packed: Packed, n_residues: int) -> None:
    """Write contact maps to a new file; parameters and errors as for `ContactMapHDF5Writer`."""
    with ContactMapHDF5Writer(path, n_residues) as writer:
        writer.append(packed)
