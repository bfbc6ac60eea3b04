"""Write a file so that it appears whole or not at all, also after a kill or a power cut.

The bytes go to a draft in the same folder, reach the disk, and then the draft takes the file's name. A reader sees the
old file or the whole new one. Whatever goes wrong on the way is a `WriteError`.

::

    write_whole(path, "text")  # or bytes

    with whole_file(path) as file:  # what is too large to hold
        for block in blocks:
            file.write(block)

    with whole_path(path) as draft:  # what a library writes to a path of its own
        np.save(draft, array)
"""

from __future__ import annotations

import fcntl
import glob
import os
import secrets
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO

from levinthal.errors import DataError, WriteError

_DRAFT = ".draft"


def write_whole(path: str | Path, content: str | bytes, *, durable: bool = True) -> None:
    """Write a text (as UTF-8) or bytes whole or not at all.

    Parameters
    ----------
    path : path
        The file; its folder exists.
    content : str or bytes
    durable : bool
        False does not wait for the disk: for one of many files that can be made again, where time counts.

    Raises
    ------
    WriteError
        The file cannot be written (no permission, no folder, full disk); an old one of that name is untouched.
    """
    with _replaced(path, durable=durable) as draft, draft.open("xb") as file:
        file.write(content.encode() if isinstance(content, str) else content)


@contextmanager
def whole_file(path: str | Path) -> Iterator[IO[bytes]]:
    """Give a file to write, which takes its name when the block ends without an error.

    Raises
    ------
    WriteError
        As for `write_whole`.
    """
    with _replaced(path) as draft, draft.open("xb") as file:
        yield file


def write_parts(path: str | Path, parts: Iterable[bytes]) -> int:
    """Write byte strings one after the other, whole or not at all, and return how many.

    Raises
    ------
    WriteError
        As for `write_whole`.
    """
    count = 0
    with whole_file(path) as file:
        for part in parts:
            file.write(part)
            count += 1
    return count


@contextmanager
def whole_path(path: str | Path, *also: type[Exception], sole_writer: bool = False) -> Iterator[Path]:
    """Give the path of an empty draft to fill, which takes its name when the block ends without an error.

    Parameters
    ----------
    path : path
        The file; its folder exists.
    *also : type of Exception
        What the library that writes raises, beside OSError, where it cannot.
    sole_writer : bool
        Nobody else writes this file now, so that drafts of it are what a killed writer left: they are removed.

    Raises
    ------
    WriteError
        As for `write_whole`.
    """
    with _replaced(path, *also) as draft:
        if sole_writer:
            for left in draft.parent.glob(f".{glob.escape(Path(path).name)}.????????{_DRAFT}"):
                left.unlink()
        draft.open("xb").close()  # with the permissions of any new file, whoever fills it
        yield draft


@contextmanager
def _replaced(path: str | Path, *also: type[Exception], durable: bool = True) -> Iterator[Path]:
    target = Path(path)
    draft = target.with_name(f".{target.name}.{secrets.token_hex(4)}{_DRAFT}")
    with as_write_error(target, *also):
        try:
            yield draft
            if durable:
                _flush(draft)
            draft.replace(target)
        except BaseException:
            with suppress(OSError):
                draft.unlink()
            raise
        if durable:
            with suppress(OSError):  # not every file system can
                _flush(target.parent)


@contextmanager
def as_write_error(
    path: str | Path, *also: type[Exception], fix: str = "free space or choose a folder that is yours"
) -> Iterator[None]:
    """Raise a `WriteError` that names `path`, and how to fix it, for an OSError, or one of `also`, of the block."""
    kinds: tuple[type[Exception], ...] = (OSError, *also)
    try:
        yield
    except kinds as error:
        reason = getattr(error, "strerror", None) or error
        raise WriteError(f"cannot write {path}: {reason}: {fix}") from None


def _flush(path: Path) -> None:
    """Return once what is in a file, or which files are in a folder, is on the disk."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def lock(file: int | IO[bytes], folder: Path) -> None:
    """Keep a file of a folder from other writers until it is closed.

    Raises
    ------
    DataError
        Another process has it.
    """
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        raise DataError(f"{folder} is being written by another process: wait for it or choose another folder") from None
