"""Contact maps in HDF5 as DeepDriveMD writes them: the data set `contact_map`, a list of int16 for each frame.

A list holds the rows of all contacts and then their columns, both places of a pair and the diagonal, in the order of
the matrix (the "sparse-concat" form of mdtools' `write_contact_map`). The attribute `n_residues` of the data set is
ours.
"""

from __future__ import annotations

from pathlib import Path
from types import TracebackType
from typing import Any

import numpy as np
import numpy.typing as npt

from levinthal.errors import DataError, MissingExtraError
from levinthal.proteins.contact_maps import expand_contacts

__all__ = ["ContactMapHDF5Writer"]


def _h5py() -> Any:
    try:
        import h5py
    except ImportError:
        raise MissingExtraError("h5py", "hdf5", "reading and writing HDF5 files") from None
    return h5py


class ContactMapHDF5Writer:
    """Writes contact maps to a new file, block by block; use as a context manager.

    Parameters
    ----------
    path : str or Path
        The file; one that exists is replaced.
    n_residues : int
        Of every map.

    Raises
    ------
    DataError
        The file cannot be written.
    MissingExtraError
        h5py is not installed.
    """

    def __init__(self, path: str | Path, n_residues: int) -> None:
        h5py = _h5py()
        self.path, self.n_residues = Path(path), n_residues
        try:
            self._file = h5py.File(self.path, "w")
        except OSError as error:
            raise DataError(f"{path} cannot be written: {error}: choose another folder") from None
        kind = h5py.vlen_dtype(np.dtype("int16"))
        self._maps = self._file.create_dataset("contact_map", shape=(0,), maxshape=(None,), chunks=(128,), dtype=kind)
        self._maps.attrs["n_residues"] = n_residues

    def append(self, packed: npt.NDArray[np.uint8]) -> None:
        """Append frames, shape (n_frames, packed_size(n_residues))."""
        dense = np.empty((len(packed), self.n_residues, self.n_residues), np.uint8)
        expand_contacts(packed, self.n_residues, out=dense)
        before = len(self._maps)
        self._maps.resize(before + len(packed), axis=0)
        for k, each in enumerate(dense, before):
            self._maps[k] = np.concatenate(np.nonzero(each)).astype(np.int16)

    def close(self) -> None:
        """Finish the file."""
        self._file.close()

    def __enter__(self) -> ContactMapHDF5Writer:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()
