"""Write a file so that it appears whole or not at all, also after a kill or a power cut.

The bytes go to a draft in the same folder, reach the disk, and then the draft takes the file's name. A reader sees the
old file or the whole new one. Whatever goes wrong on the way is a `WriteError`; `write_failure` finds one in whatever a
library raises.

A path is taken as the user means it. A symbolic link stays, and the file it leads to is replaced, with the permissions
that it had; a pipe or a device such as /dev/stdout or /dev/null is written to; a folder, a socket or a disk is refused.

::

    write_whole(path, "text")  # or bytes

    with whole_file(path) as file:  # what is too large to hold
        for block in blocks:
            file.write(block)

    with whole_path(path) as draft:  # what a library writes to a path of its own
        np.save(draft, array)
"""

from __future__ import annotations

import errno
import fcntl
import glob
import hashlib
import os
import re
import secrets
import shutil
import stat
import sys
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO

from levinthal.errors import DataError, WriteError

_DRAFT = ".draft"
_LONGEST_STEM = 200
"""Bytes of a file's name that a draft's takes over: no name has more than 255."""
_FREE = "free space or choose a folder that is yours"


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
            for left in draft.parent.glob(f"{glob.escape(_draft_stem(draft))}.????????{_DRAFT}"):
                left.unlink()
        draft.open("xb").close()  # with the permissions of any new file, whoever fills it
        yield draft


@contextmanager
def _replaced(path: str | Path, *also: type[Exception], durable: bool = True) -> Iterator[Path]:
    shown = Path(path)
    with as_write_error(shown, *also):
        mode = _mode(shown)
        if mode is not None and (not stat.S_ISREG(mode) or _descriptor(shown) is not None):
            with _passed_on(shown, mode) as draft:
                yield draft
            return
        target = Path(os.path.realpath(shown))
        stem = target.name
        if len(os.fsencode(stem)) > _LONGEST_STEM:
            stem = hashlib.sha256(os.fsencode(stem)).hexdigest()[:16]
        draft = target.with_name(f".{stem}.{secrets.token_hex(4)}{_DRAFT}")
        try:
            yield draft
            if mode is not None:
                with suppress(PermissionError):  # not every file system can
                    draft.chmod(stat.S_IMODE(mode))
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


def _draft_stem(draft: Path) -> str:
    return draft.name[: -len(f".12345678{_DRAFT}")]


def _mode(path: Path) -> int | None:
    """Return type and permissions of what a path leads to, None where there is nothing yet."""
    try:
        return path.stat().st_mode
    except FileNotFoundError:
        return None
    except ValueError as error:  # a name that no file can have
        raise WriteError(f"cannot write {str(path)!r}: {error}: name a file") from None


_OPEN_FILE = re.compile(r"/dev/(stdout|stderr)|/(?:dev|proc/self)/fd/(\d+)")


def _descriptor(path: Path) -> int | None:
    """Return the file that this process has open and a path names, as /dev/stdout does: written to, never replaced."""
    found = _OPEN_FILE.fullmatch(str(path))
    return None if found is None else int(found[2]) if found[2] else 1 + (found[1] == "stderr")


@contextmanager
def _passed_on(path: Path, mode: int) -> Iterator[Path]:
    """Give a draft elsewhere whose bytes go into a pipe, a device or an open file when the block ends well."""
    descriptor = _descriptor(path)
    if descriptor is None and not (stat.S_ISFIFO(mode) or stat.S_ISCHR(mode)):
        kind = "a folder" if stat.S_ISDIR(mode) else "a disk" if stat.S_ISBLK(mode) else "a socket"
        raise WriteError(f"cannot write {path}: it is {kind}: name a file")
    with tempfile.TemporaryDirectory(prefix="levinthal-") as folder:
        draft = Path(folder) / "draft"
        yield draft
        sys.stdout.flush()
        with (
            draft.open("rb") as content,
            open(path if descriptor is None else descriptor, "wb", closefd=descriptor is None) as out,
        ):
            shutil.copyfileobj(content, out)


@contextmanager
def as_write_error(path: str | Path, *also: type[Exception], fix: str = _FREE) -> Iterator[None]:
    """Raise a `WriteError` that names `path`, and how to fix it, for an OSError, or one of `also`, of the block."""
    kinds: tuple[type[Exception], ...] = (OSError, *also)
    try:
        yield
    except kinds as error:
        reason = getattr(error, "strerror", None) or error
        raise WriteError(f"cannot write {path}: {reason}: {fix}") from None


_FULL = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EROFS, errno.EIO})
_FULL_IN_WORDS = ("No space left on device", "Disk quota exceeded", "disk is full", "File too large")
_SQLITE_FULL = ("SQLITE_FULL", "SQLITE_IOERR", "SQLITE_CANTOPEN", "SQLITE_READONLY")


def write_failure(error: BaseException, place: str | Path) -> WriteError | None:
    """Return the `WriteError` that an exception of whatever library amounts to; None where it is another kind.

    Parameters
    ----------
    error : exception
        Looked at with all that it came of.
    place : path
        What is named where the exception names no file.
    """
    seen: set[int] = set()
    cause: BaseException | None = error
    while cause is not None and id(cause) not in seen:
        seen.add(id(cause))
        if isinstance(cause, WriteError):
            return cause
        if _is_write_failure(cause):
            name = getattr(cause, "filename", None)
            where = name if isinstance(name, str) else place
            reason = getattr(cause, "strerror", None) or cause
            return WriteError(f"cannot write {where}: {reason}: {_FREE}")
        cause = cause.__cause__ or cause.__context__
    return None


def _is_write_failure(error: BaseException) -> bool:
    if isinstance(error, OSError) and error.errno in _FULL:
        return True
    if str(getattr(error, "sqlite_errorname", "")).startswith(_SQLITE_FULL):
        return True
    return any(words in str(error) for words in _FULL_IN_WORDS)


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
