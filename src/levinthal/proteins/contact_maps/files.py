"""Contact maps in files, whatever the format: recognised by their first bytes, converted both ways."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from levinthal.errors import DataError, UsageError
from levinthal.proteins.contact_maps.hdf5 import write_contact_maps_hdf5
from levinthal.proteins.contact_maps.hdf5_reading import read_contact_maps_hdf5
from levinthal.proteins.contact_maps.maps import ContactMaps, Packed
from levinthal.proteins.contact_maps.tfrecord import read_contact_maps_tfrecord, write_contact_maps_tfrecord

_HDF5_SIGNATURE = b"\x89HDF\r\n\x1a\n"
_WRITERS = {
    ".h5": write_contact_maps_hdf5,
    ".hdf5": write_contact_maps_hdf5,
    ".tfrecord": write_contact_maps_tfrecord,
    ".tfrecords": write_contact_maps_tfrecord,
}


def is_hdf5(path: str | Path) -> bool:
    """Say whether a file begins as HDF5 does.

    Raises
    ------
    DataError
        It cannot be read.
    """
    try:
        with Path(path).open("rb") as file:
            return file.read(len(_HDF5_SIGNATURE)) == _HDF5_SIGNATURE
    except OSError as error:
        raise DataError(
            f"{path}: {error.strerror or error}: name a file of contact maps (HDF5 of DeepDriveMD, or TFRecord)"
        ) from None


def read_contact_maps(path: str | Path) -> ContactMaps:
    """Read the contact maps of an HDF5 or TFRecord file; errors as for the readers of either.

    Examples
    --------
    >>> import numpy as np
    >>> from levinthal.proteins import pack_contacts, read_contact_maps, write_contact_maps
    >>> frames_nm = np.random.default_rng(0).normal(size=(4, 10, 3))
    >>> write_contact_maps("maps.tfrecord", pack_contacts(frames_nm, cutoff_nm=2.0), 10)
    >>> packed, n_residues = read_contact_maps("maps.tfrecord")
    >>> len(packed), n_residues
    (4, 10)
    """
    return read_contact_maps_hdf5(path) if is_hdf5(path) else read_contact_maps_tfrecord(path)


def write_contact_maps(path: str | Path, packed: Packed, n_residues: int) -> None:
    """Write contact maps as a new file in the format that its name asks for; it appears whole or not at all.

    Parameters
    ----------
    path : str or Path
        Ends with .h5, .hdf5, .tfrecord or .tfrecords.
    packed : ndarray of uint8, shape (n_frames, packed_size(n_residues))
    n_residues : int

    Raises
    ------
    UsageError
        Another ending.
    DataError
        The file cannot be written, or the array is not made for that number of residues.

    Examples
    --------
    >>> import numpy as np
    >>> from levinthal.proteins import pack_contacts, write_contact_maps
    >>> frames_nm = np.random.default_rng(0).normal(size=(4, 10, 3))
    >>> write_contact_maps("maps.tfrecord", pack_contacts(frames_nm, cutoff_nm=2.0), 10)
    """
    _writer(path)(path, packed, n_residues)


def convert_contact_maps(source: str | Path, target: str | Path) -> ContactMaps:
    """Read contact maps and write them in the format that the target's name asks for; return them.

    Parameters
    ----------
    source : str or Path
        HDF5 or TFRecord.
    target : str or Path
        As for `write_contact_maps`.

    Raises
    ------
    UsageError
        Another ending.
    DataError
        The source is damaged, or the target cannot be written.

    Examples
    --------
    >>> import numpy as np
    >>> from levinthal.proteins import convert_contact_maps, pack_contacts, write_contact_maps
    >>> frames_nm = np.random.default_rng(0).normal(size=(4, 10, 3))
    >>> write_contact_maps("run.tfrecord", pack_contacts(frames_nm, cutoff_nm=2.0), 10)
    >>> convert_contact_maps("run.tfrecord", "copy.tfrecord").n_residues
    10
    """
    write = _writer(target)
    maps = read_contact_maps(source)
    write(target, *maps)
    return maps


def _writer(path: str | Path) -> Callable[[str | Path, Packed, int], None]:
    write = _WRITERS.get(Path(path).suffix.lower())
    if write is None:
        raise UsageError(f"{path}: name a file that ends with one of {', '.join(_WRITERS)}")
    return write
