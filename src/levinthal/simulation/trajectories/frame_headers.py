"""What trajectory files say of themselves: atoms and frames, counted from headers before any reader trusts them.

The C libraries that read XTC, TRR and DCD take a damaged header at its word; some of them end the process. Here each
frame's header is walked by its documented layout, nothing is decompressed, and the first one that does not hold is
named. Layouts: XTC and TRR as in GROMACS' `xdrfile` (big-endian XDR), DCD as in CHARMM and NAMD (Fortran records).
"""

from __future__ import annotations

import math
import struct
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

from levinthal.errors import DataError

_XTC_MAGIC = (1995, 2023)  # 2023: sizes above 2 GiB a frame
_XTC_BOX_BYTES = 36
_XTC_PLAIN_ATOMS = 9  # so few are stored as they are
_XTC_INDICES = 73
_XTC_WIDEST_NM = 1e4
_TRR_MAGIC = 1993
_TRR_SIZES = 10
_DCD_HEADER_BYTES = 84
AKMA_PS = 0.04888821
"""The unit of time of DCD files (kcal/mol, angstrom, amu), as CHARMM and OpenMM have it."""
_MOST_ATOMS = 2**27
_NETCDF_DIMENSIONS, _NETCDF_VARIABLES, _NETCDF_ATTRIBUTES = 10, 11, 12
_NETCDF_BYTES = {1: 1, 2: 1, 3: 2, 4: 4, 5: 4, 6: 8}  # of a number of each type


@dataclass(frozen=True)
class FrameCount:
    """Of a trajectory file.

    Attributes
    ----------
    n_atoms : int
        In each frame.
    n_frames : int
        Whole frames that are there.
    n_promised : int or None
        Frames that the file says it has; None where its format does not say, or says 0.
    time_ps : tuple of float, or None
        Of the first frame, and between frames, of a DCD file; None where it does not say, or in formats that have a
        time in each frame.
    """

    n_atoms: int
    n_frames: int
    n_promised: int | None = None
    time_ps: tuple[float, float] | None = None


def count_frames(path: Path) -> FrameCount | None:
    """Walk the frames of an XTC, TRR or DCD file, the header of a NetCDF file; of others nothing is known beforehand.

    Raises
    ------
    DataError
        A frame's header is damaged, or the last frame is not whole; names the file, the frame and the byte.
    """
    walk = _WALKS.get(path.suffix.lower())
    if walk is None:
        return None
    with path.open("rb") as file:
        size = file.seek(0, 2)
        file.seek(0)
        return walk(_Bytes(file, path, size))


class _Bytes:
    """A file that is walked; what does not hold is reported by frame and byte."""

    def __init__(self, file: BinaryIO, path: Path, size: int) -> None:
        self._file, self._path, self._size = file, path, size
        self.frame = 0

    @property
    def ended(self) -> bool:
        return self._file.tell() >= self._size

    def take(self, layout: str) -> tuple[Any, ...]:
        data = self._file.read(struct.calcsize(layout))
        if len(data) < struct.calcsize(layout):
            raise self.cut()
        return struct.unpack(layout, data)

    def skip(self, n_bytes: int) -> None:
        if n_bytes < 0 or self._file.tell() + n_bytes > self._size:
            raise self.cut()
        self._file.seek(n_bytes, 1)

    def cut(self) -> DataError:
        return DataError(
            f"{self._path}: frame {self.frame} ends after the end of the file: it was cut short or damaged there; "
            "copy it again, or keep the frames before it (mdconvert, gmx trjconv)"
        )

    def damaged(self, what: str) -> DataError:
        return DataError(
            f"{self._path}: frame {self.frame} is damaged ({what} before byte {self._file.tell()}): copy the file "
            "again, or keep the frames before it (mdconvert, gmx trjconv)"
        )


def _checked(n_atoms: int, first: int, file: _Bytes) -> int:
    if not 0 < n_atoms <= _MOST_ATOMS or (first and n_atoms != first):
        before = f", {first} before" if first else ""
        raise file.damaged(f"it has {n_atoms} atoms{before}")
    return n_atoms


def _walk_xtc(file: _Bytes) -> FrameCount:
    n_atoms = 0
    while not file.ended:
        magic, count, _ = file.take(">3i")
        if magic not in _XTC_MAGIC:
            raise file.damaged(f"its first number is {magic}, not {_XTC_MAGIC[0]}")
        n_atoms = _checked(count, n_atoms, file)
        file.skip(4 + _XTC_BOX_BYTES)
        (again,) = file.take(">i")
        if again != n_atoms:
            raise file.damaged(f"it has {again} atoms, {n_atoms} by its header")
        if n_atoms <= _XTC_PLAIN_ATOMS:
            file.skip(12 * n_atoms)
        else:
            precision, *ranges, smallest = file.take(">f7i")
            spans = [high - low for low, high in zip(ranges[:3], ranges[3:], strict=True)]
            if not precision > 0 or min(spans) < 0 or max(spans) > _XTC_WIDEST_NM * precision:
                raise file.damaged("the range of its coordinates is impossible")
            if not 0 <= smallest < _XTC_INDICES:
                raise file.damaged(f"its compression index is {smallest}")
            (n_bytes,) = file.take(">q" if magic == _XTC_MAGIC[1] else ">i")
            if n_bytes <= 0:
                raise file.damaged(f"its coordinates take {n_bytes} bytes")
            file.skip(-(-n_bytes // 4) * 4)
        file.frame += 1
    return FrameCount(n_atoms, file.frame)


def _walk_trr(file: _Bytes) -> FrameCount:
    n_atoms = 0
    while not file.ended:
        magic, _, length = file.take(">3i")
        if magic != _TRR_MAGIC or not 0 < length < 256:
            raise file.damaged(f"its first number is {magic}, not {_TRR_MAGIC}")
        file.skip(-(-length // 4) * 4)
        *sizes, count, _, _ = file.take(f">{_TRR_SIZES + 3}i")
        n_atoms = _checked(count, n_atoms, file)
        box, positions = sizes[2], sizes[7]
        if min(sizes) < 0 or positions not in (0, 12 * n_atoms, 24 * n_atoms):
            raise file.damaged(f"its positions take {positions} bytes for {n_atoms} atoms")
        double = positions == 24 * n_atoms or box == 72
        file.skip((16 if double else 8) + sum(sizes))
        file.frame += 1
    return FrameCount(n_atoms, file.frame)


def _walk_dcd(file: _Bytes) -> FrameCount:
    (length,) = file.take("<i")
    order = "<" if length == _DCD_HEADER_BYTES else ">"
    if length not in (_DCD_HEADER_BYTES, int.from_bytes(_DCD_HEADER_BYTES.to_bytes(4, "big"), "little")):
        raise file.damaged("it does not begin as a DCD file does")
    file.skip(4)  # "CORD"
    control = file.take(f"{order}20i")
    _close(file, order, _DCD_HEADER_BYTES)
    n_promised, n_fixed, is_charmm = control[0], control[8], control[19] != 0
    time_ps = _dcd_times(control, order, is_charmm=is_charmm)
    has_cell, has_fourth = (is_charmm and control[place] != 0 for place in (10, 11))
    _record(file, order)  # title
    (length,) = file.take(f"{order}i")
    (n_atoms,) = file.take(f"{order}i")
    _close(file, order, length)
    _checked(n_atoms, 0, file)
    if n_fixed:
        _record(file, order)
    while not file.ended:
        moving = n_atoms - n_fixed if n_fixed and file.frame else n_atoms
        if has_cell:
            _record(file, order)
        for _ in range(4 if has_fourth else 3):
            _record(file, order, 4 * moving)
        file.frame += 1
    return FrameCount(n_atoms, file.frame, n_promised or None, time_ps)


def _dcd_times(control: tuple[int, ...], order: str, *, is_charmm: bool) -> tuple[float, float] | None:
    """Return the time of the first frame and that between frames; programs without one write a step of 0 or 1."""
    packed = struct.pack(f"{order}2i", *control[9:11])
    step = struct.unpack(f"{order}f", packed[:4])[0] if is_charmm else struct.unpack(f"{order}d", packed)[0]
    first, interval = control[1], control[2]
    placeholder = step == 1.0 and interval == 1
    if placeholder or not math.isfinite(step) or step <= 0.0 or interval <= 0:
        return None
    return first * step * AKMA_PS, interval * step * AKMA_PS


def _record(file: _Bytes, order: str, expected: int | None = None) -> None:
    """Pass over a Fortran record, whose length stands before and behind it."""
    (length,) = file.take(f"{order}i")
    if length < 0 or (expected is not None and length != expected):
        raise file.damaged(f"a record has {length} bytes" + ("" if expected is None else f", not {expected}"))
    file.skip(length)
    _close(file, order, length)


def _close(file: _Bytes, order: str, length: int) -> None:
    (again,) = file.take(f"{order}i")
    if again != length:
        raise file.damaged(f"a record has {length} bytes by its beginning and {again} by its end")


def _walk_netcdf(file: _Bytes) -> None:
    """Walk the header of a classic NetCDF file, whose library makes room for whatever its counts say.

    Layout: The NetCDF Classic Format Specification, Unidata. Files of other kinds (HDF5) are left to their readers.
    """
    magic, version = file.take(">3sB")
    if magic != b"CDF" or version not in (1, 2):
        return
    file.skip(4)
    for _ in range(_netcdf_list(file, _NETCDF_DIMENSIONS)):
        _netcdf_name(file)
        file.skip(4)
    _netcdf_attributes(file)
    for _ in range(_netcdf_list(file, _NETCDF_VARIABLES)):
        _netcdf_name(file)
        (n_dimensions,) = file.take(">i")
        file.skip(4 * n_dimensions)
        _netcdf_attributes(file)
        file.skip(12 if version == 1 else 16)


def _netcdf_list(file: _Bytes, kind: int) -> int:
    tag, count = file.take(">2i")
    if count < 0 or (tag, bool(count)) not in ((0, False), (kind, True), (kind, False)):
        raise file.damaged(f"a list of its header has the kind {tag} and {count} entries")
    return int(count)


def _netcdf_name(file: _Bytes) -> None:
    (length,) = file.take(">i")
    file.skip(-(-length // 4) * 4)


def _netcdf_attributes(file: _Bytes) -> None:
    for _ in range(_netcdf_list(file, _NETCDF_ATTRIBUTES)):
        _netcdf_name(file)
        kind, count = file.take(">2i")
        if kind not in _NETCDF_BYTES:
            raise file.damaged(f"an attribute has the type {kind}")
        file.skip(-(-count * _NETCDF_BYTES[kind] // 4) * 4)


_WALKS: dict[str, Callable[[_Bytes], FrameCount | None]] = {
    ".xtc": _walk_xtc, ".trr": _walk_trr, ".dcd": _walk_dcd, ".nc": _walk_netcdf, ".netcdf": _walk_netcdf,
    ".ncdf": _walk_netcdf,
}  # fmt: skip
