"""Open a file, or take an open binary stream, plain or gzipped; and make every way to fail a `DataError`."""

from __future__ import annotations

import gzip
import io
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from os import PathLike
from pathlib import Path
from typing import IO, TypeAlias, cast

from levinthal.errors import DataError

Source: TypeAlias = str | PathLike[str] | IO[bytes]
"""A path, or a binary stream that is open for reading (a member of a tar archive, standard input)."""

GZIP_MAGIC = b"\x1f\x8b\x08"


def source_name(source: Source) -> str:
    """Return the path of a file, or the name of a stream where it has one."""
    if isinstance(source, str | PathLike):
        return str(Path(source))
    return str(getattr(source, "name", None) or "the stream")


def starts_as_gzip(head: bytes) -> bool:
    """Say whether bytes begin as a gzip file does (RFC 1952, section 2.3.1)."""
    return head.startswith(GZIP_MAGIC)


@contextmanager
def opened(
    source: Source, is_gzip: Callable[[bytes], bool] = starts_as_gzip, name: str | None = None
) -> Iterator[tuple[io.BufferedReader | gzip.GzipFile, str]]:
    """Open a source for reading and give its bytes, unzipped, and its name.

    A stream that was handed in stays open, but is read ahead.

    Parameters
    ----------
    source : path or binary stream
        What to read.
    is_gzip : callable
        Decides from the first 12 bytes or more whether the rest must be unzipped.
    name : str, optional
        What the source is called in errors; else its path, or the stream's own name.

    Raises
    ------
    DataError
        The file cannot be opened or read, or its gzip is damaged; also when that turns out while it is being read.
    """
    path = Path(source) if isinstance(source, str | PathLike) else None
    name = name or source_name(source)
    reader: io.BufferedReader | None = None
    try:
        reader = path.open("rb") if path is not None else io.BufferedReader(cast("io.RawIOBase", source))
        if is_gzip(reader.peek(12)):
            yield gzip.GzipFile(fileobj=reader), name
        else:
            yield reader, name
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        raise DataError(f"{name}: the gzip data is damaged or cut off ({error}): fetch or make it again") from None
    except OSError as error:
        raise DataError(f"{name} cannot be read: {error.strerror or error}") from None
    finally:
        if reader is not None:
            if path is not None:
                reader.close()
            else:
                reader.detach()
