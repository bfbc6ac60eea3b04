"""Checksums of files."""

from __future__ import annotations

import hashlib
from pathlib import Path


def digest_of(path: str | Path, algorithm: str = "sha256") -> str:
    """Return the hexadecimal digest of a file's content, read in blocks; `algorithm` is a name `hashlib` knows."""
    with Path(path).open("rb") as file:
        return hashlib.file_digest(file, algorithm).hexdigest()
