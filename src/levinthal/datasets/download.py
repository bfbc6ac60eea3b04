"""Fetch a file over the network: a broken-off download goes on where it stopped, and its checksum is verified."""

from __future__ import annotations

from pathlib import Path

from levinthal.errors import DataError
from levinthal.files.checksums import digest_of

FIRST_FETCH = "first-fetch"
_BLOCK_BYTES = 1 << 20
_TIMEOUT_S = 30.0
_RANGE_NOT_SATISFIABLE = 416
_PARTIAL_CONTENT = 206


def checksum_of(path: Path, algorithm: str = "sha256") -> str:
    """Return `algorithm:hexdigest` of a file's content."""
    return f"{algorithm}:{digest_of(path, algorithm)}"


def download(url: str, target: Path, checksum: str) -> str:
    """Fetch `url` into `target` and verify it.

    The bytes grow in `target.part` and are renamed when they are whole and right: `target` is never a torn file.

    Parameters
    ----------
    url : str
        Where the file is.
    target : Path
        Where it goes.
    checksum : str
        `algorithm:hexdigest`, or `first-fetch` where none is known.

    Returns
    -------
    str
        The checksum of what was fetched.

    Raises
    ------
    DataError
        No connection, an answer that is not the file, a full disk, or a checksum that differs.
    """
    import requests

    part = target.with_name(target.name + ".part")
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        have = part.stat().st_size if part.exists() else 0
        headers = {"Range": f"bytes={have}-"} if have else {}
        with requests.get(url, headers=headers, stream=True, timeout=_TIMEOUT_S) as answer:
            if answer.status_code != _RANGE_NOT_SATISFIABLE:  # 416: the part is whole already
                answer.raise_for_status()
                with part.open("ab" if answer.status_code == _PARTIAL_CONTENT else "wb") as file:
                    for block in answer.iter_content(_BLOCK_BYTES):
                        file.write(block)
    except requests.RequestException as error:
        reason = type(error).__name__
        raise DataError(
            f"cannot fetch {url}: {reason}: check the connection, then run the same command again"
        ) from None
    except OSError as error:
        raise DataError(f"cannot write {part}: {error.strerror}: free some space or set LEVINTHAL_DATA") from None
    algorithm = "sha256" if checksum == FIRST_FETCH else checksum.partition(":")[0]
    found = checksum_of(part, algorithm)
    if checksum not in (FIRST_FETCH, found):
        part.unlink()
        raise DataError(f"{url} has the checksum {found}, expected is {checksum}: it was removed; fetch it again")
    part.replace(target)
    return found
