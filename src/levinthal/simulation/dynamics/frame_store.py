"""Frames of many replicas in one append-only folder: CA coordinates and bit-packed contact maps.

::

    header.json        format, version, n_residues, cutoff_nm, system
    coordinates.f32    float32 (n_frames, n_residues, 3), nm
    contacts.u8        uint8 (n_frames, packed_size(n_residues))
    steps.i64          int64 (n_frames,)
    chunks.jsonl       a row for each chunk that was appended: where it lies, its replica, its start, a check sum

A frame's id is its place in these files and never changes. The data of a chunk are written first, its row last: a
frame without a row does not exist, so whatever a killed writer left behind is not seen by readers, and the next writer
cuts it off. History of the format: 1, the first.
"""

from __future__ import annotations

import io
import json
import os
import zlib
from dataclasses import asdict, dataclass
from pathlib import Path
from types import TracebackType
from typing import Any

import numpy as np
import numpy.typing as npt

from levinthal.errors import DataError
from levinthal.files.reading import read_limited, refused
from levinthal.files.writing import as_write_error, lock, write_whole
from levinthal.proteins.contact_maps.maps import CONTACT_CUTOFF_NM, pack_contacts, packed_size
from levinthal.simulation.dynamics.frames import Frames

FORMAT_VERSION = 1
_FORMAT = "levinthal frame store"
_HEADER, _ROWS = "header.json", "chunks.jsonl"
_MOST_HEADER_BYTES, _MOST_RESIDUES, _MOST = 1_000_000, 1_000_000, 2**62


@dataclass(frozen=True)
class StoreHeader:
    """What all frames of a store have in common; `system` says of which molecule they are."""

    n_residues: int
    cutoff_nm: float = CONTACT_CUTOFF_NM
    system: str = ""


@dataclass(frozen=True)
class StoredChunk:
    """Consecutive frames of one replica: ids `first_frame` to `first_frame + n_frames - 1`."""

    first_frame: int
    n_frames: int
    replica: int
    start: str
    first_step: int
    last_step: int
    crc32: int


def _layout(header: StoreHeader) -> dict[str, tuple[np.dtype[Any], tuple[int, ...]]]:
    """Return the data files with the type and shape of a frame; little-endian on every machine."""
    return {
        "coordinates.f32": (np.dtype("<f4"), (header.n_residues, 3)),
        "contacts.u8": (np.dtype("u1"), (packed_size(header.n_residues),)),
        "steps.i64": (np.dtype("<i8"), ()),
    }


def _frame_bytes(kind: tuple[np.dtype[Any], tuple[int, ...]]) -> int:
    return kind[0].itemsize * int(np.prod(kind[1]))


def _read_header(folder: Path) -> StoreHeader:
    path = folder / _HEADER
    with refused(DataError, path, "is damaged: it is not JSON", "simulate again or restore the file"):
        if not path.exists():
            raise DataError(f"{folder} is not a frame store: it has no {_HEADER}")
        found = json.loads(read_limited(path, _MOST_HEADER_BYTES, "simulate again or restore the file"))
    if not isinstance(found, dict) or found.get("format") != _FORMAT:
        raise DataError(f"{path} does not belong to a frame store: name a folder that Levinthal wrote")
    if found.get("version") != FORMAT_VERSION:
        raise DataError(
            f"{folder} has frame store version {found.get('version')}, this Levinthal reads {FORMAT_VERSION}: "
            "take the release that wrote it"
        )
    residues, cutoff, system = (found.get(key) for key in ("n_residues", "cutoff_nm", "system"))
    if (
        type(residues) is not int
        or not 1 <= residues <= _MOST_RESIDUES
        or not isinstance(cutoff, float)
        or not isinstance(system, str)
    ):
        raise DataError(f"{path} is damaged: n_residues, cutoff_nm or system is missing or of a wrong type")
    return StoreHeader(residues, cutoff, system)


def _parse_row(line: bytes) -> StoredChunk | None:
    try:
        found = json.loads(line)
    except (ValueError, RecursionError):
        return None
    kinds = {"start": str}
    names = list(StoredChunk.__dataclass_fields__)
    if not isinstance(found, dict) or sorted(found) != sorted(names):
        return None
    if any(type(found[name]) is not kinds.get(name, int) for name in names):
        return None
    if any(abs(value) > _MOST for value in found.values() if type(value) is int):
        return None
    return StoredChunk(**found)


def _read_rows(folder: Path, header: StoreHeader) -> tuple[tuple[StoredChunk, ...], int]:
    """Return the chunks that are whole, and the length of their rows in bytes."""
    path = folder / _ROWS
    try:
        content = path.read_bytes()
        whole_frames = min(
            (folder / name).stat().st_size // _frame_bytes(kind)
            for name, kind in _layout(header).items()
            if _frame_bytes(kind)
        )
    except OSError as error:
        raise DataError(f"{folder} is damaged: {error.filename}: {error.strerror}; simulate again") from None
    chunks: list[StoredChunk] = []
    length = 0
    torn_at = None
    for number, line in enumerate(content.split(b"\n")[:-1], start=1):
        row = _parse_row(line)
        if row is None:
            torn_at = torn_at or number
            continue
        if torn_at is not None:
            raise DataError(f"{path} is damaged in line {torn_at}, and good rows follow: restore the file")
        expected = chunks[-1].first_frame + chunks[-1].n_frames if chunks else 0
        if row.first_frame != expected or row.n_frames < 1:
            raise DataError(f"{path} is damaged: line {number} begins at frame {row.first_frame}, not {expected}")
        if row.first_frame + row.n_frames > whole_frames:
            break  # data lost in a crash of the machine: this chunk and all later ones are not whole
        chunks.append(row)
        length += len(line) + 1
    return tuple(chunks), length


def _checksum(parts: list[bytes]) -> int:
    checksum = 0
    for part in parts:
        checksum = zlib.crc32(part, checksum)
    return checksum


class FrameStore:
    """What a store held when it was opened; the arrays are memory-mapped and cannot be written.

    Parameters
    ----------
    folder : str or Path
        Written by `FrameWriter`.

    Attributes
    ----------
    header : StoreHeader
        Residues, cutoff, system.
    chunks : tuple of StoredChunk
        In order of frame ids.

    Raises
    ------
    DataError
        No frame store, one of another version, or a damaged one.

    Examples
    --------
    >>> from levinthal.simulation import FrameStore, advance, capped_peptide, start_replica
    >>> from levinthal.simulation.dynamics.frame_store import FrameWriter, StoreHeader
    >>> system, starts = capped_peptide("dialanine", "AA", ("extended",))
    >>> state = start_replica(system, starts["extended"], seed=0)
    >>> with FrameWriter("stored", StoreHeader(n_residues=2)) as writer:
    ...     writer.append(advance(system, state, 50, seed=1, frame_interval=10)[1], replica=0, start="extended")
    range(0, 5)
    >>> store = FrameStore("stored")
    >>> store.header.n_residues, store.contacts.shape
    (2, (5, 1))
    """

    def __init__(self, folder: str | Path) -> None:
        self.folder = Path(folder)
        self.header = _read_header(self.folder)
        self.chunks, _ = _read_rows(self.folder, self.header)

    def __len__(self) -> int:
        return self.chunks[-1].first_frame + self.chunks[-1].n_frames if self.chunks else 0

    def _mapped(self, name: str) -> npt.NDArray[Any]:
        dtype, shape = _layout(self.header)[name]
        if len(self) == 0 or 0 in shape:
            return np.zeros((len(self), *shape), dtype)
        return np.memmap(self.folder / name, dtype, "r", shape=(len(self), *shape))

    @property
    def coordinates_nm(self) -> npt.NDArray[np.float32]:
        """CA coordinates, shape (n_frames, n_residues, 3)."""
        return self._mapped("coordinates.f32")

    @property
    def contacts(self) -> npt.NDArray[np.uint8]:
        """Packed contact maps, shape (n_frames, packed_size(n_residues))."""
        return self._mapped("contacts.u8")

    @property
    def steps(self) -> npt.NDArray[np.int64]:
        """The replica's step at each frame, shape (n_frames,)."""
        return self._mapped("steps.i64")

    @property
    def replicas(self) -> npt.NDArray[np.int64]:
        """The replica of each frame, shape (n_frames,)."""
        return np.repeat(
            np.array([chunk.replica for chunk in self.chunks], np.int64),
            np.array([chunk.n_frames for chunk in self.chunks], np.int64),
        )

    def verify(self) -> None:
        """Read everything and compare the check sums.

        Raises
        ------
        DataError
            A chunk's data are not what was written; names the first such chunk.
        """
        arrays = [self._mapped(name) for name in _layout(self.header)]
        for number, chunk in enumerate(self.chunks):
            frames = slice(chunk.first_frame, chunk.first_frame + chunk.n_frames)
            if _checksum([array[frames].tobytes() for array in arrays]) != chunk.crc32:
                raise DataError(
                    f"{self.folder} is damaged: chunk {number} (frames {frames.start} to {frames.stop - 1}) "
                    "is not what was written; simulate again"
                )


class FrameWriter:
    """Appends chunks to a store; makes the folder where there is none. Use as a context manager.

    Parameters
    ----------
    folder : str or Path
        The store.
    header : StoreHeader
        Must be the header of the store if there is one already.

    Raises
    ------
    DataError
        The folder holds something else, frames of another system, or another process is writing.
    WriteError
        The folder cannot be written.
    """

    def __init__(self, folder: str | Path, header: StoreHeader) -> None:
        self.folder = Path(folder)
        self.header = header
        self._files: dict[str, io.FileIO] = {}
        with as_write_error(self.folder):
            self.folder.mkdir(parents=True, exist_ok=True)
            self._rows = io.FileIO(self.folder / _ROWS, "ab")
            try:
                lock(self._rows, self.folder)
                self._open_files()
            except (OSError, DataError):
                self.close()
                raise

    def _open_files(self) -> None:
        path = self.folder / _HEADER
        if not path.exists():
            if self._rows.tell():
                raise DataError(f"{self.folder} is damaged: it has rows but no {_HEADER}; choose another folder")
            for name in _layout(self.header):
                (self.folder / name).touch()
            # The header is the last file to appear, whole or not at all.
            write_whole(path, json.dumps({"format": _FORMAT, "version": FORMAT_VERSION, **asdict(self.header)}))
        found = _read_header(self.folder)
        if found != self.header:
            raise DataError(f"{self.folder} holds frames of another kind ({found}): choose another folder")
        chunks, length = _read_rows(self.folder, self.header)
        self._n_frames = chunks[-1].first_frame + chunks[-1].n_frames if chunks else 0
        self._rows.truncate(length)
        for name, kind in _layout(self.header).items():
            self._files[name] = io.FileIO(self.folder / name, "ab")
            self._files[name].truncate(self._n_frames * _frame_bytes(kind))

    def __enter__(self) -> FrameWriter:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def __len__(self) -> int:
        return self._n_frames

    def close(self) -> None:
        """Release the files."""
        for file in (*self._files.values(), self._rows):
            file.close()

    def append(self, frames: Frames, *, replica: int, start: str) -> range:
        """Append a replica's next frames; on return they are on the disk.

        Parameters
        ----------
        frames : Frames
            CA coordinates and steps; their contacts are computed here.
        replica : int
            Which replica they are of.
        start : str
            The name of its start structure.

        Returns
        -------
        range
            The ids of the frames.

        Raises
        ------
        DataError
            Frames of another size, or not finite.
        WriteError
            The disk is full or the folder is gone; the store is as it was.
        """
        first = self._n_frames
        if frames.coordinates_nm.shape[1:] != (self.header.n_residues, 3):
            raise DataError(
                f"frames have {frames.coordinates_nm.shape[1:]} coordinates, {self.folder} takes "
                f"({self.header.n_residues}, 3)"
            )
        if len(frames) == 0:
            return range(first, first)
        arrays = (frames.coordinates_nm, pack_contacts(frames.coordinates_nm, self.header.cutoff_nm), frames.step)
        layout = _layout(self.header)
        data = [np.ascontiguousarray(a, kind[0]).tobytes() for a, kind in zip(arrays, layout.values(), strict=True)]
        chunk = StoredChunk(
            first_frame=first,
            n_frames=len(frames),
            replica=replica,
            start=start,
            first_step=int(frames.step[0]),
            last_step=int(frames.step[-1]),
            crc32=_checksum(data),
        )
        lengths = {file: os.fstat(file.fileno()).st_size for file in (*self._files.values(), self._rows)}
        with as_write_error(self.folder):
            try:
                for file, content in zip(self._files.values(), data, strict=True):
                    _write_through(file, content)
                _write_through(self._rows, json.dumps(asdict(chunk)).encode() + b"\n")
            except OSError:
                for file, length in lengths.items():
                    os.ftruncate(file.fileno(), length)
                raise
        self._n_frames += len(frames)
        return range(first, self._n_frames)


def _write_through(file: io.FileIO, content: bytes) -> None:
    left = memoryview(content)
    while left:
        left = left[file.write(left) :]
    os.fsync(file.fileno())
