"""Fetch a file over the network, and believe nothing: not the server, not the connection, not what lies here already.

The bytes grow in `NAME.part`. A part that was broken off goes on where the server says that its file is still the one
that the part is of (`If-Range`), or where a published checksum will tell. Nothing is taken in a coding that inflates,
nor more than the file can have. What arrives is compared with its published checksum, or, where there is none, looked
at by its format; its checksum is on the disk before the file has its name. No link in the folder is followed.
"""

from __future__ import annotations

import os
import stat
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import IO, TYPE_CHECKING

from levinthal.errors import DataError
from levinthal.files.checksums import digest_of
from levinthal.files.reading import refused
from levinthal.files.writing import as_write_error, lock, write_whole

if TYPE_CHECKING:
    import requests

__all__ = ["FIRST_FETCH", "checksum_of", "download"]

FIRST_FETCH = "first-fetch"
_BLOCK_BYTES = 1 << 16
_TIMEOUT_S = 30.0
_LEAST_BYTES, _WITHIN_S = 10_000, 60.0
"""A connection slower than this is given up."""
_OK, _PARTIAL_CONTENT, _RANGE_NOT_SATISFIABLE = 200, 206, 416
_SPACE = "free some space or set LEVINTHAL_DATA to a folder that is yours"
_REMOVED = "it was removed; fetch it again"
_AGAIN = "check the connection, then run the same command again"


def checksum_of(path: Path, algorithm: str = "sha256") -> str:
    """Return `algorithm:hexdigest` of a file's content."""
    return f"{algorithm}:{digest_of(path, algorithm)}"


def download(
    url: str,
    target: Path,
    checksum: str,
    *,
    most_bytes: int = 20_000_000_000,
    n_bytes: int | None = None,
    check: Callable[[Path], None] | None = None,
    remember: Callable[[str], None] | None = None,
) -> str:
    """Fetch `url` into `target` and verify it; `target` is never a torn file.

    Parameters
    ----------
    url : str
        Where the file is.
    target : Path
        Where it goes.
    checksum : str
        `algorithm:hexdigest`, or `first-fetch` where none is known.
    most_bytes : int
        What is larger is not the file, and is not fetched further.
    n_bytes : int, optional
        Its size, where known.
    check : callable, optional
        Looks at the content by its format and raises a `DataError`.
    remember : callable, optional
        Told the checksum before the file takes its name.

    Returns
    -------
    str
        The checksum of what was fetched.

    Raises
    ------
    DataError
        No connection, an answer that is not the file, or a checksum that differs.
    WriteError
        The disk is full or the folder cannot be written to; what was fetched is kept.
    """
    part = target.with_name(f"{target.name}.part")
    with as_write_error(target.parent, fix=_SPACE):
        target.parent.mkdir(parents=True, exist_ok=True)
    with _opened(part) as file:
        _fetch(_Source(url, part, file, n_bytes or most_bytes, checksum != FIRST_FETCH))
        if n_bytes is not None and (found := os.fstat(file.fileno()).st_size) != n_bytes:
            raise _dropped(part, f"{url} has {found:,} bytes, expected are {n_bytes:,}")
        algorithm = "sha256" if checksum == FIRST_FETCH else checksum.partition(":")[0]
        fetched = checksum_of(part, algorithm)
        if checksum not in (FIRST_FETCH, fetched):
            raise _dropped(part, f"{url} has the checksum {fetched}, expected is {checksum}")
        if check is not None:
            try:
                with refused(DataError, url, "is not the file that it should be", _REMOVED):
                    check(part)
            except DataError:
                _drop(part)
                raise
        if remember is not None:
            remember(fetched)
        with as_write_error(target):
            os.fsync(file.fileno())
            part.replace(target)
        _note(part).unlink(missing_ok=True)
    return fetched


@contextmanager
def _opened(part: Path) -> Iterator[IO[bytes]]:
    """Open a part for this process alone; what is not a plain file of its own, a link above all, is refused."""
    with as_write_error(part, fix=_SPACE):
        flags = os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK
        descriptor = os.open(part, flags, 0o644)
    with os.fdopen(descriptor, "r+b") as file:
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            raise DataError(f"{part} is not a plain file: delete it, then run the same command again")
        lock(file, part.parent)
        yield file


def _note(part: Path) -> Path:
    """Return the file beside a part that says which version of the server's file it is of."""
    return part.with_name(f"{part.name}.version")


def _drop(part: Path) -> None:
    part.unlink(missing_ok=True)
    _note(part).unlink(missing_ok=True)


def _dropped(part: Path, why: str) -> DataError:
    _drop(part)
    return DataError(f"{why}: {_REMOVED}")


@dataclass(frozen=True)
class _Source:
    """What is fetched, and into which part; `known` says that a published checksum will tell whether it is right."""

    url: str
    part: Path
    file: IO[bytes]
    most_bytes: int
    known: bool


def _fetch(source: _Source) -> None:
    import requests
    from urllib3.exceptions import HTTPError

    url, have = source.url, os.fstat(source.file.fileno()).st_size
    version = _version(source.part) if have else ""
    if have > source.most_bytes or not (version or source.known):
        have = 0  # nobody could say whether the rest fits
    headers = {"Accept-Encoding": "identity"}
    if have:
        headers |= {"Range": f"bytes={have}-", **({"If-Range": version} if version else {})}
    try:
        with requests.get(url, headers=headers, stream=True, timeout=_TIMEOUT_S) as answer:
            begin = _start_of(answer, source, have)
            if begin is not None:
                _take(answer, source, begin)
    except (requests.RequestException, HTTPError) as error:
        raise DataError(f"cannot fetch {url}: {type(error).__name__}: {_AGAIN}") from None
    except (ValueError, LookupError, RuntimeError, OSError) as error:  # what a malformed answer makes of the library
        raise DataError(f"cannot fetch {url}: its answer makes no sense ({type(error).__name__}): {_AGAIN}") from None


def _version(part: Path) -> str:
    """Return which version of the server's file a part is of, as the server named it; nothing where that is unknown."""
    note = _note(part)
    try:
        found = "" if note.is_symlink() else note.read_bytes()[:1000].decode("latin-1").strip()
    except OSError:
        return ""
    return found if found.isprintable() else ""


def _start_of(answer: requests.Response, source: _Source, have: int) -> int | None:
    """Return at which byte of the file an answer begins; None where there is nothing beyond what is here."""
    url = source.url
    if answer.status_code != _RANGE_NOT_SATISFIABLE:
        answer.raise_for_status()
    if url.startswith("https:") and not answer.url.startswith("https:"):
        raise DataError(f"{url} leads to {answer.url}, where anybody may answer: {_AGAIN}")
    coding = answer.headers.get("Content-Encoding", "identity").strip().lower()
    if coding not in ("", "identity"):
        raise DataError(f"{url} is sent as {coding}, which was not asked for: {_AGAIN}")
    if answer.status_code == _OK:
        return 0
    if answer.status_code == _PARTIAL_CONTENT and have:
        begins = answer.headers.get("Content-Range", f"bytes {have}-" if source.known else "")
        if begins.startswith(f"bytes {have}-"):
            return have
        raise DataError(f"{url}: the server sends another part than was asked for: {_AGAIN}")
    if answer.status_code == _RANGE_NOT_SATISFIABLE and have:
        if source.known or answer.headers.get("Content-Range", "").rpartition("/")[2] == str(have):
            return None
        raise _dropped(source.part, f"{url} is not the file any more of which a part is here")
    raise DataError(f"cannot fetch {url}: the server answers {answer.status_code}: {_AGAIN}")


def _take(answer: requests.Response, source: _Source, begin: int) -> None:
    """Write an answer into the part from a byte on."""
    url, file = source.url, source.file
    promised = answer.headers.get("Content-Length", "")
    if promised.isdecimal() and begin + int(promised) > source.most_bytes:
        raise DataError(f"{url} has {int(promised):,} bytes, more than the file can have: {_AGAIN}")
    with as_write_error(source.part, fix=_SPACE):
        file.truncate(begin)
        file.seek(begin)
    _keep_version(source.part, answer.headers)
    since_s, since_bytes, at = time.monotonic(), begin, begin
    for block in iter(partial(answer.raw.read1, _BLOCK_BYTES), b""):  # what is there, however little
        at += len(block)
        if at > source.most_bytes:
            file.truncate(0)
            raise DataError(f"{url} goes on beyond the {source.most_bytes:,} bytes that the file can have: {_AGAIN}")
        with as_write_error(source.part, fix=_SPACE):
            file.write(block)
            file.flush()
        if (now_s := time.monotonic()) - since_s > _WITHIN_S:
            if at - since_bytes < _LEAST_BYTES:
                raise DataError(f"{url} comes at under {_LEAST_BYTES / _WITHIN_S:.0f} bytes a second: {_AGAIN}")
            since_s, since_bytes = now_s, at


def _keep_version(part: Path, headers: Mapping[str, str]) -> None:
    """Note what names the version of the file on the server; without that a part is begun again."""
    tag = headers.get("ETag", "")
    version = tag if tag.startswith('"') else headers.get("Last-Modified", "")  # a weak tag may stand for other bytes
    if version:
        write_whole(_note(part), version.encode("latin-1", "replace"), durable=False)
    else:
        _note(part).unlink(missing_ok=True)
