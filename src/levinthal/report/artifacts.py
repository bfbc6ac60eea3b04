"""Pictures a workload left in its run folder, checked and embedded so that nothing in them can run."""

from __future__ import annotations

import base64
import hashlib
import os
import stat
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from urllib.parse import quote

from levinthal.files.paths import path_inside
from levinthal.harness.results.result import Artifact

MAX_BYTES = 5_000_000
_PNG = b"\x89PNG\r\n\x1a\n"
_SAFE_IN_URL = " !$()*+,-./:;=?@[]^_`{|}~"
"""What a `data:` URL in an attribute can hold as it is, beside letters and digits."""


@dataclass(frozen=True)
class Picture:
    """A picture as a `data:` address, or the reason why it is not shown."""

    name: str
    caption: str
    path: str
    address: str | None
    n_bytes: int
    problem: str | None


def embed(artifact: Artifact, folder: Path | None) -> Picture:
    """Read an artifact if it lies in the run folder and is what the result says it is.

    The picture goes into an `<img>`, where browsers neither run scripts nor load anything from elsewhere. A file that
    is not SVG or PNG is named, not shown.

    Parameters
    ----------
    artifact : Artifact
        The record in the result file, which may come from anybody.
    folder : Path or None
        The run folder; None where only the result was given.
    """
    try:
        data = read_artifact(artifact, folder)
        kind = _kind(artifact.path, data)
    except RefusedError as refusal:
        return Picture(artifact.name, artifact.caption, artifact.path, None, 0, str(refusal))
    return Picture(artifact.name, artifact.caption, artifact.path, _address(kind, data), len(data), None)


@dataclass(frozen=True)
class FileLink:
    """A file that a workload left: `address` leads to it from the page, empty where there is no way or no such file."""

    path: str
    caption: str
    address: str


def link(artifact: Artifact, folder: Path | None, beside: Path | None) -> FileLink:
    """Return the way from a page to a file of a run folder, if the file lies there.

    Parameters
    ----------
    artifact : Artifact
        The record in the result file, which may come from anybody: a path that leaves the folder gets no link.
    folder, beside : Path or None
        The run folder, and the folder of the page.
    """
    address = ""
    if folder is not None and beside is not None:
        try:
            file = path_inside(folder, artifact.path)
            if file is not None and file.is_file():
                address = quote(Path(os.path.relpath(file, beside.resolve())).as_posix())
        except (OSError, RuntimeError, ValueError):  # a loop of links, a name that no file can have, another drive
            address = ""
    return FileLink(artifact.path, artifact.caption, address)


class RefusedError(Exception):
    """Why an artifact is not shown."""


def read_artifact(artifact: Artifact, folder: Path | None) -> bytes:
    """Return a file that lies in the run folder, is not too large, and is what the result says it is.

    Raises
    ------
    RefusedError
        It is not, with the reason.
    """
    if folder is None:
        raise RefusedError("not shown: the run folder was not given")
    try:
        file = path_inside(folder, artifact.path)
        if file is None:
            raise RefusedError("refused: its path leaves the run folder")
        status = file.stat()
        if not stat.S_ISREG(status.st_mode):
            raise RefusedError("refused: it is not a regular file")
        if status.st_size > MAX_BYTES:
            raise RefusedError(
                f"too large to embed: {status.st_size / 1e6:.1f} MB, the limit is {MAX_BYTES / 1e6:.0f} MB"
            )
        data = file.read_bytes()
    except FileNotFoundError:
        raise RefusedError("missing: there is no such file in the run folder") from None
    except (OSError, RuntimeError, ValueError):
        # RuntimeError is a loop of links, ValueError a name that no file can have.
        raise RefusedError("unreadable: the file could not be opened") from None
    if hashlib.sha256(data).hexdigest() != artifact.sha256:
        raise RefusedError("not shown: it was changed after the run (its SHA-256 is not the recorded one)")
    return data


def _address(kind: str, data: bytes) -> str:
    """Return the data as a URL: text as it is where that is shorter, which base64 would make a third longer."""
    encoded = f"data:{kind};base64,{base64.b64encode(data).decode('ascii')}"
    as_text = f"data:{kind},{quote(data, safe=_SAFE_IN_URL)}"
    return min(encoded, as_text, key=len)


def _kind(path: str, data: bytes) -> str:
    suffix = PurePosixPath(path).suffix.lower()
    if suffix == ".png" and data.startswith(_PNG):
        return "image/png"
    if suffix == ".svg" and b"<svg" in data[:4096]:
        if b"<!ENTITY" in data:
            raise RefusedError("refused: an SVG that defines entities")
        return "image/svg+xml"
    if suffix in {".png", ".svg"}:
        raise RefusedError(f"not shown: the file is not {suffix[1:].upper()}")
    raise RefusedError("kept in the run folder: only SVG and PNG are shown")
