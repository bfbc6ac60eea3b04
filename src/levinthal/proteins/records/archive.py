"""ProteinNet files inside a tar archive, as it is downloaded: found and read in place, nothing is unpacked."""

from __future__ import annotations

import gzip
import io
import re
import tarfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import IO

from levinthal.errors import DataError
from levinthal.proteins.records.byte_source import opened
from levinthal.proteins.records.faults import FaultPolicy
from levinthal.proteins.records.record import ProteinRecord
from levinthal.proteins.records.text import read_text

MAX_MEMBERS = 100_000
MAX_READ_BYTES = 1 << 20

_PROTEINNET_FILE = re.compile(r"training_\d{1,3}|validation|testing")


@dataclass(frozen=True)
class ArchiveMember:
    """A ProteinNet text file in an archive: its split (`training_30`, `validation`, `testing`), path and size."""

    split: str
    path: str
    n_bytes: int


class _Careful(io.RawIOBase):
    """A stream that never hands out more than a megabyte at once, whatever size a header declares."""

    def __init__(self, stream: io.BufferedReader | gzip.GzipFile) -> None:
        self._stream = stream

    def read(self, size: int = -1) -> bytes:
        if not 0 <= size <= MAX_READ_BYTES:
            raise tarfile.ReadError(f"a header declares {size} bytes")
        return self._stream.read(size)

    def seek(self, offset: int, whence: int = 0) -> int:
        return self._stream.seek(offset, whence)

    def tell(self) -> int:
        return self._stream.tell()


@contextmanager
def _members(path: str | Path) -> Iterator[tuple[tarfile.TarFile, Iterator[tuple[ArchiveMember, tarfile.TarInfo]]]]:
    with opened(path) as (stream, name):
        try:
            with tarfile.open(fileobj=_Careful(stream), mode="r:") as archive:
                yield archive, _proteinnet_files(archive)
        except (tarfile.TarError, OverflowError, ValueError) as error:
            raise DataError(f"{name} is not a tar archive, or a damaged one: {error}") from None


def _proteinnet_files(archive: tarfile.TarFile) -> Iterator[tuple[ArchiveMember, tarfile.TarInfo]]:
    for k, each in enumerate(archive):
        if k >= MAX_MEMBERS:
            raise tarfile.ReadError(f"more than {MAX_MEMBERS:,} members")
        split = PurePosixPath(each.name).name
        if each.isreg() and not each.issparse() and _PROTEINNET_FILE.fullmatch(split):
            yield ArchiveMember(split, each.name, each.size), each


def archive_members(path: str | Path) -> tuple[ArchiveMember, ...]:
    """Return the ProteinNet text files in a tar archive, gzipped or not.

    Only regular files with ProteinNet's names count; links, devices and all else are passed over. A gzipped archive is
    read from end to end for this.

    Raises
    ------
    DataError
        The file cannot be read or is not a tar archive.
    """
    with _members(path) as (_, members):
        return tuple(member for member, _ in members)


@contextmanager
def open_member(path: str | Path, split: str) -> Iterator[IO[bytes]]:
    """Open a ProteinNet file of an archive for reading, for `read_text`.

    Parameters
    ----------
    path : path
        The archive, gzipped or not.
    split : str
        `training_30` to `training_100`, `validation` or `testing`.

    Raises
    ------
    DataError
        The archive cannot be read, or has no such file.
    """
    with _members(path) as (archive, members):
        seen = []
        for member, info in members:
            stream = archive.extractfile(info) if member.split == split else None
            if stream is not None:
                yield stream
                return
            seen.append(member.split)
    there = ", ".join(seen) or "no ProteinNet file"
    raise DataError(f"{path} has no {split}: it has {there}")


def read_archive(path: str | Path, split: str, policy: FaultPolicy | None = None) -> Iterator[ProteinRecord]:
    """Read the records of one ProteinNet file of a tar archive, in bounded memory; see `read_text`."""
    with open_member(path, split) as stream:
        yield from read_text(stream, policy, name=f"{path}: {split}")
