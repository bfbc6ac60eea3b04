"""A compact file of records for training: memory-mapped, any record at once, shared by all worker processes.

Layout, all little-endian::

    magic (16 bytes)
    the records, one after the other, each starting at a multiple of 8 bytes:
        profile (padded to 8 bytes), coordinates, mask (bits), secondary structure, sequence
    index: header (JSON), then arrays: offsets, lengths, flags, checksums, the ends of the names, the names
    footer (40 bytes): where the index begins, its length, the header's length, CRC-32 of the index, magic

The index is checked when the file is opened, a record (CRC-32) when it is read. Opening reads the index alone.

What is exact: everything. Coordinates that are whole tenths of a picometre, which ProteinNet's are, are kept as 32-bit
integers and come back as the same float64; any other array is kept as it is. With `single=True` profiles and other
coordinates are rounded to float32, which halves the file and is all that training uses.
"""

from __future__ import annotations

import hashlib
import json
import struct
import zlib
from collections.abc import Iterable, Iterator, Sequence
from itertools import pairwise
from pathlib import Path
from typing import IO, Any, overload

import numpy as np
import numpy.typing as npt

from levinthal.arrays import Floats
from levinthal.errors import DataError
from levinthal.files.reading import refused
from levinthal.files.writing import whole_file
from levinthal.proteins.records.record import MAX_RESIDUES, ProteinRecord

_MAGIC = b"Levinthal rec 1\n"
_VERSION = 1
_FOOTER = struct.Struct("<QQII16s")
_ALIGNMENT = 8
_TENTHS_PER_PM = 10.0

_PROFILE, _PROFILE_SINGLE, _PROFILE_20 = 1, 2, 4
_COORDINATES, _COORDINATES_SINGLE, _COORDINATES_TENTHS = 8, 16, 32
_MASK, _SECONDARY = 64, 128

_COLUMNS = {"offsets": "<i8", "lengths": "<i4", "flags": "<u2", "checksums": "<u4", "name_ends": "<i8"}


def starts_as_cache(head: bytes) -> bool:
    """Say whether bytes begin as a cache of records does."""
    return head.startswith(_MAGIC)


def write_cache(path: str | Path, records: Iterable[ProteinRecord], *, single: bool = False) -> int:
    """Write records to a cache file, one at a time, and return how many.

    Parameters
    ----------
    path : path
        The file; it appears whole or not at all, and replaces one that is there.
    records : iterable of ProteinRecord
        What to keep. Only the index, some 40 bytes a record, is held in memory.
    single : bool
        Round float64 profiles, and coordinates that are not whole tenths of a picometre, to float32.

    Raises
    ------
    DataError
        The file cannot be written, or there is no record.
    """
    with whole_file(path) as file:
        count = _write(file, records, single)
        if count == 0:
            raise DataError(f"{path}: there is no record to keep")
    return count


def _write(file: IO[bytes], records: Iterable[ProteinRecord], single: bool) -> int:
    columns: dict[str, list[int]] = {name: [] for name in _COLUMNS}
    names = bytearray()
    file.write(_MAGIC)
    position = len(_MAGIC)
    for record in records:
        flags, blob = _pack(record, single)
        names += record.name.encode()
        values = (position, len(record), flags, zlib.crc32(blob), len(names))
        for name, value in zip(_COLUMNS, values, strict=True):
            columns[name].append(value)
        blob += bytes(-len(blob) % _ALIGNMENT)
        file.write(blob)
        position += len(blob)
    count = len(columns["offsets"])
    header = json.dumps({"format": "levinthal records", "version": _VERSION, "records": count}).encode()
    header += b" " * (-len(header) % _ALIGNMENT)
    arrays = [np.array(columns[name], dtype).tobytes() for name, dtype in _COLUMNS.items()]
    index = b"".join([header, *arrays, bytes(names)])
    file.write(index)
    file.write(_FOOTER.pack(position, len(index), len(header), zlib.crc32(index), _MAGIC))
    return count


def _pack(record: ProteinRecord, single: bool) -> tuple[int, bytes]:
    flags = 0
    parts: list[bytes] = []
    profile, coordinates = record.profile, record.coordinates_pm
    if profile is not None:
        profile = _rounded(profile, single)
        flags |= _PROFILE
        flags |= _PROFILE_SINGLE if profile.dtype == np.float32 else 0
        flags |= _PROFILE_20 if profile.shape[1] == 20 else 0
        packed = _bytes(profile)
        parts += [packed, bytes(-len(packed) % _ALIGNMENT)]
    if coordinates is not None:
        flags |= _COORDINATES
        tenths = _as_tenths(coordinates)
        if tenths is not None:
            flags |= _COORDINATES_TENTHS
            parts.append(tenths.astype("<i4").tobytes())
        else:
            coordinates = _rounded(coordinates, single)
            flags |= _COORDINATES_SINGLE if coordinates.dtype == np.float32 else 0
            parts.append(_bytes(coordinates))
    if record.mask is not None:
        flags |= _MASK
        parts.append(np.packbits(record.mask, bitorder="little").tobytes())
    if record.secondary is not None:
        flags |= _SECONDARY
        parts.append(record.secondary.encode())
    parts.append(record.sequence.encode())
    return flags, b"".join(parts)


def _rounded(values: Floats, single: bool) -> Floats:
    if not single:
        return values
    with np.errstate(over="ignore", under="ignore"):
        return values.astype(np.float32)


def _bytes(values: Floats) -> bytes:
    return values.astype(values.dtype.newbyteorder("<")).tobytes()


def _as_tenths(coordinates: Floats) -> npt.NDArray[np.float64] | None:
    """Return float64 coordinates in whole tenths of a picometre, or None where that would not be exact."""
    if coordinates.dtype != np.float64:
        return None
    with np.errstate(over="ignore", invalid="ignore"):
        tenths: npt.NDArray[np.float64] = np.rint(coordinates * _TENTHS_PER_PM)
        exact = (tenths / _TENTHS_PER_PM == coordinates) & (np.abs(tenths) < 2**31)
    exact &= ~(np.signbit(coordinates) & (coordinates == 0))
    return tenths if bool(exact.all()) else None


def _profile_bytes(length: int, flags: int) -> int:
    if not flags & _PROFILE:
        return 0
    return length * (20 if flags & _PROFILE_20 else 21) * (4 if flags & _PROFILE_SINGLE else 8)


def _sizes(length: int, flags: int) -> tuple[int, int, int, int, int]:
    """Return how many bytes profile, coordinates, mask, secondary structure and sequence take."""
    profile = _profile_bytes(length, flags)
    profile += -profile % _ALIGNMENT
    narrow = flags & (_COORDINATES_SINGLE | _COORDINATES_TENTHS)
    coordinates = 9 * length * (4 if narrow else 8) if flags & _COORDINATES else 0
    mask = (length + 7) // 8 if flags & _MASK else 0
    return profile, coordinates, mask, length if flags & _SECONDARY else 0, length


class RecordCache(Sequence[ProteinRecord]):
    """A cache file, opened; records are read when asked for.

    The file is mapped, not loaded: worker processes that open it, or are sent it, share its pages.

    Parameters
    ----------
    path : path
        A file of `write_cache`.

    Attributes
    ----------
    lengths : ndarray of int32, shape (n,)
        Residues of each record.
    has_profile, has_coordinates, has_mask, has_secondary : ndarray of bool, shape (n,)
        What each record has.
    names : tuple of str
        Of the records.
    fingerprint : str
        SHA-256 of the index, which holds the checksums of all records: equal for equal contents.

    Raises
    ------
    DataError
        The file is missing, not a cache, of another version, or damaged.
    """

    def __init__(self, path: str | Path) -> None:
        self.path = Path(path)
        with refused(DataError, self.path, "is not a cache of records", "write the cache again"):
            self._open()

    def _open(self) -> None:
        try:
            self._data: npt.NDArray[np.uint8] = np.memmap(self.path, np.uint8, mode="r")
        except OSError as error:
            raise DataError(f"{self.path} cannot be read: {error.strerror or error}") from None
        except ValueError:  # numpy's word for an empty file
            raise DataError(f"{self.path} is empty: write the cache again") from None
        columns, names, end = self._index()
        self._offsets, self._flags, self._checksums = columns["offsets"], columns["flags"], columns["checksums"]
        self.lengths: npt.NDArray[np.int32] = columns["lengths"].astype(np.int32)
        self._check_places(end)
        bounds = [0, *columns["name_ends"].tolist()]
        if bounds != sorted(bounds) or bounds[-1] != len(names):
            raise self._damaged()
        self.names = tuple(names[a:b].decode() for a, b in pairwise(bounds))

    def _index(self) -> tuple[dict[str, npt.NDArray[Any]], bytes, int]:
        """Check the index and return its columns, the names, and where it begins."""
        size = len(self._data)
        if bytes(self._data[: len(_MAGIC)]) != _MAGIC:
            raise DataError(f"{self.path} is not a cache of records of this version: write it again")
        if size < len(_MAGIC) + _FOOTER.size:
            raise self._damaged()
        begin, n_bytes, n_header, checksum, magic = _FOOTER.unpack(bytes(self._data[-_FOOTER.size :]))
        if magic != _MAGIC or begin + n_bytes + _FOOTER.size != size or n_header > n_bytes:
            raise self._damaged()
        index = bytes(self._data[begin : begin + n_bytes])
        if zlib.crc32(index) != checksum:
            raise self._damaged()
        self.fingerprint = hashlib.sha256(index).hexdigest()
        header = json.loads(index[:n_header])
        version, count = header["version"], header["records"]
        if version != _VERSION:
            raise DataError(f"{self.path} is of version {version}, this program reads {_VERSION}: write it again")
        row = sum(np.dtype(dtype).itemsize for dtype in _COLUMNS.values())
        if count == 0:
            raise DataError(f"{self.path} is a cache without a record: name the file that it was to be made from")
        if not isinstance(count, int) or count < 1 or n_header + count * row > n_bytes:
            raise self._damaged()
        columns = {}
        at = n_header
        for name, dtype in _COLUMNS.items():
            columns[name] = np.frombuffer(index, dtype, count, at)
            at += columns[name].nbytes
        return columns, index[at:], int(begin)

    def _check_places(self, end: int) -> None:
        if self.lengths.min() < 1 or self.lengths.max() > MAX_RESIDUES:
            raise self._damaged()
        ends = np.append(self._offsets[1:], end)
        needed = np.array(
            [sum(_sizes(n, f)) for n, f in zip(self.lengths.tolist(), self._flags.tolist(), strict=True)], np.int64
        )
        aligned = self._offsets % _ALIGNMENT == 0
        if not aligned.all() or self._offsets[0] < len(_MAGIC) or (self._offsets + needed > ends).any():
            raise self._damaged()

    def _damaged(self) -> DataError:
        return DataError(f"{self.path} is damaged or cut off: write the cache again")

    def __reduce__(self) -> tuple[type[RecordCache], tuple[Path]]:
        return type(self), (self.path,)

    def __len__(self) -> int:
        return len(self.names)

    @overload
    def __getitem__(self, index: int) -> ProteinRecord: ...
    @overload
    def __getitem__(self, index: slice) -> list[ProteinRecord]: ...
    def __getitem__(self, index: int | slice) -> ProteinRecord | list[ProteinRecord]:
        """Return a record, or several; the profile and unrounded coordinates are views of the file.

        Raises
        ------
        IndexError
            There is no such record.
        DataError
            The record is damaged.
        """
        if isinstance(index, slice):
            return [self[k] for k in range(*index.indices(len(self)))]
        k = index + len(self) if index < 0 else index
        if not 0 <= k < len(self):
            raise IndexError(f"record {index} of {len(self)}")
        return self._record(k)

    def _record(self, k: int) -> ProteinRecord:
        length, flags, offset = int(self.lengths[k]), int(self._flags[k]), int(self._offsets[k])
        sizes = _sizes(length, flags)
        data = memoryview(self._data.data)[offset : offset + sum(sizes)]
        if zlib.crc32(data) != int(self._checksums[k]):
            raise DataError(f"{self.path}, record {k} ({self.names[k]}): the checksum is wrong: write the cache again")
        parts = []
        at = 0
        for size in sizes:
            parts.append(data[at : at + size])
            at += size
        with refused(DataError, f"{self.path}, record {k} ({self.names[k]})", "is damaged", "write the cache again"):
            return self._unpacked(k, parts)

    def _unpacked(self, k: int, parts: Sequence[memoryview]) -> ProteinRecord:
        length, flags = int(self.lengths[k]), int(self._flags[k])
        return ProteinRecord(
            name=self.names[k],
            sequence=bytes(parts[4]).decode(),
            profile=_read_profile(parts[0], length, flags),
            coordinates_pm=_read_coordinates(parts[1], length, flags),
            mask=_read_mask(parts[2], length) if flags & _MASK else None,
            secondary=bytes(parts[3]).decode() if flags & _SECONDARY else None,
        )

    def __iter__(self) -> Iterator[ProteinRecord]:
        return (self._record(k) for k in range(len(self)))

    def _have(self, flag: int) -> npt.NDArray[np.bool_]:
        return np.asarray(self._flags & flag, bool)

    @property
    def has_profile(self) -> npt.NDArray[np.bool_]:
        """Which records have a profile."""
        return self._have(_PROFILE)

    @property
    def has_coordinates(self) -> npt.NDArray[np.bool_]:
        """Which records have coordinates."""
        return self._have(_COORDINATES)

    @property
    def has_mask(self) -> npt.NDArray[np.bool_]:
        """Which records have a mask."""
        return self._have(_MASK)

    @property
    def has_secondary(self) -> npt.NDArray[np.bool_]:
        """Which records have secondary structure."""
        return self._have(_SECONDARY)


def _read_profile(data: memoryview, length: int, flags: int) -> Floats | None:
    if not flags & _PROFILE:
        return None
    numbers = data[: _profile_bytes(length, flags)]
    values: Floats = np.frombuffer(numbers, "<f4" if flags & _PROFILE_SINGLE else "<f8")
    return values.reshape(length, -1)


def _read_coordinates(data: memoryview, length: int, flags: int) -> Floats | None:
    if not flags & _COORDINATES:
        return None
    if flags & _COORDINATES_TENTHS:
        tenths: Floats = np.frombuffer(data, "<i4").astype(np.float64) / _TENTHS_PER_PM
        return tenths.reshape(length, 3, 3)
    values: Floats = np.frombuffer(data, "<f4" if flags & _COORDINATES_SINGLE else "<f8")
    return values.reshape(length, 3, 3)


def _read_mask(data: memoryview, length: int) -> npt.NDArray[np.bool_]:
    bits = np.unpackbits(np.frombuffer(data, np.uint8), count=length, bitorder="little")
    return bits.astype(np.bool_)
