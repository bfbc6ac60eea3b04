"""Contact maps in files, whatever the format: told apart by their first bytes, converted both ways."""

from __future__ import annotations

from pathlib import Path

from levinthal.errors import DataError, UsageError
from levinthal.proteins.contact_maps.hdf5 import read_contact_maps_hdf5, write_contact_maps_hdf5
from levinthal.proteins.contact_maps.maps import ContactMaps
from levinthal.proteins.contact_maps.tfrecord import read_contact_maps_tfrecord, write_contact_maps_tfrecord

__all__ = ["convert_contact_maps", "is_hdf5", "read_contact_maps"]

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
    """Read the contact maps of an HDF5 or TFRecord file; errors as for the readers of either."""
    return read_contact_maps_hdf5(path) if is_hdf5(path) else read_contact_maps_tfrecord(path)


def convert_contact_maps(source: str | Path, target: str | Path) -> ContactMaps:
    """Read contact maps and write them in the format that the target's name asks for; return them.

    Parameters
    ----------
    source : str or Path
        HDF5 or TFRecord.
    target : str or Path
        Ends with .h5, .hdf5, .tfrecord or .tfrecords.

    Raises
    ------
    UsageError
        Another ending.
    DataError
        The source is damaged, or the target cannot be written.
    """
    write = _WRITERS.get(Path(target).suffix.lower())
    if write is None:
        raise UsageError(f"{target}: name a file that ends with one of {', '.join(_WRITERS)}")
    maps = read_contact_maps(source)
    write(target, *maps)
    return maps
