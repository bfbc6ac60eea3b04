"""Reading a user's file as text, within bounds, and positions by their columns."""

from __future__ import annotations

import gzip
import io
import math
import zlib
from pathlib import Path

from levinthal.errors import DataError

MOST_BYTES = 64 * 2**20
FARTHEST_ANGSTROM = 9_000.0
_GZIP = b"\x1f\x8b"


def read_text(path: Path) -> str:
    """Return the text of a file, unpacked where it is gzipped; lines end in a line feed alone.

    Bytes that are not UTF-8 are replaced.

    Raises
    ------
    DataError
        The file is missing, unreadable, empty, or above 64 MiB unpacked.
    """
    try:
        with path.open("rb") as file:
            data = file.read(MOST_BYTES + 1)
        if data.startswith(_GZIP):
            with gzip.open(io.BytesIO(data)) as packed:
                data = packed.read(MOST_BYTES + 1)
    except (EOFError, zlib.error, gzip.BadGzipFile):
        raise DataError(f"{path} is a damaged gzip file: fetch it again") from None
    except OSError as error:
        raise DataError(f"{path}: {error.strerror or error}: name a readable file") from None
    if len(data) > MOST_BYTES:
        raise DataError(f"{path} has more than {MOST_BYTES // 2**20} MiB, the most that is read: split it")
    text = data.decode("utf-8-sig", errors="replace").replace("\r\n", "\n").replace("\r", "\n")
    if not text.strip():
        raise DataError(f"{path} is empty: name another file")
    return text


def coordinates_of(line: str, where: str) -> tuple[float, float, float]:
    """Return the position of an atom from columns 31 to 54 of a PDB or PDBQT line, in A.

    Raises
    ------
    DataError
        One is not a number, or too large; the message begins with `where`.
    """
    values = []
    for column in (30, 38, 46):
        text = line[column : column + 8]
        try:
            value = float(text)
        except ValueError:
            value = math.nan
        if not abs(value) < FARTHEST_ANGSTROM:
            columns = f"columns {column + 1} to {column + 8}"
            raise DataError(f"{where}: {text!r} in {columns} is not a coordinate: fix that line")
        values.append(value)
    return values[0], values[1], values[2]
