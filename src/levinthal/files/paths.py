"""Paths from files that anybody may have written."""

from __future__ import annotations

from pathlib import Path, PurePosixPath


def path_inside(folder: Path, relative: str) -> Path | None:
    """Return the file of a folder that a relative path names, links followed; None where it leads out of the folder.

    Raises
    ------
    OSError, RuntimeError, ValueError
        There is no such folder; a loop of links; a name that no file can have.
    """
    plain = PurePosixPath(relative)
    if plain.is_absolute() or ".." in plain.parts or "\\" in relative or not plain.parts:
        return None
    root = folder.resolve(strict=True)
    file = (root / plain).resolve()
    return file if file.is_relative_to(root) else None
