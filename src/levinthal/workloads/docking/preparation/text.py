"""Reading a user's file as text, within bounds."""

from __future__ import annotations

from pathlib import Path

from levinthal.errors import DataError

__all__ = ["MOST_BYTES", "read_text"]

MOST_BYTES = 64 * 2**20


def read_text(path: Path) -> str:
    """Return the text of a file; bytes that are no UTF-8 are replaced.

    Raises
    ------
    DataError
        The file is missing, unreadable, empty or above 64 MiB.
    """
    try:
        size = path.stat().st_size
        if size > MOST_BYTES:
            raise DataError(f"{path} has {size / 2**20:.0f} MiB: a molecule's file has at most {MOST_BYTES // 2**20}")
        text = path.read_bytes().decode(errors="replace")
    except OSError as error:
        raise DataError(f"{path}: {error.strerror or error}: name a readable file") from None
    if not text.strip():
        raise DataError(f"{path} is empty: name another file")
    return text
