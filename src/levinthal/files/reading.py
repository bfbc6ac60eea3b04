"""Read files that anybody may have written: whatever a parser raises becomes one typed error of one line.

A parser, ours or a library's, knows the mistakes it was written for. `refused` is for all others: around the whole of
it, once, with the error that its callers expect::

    with refused(DataError, path, "is not a frame store", "name a folder that Levinthal wrote"):
        ...
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from levinthal.errors import DataError, LevinthalError, MissingExtraError

__all__ = ["read_limited", "refused"]


@contextmanager
def refused(kind: type[LevinthalError], path: str | Path, what: str, fix: str) -> Iterator[None]:
    """Raise an error of `kind`, which names the file, for anything else that the block raises.

    Parameters
    ----------
    kind : type of LevinthalError
    path : path
        The file that is read.
    what : str
        What is wrong with it: `is not a frame store`.
    fix : str
        What to do about it.
    """
    try:
        yield
    except (kind, MissingExtraError):
        raise
    except OSError as error:
        raise kind(f"{path} cannot be read: {error.strerror or error}: {fix}") from error
    except Exception as error:
        said = _begin(error)
        name = "" if isinstance(error, (LevinthalError, ValueError)) and said else f"{type(error).__name__}: "
        raise kind(f"{path} {what} ({name}{said}): {fix}") from error


def _begin(error: Exception) -> str:
    """Return the first line of a message, of which a parser's may have many and long ones."""
    text = str(error).strip().partition("\n")[0]
    return text if len(text) <= 200 else f"{text[:200]} ..."


def read_limited(path: str | Path, most_bytes: int, fix: str) -> bytes:
    """Return a file's content, a pipe's too, unless it is larger than such a file can be.

    Raises
    ------
    DataError
        It is larger, or a folder or a device.
    OSError
        It cannot be read.
    """
    file = Path(path)
    if not (file.is_file() or file.is_fifo()) and file.exists():
        raise DataError(f"{path} is not a file: {fix}")
    with file.open("rb") as opened:
        content = opened.read(most_bytes + 1)
    if len(content) > most_bytes:
        raise DataError(f"{path} has more than {most_bytes:,} bytes: {fix}")
    return content
