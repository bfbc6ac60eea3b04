"""Folders of the user's outside any run: where a program may keep what it remembers, and what it can make again.

A home that is missing or cannot be written to is not a mistake: batch nodes and containers have such. Then there is no
place to remember things in, and what can be made again goes into a folder of the user's own in the temporary folder.
"""

from __future__ import annotations

import os
import stat
from contextlib import suppress
from pathlib import Path

__all__ = ["cache_folder", "cache_variables", "state_folder"]

_PACKAGE = Path(__file__).resolve().parents[1]


def state_folder() -> Path | None:
    """Return the folder for what is remembered of earlier commands; None where there can be none.

    It is `levinthal` in `XDG_STATE_HOME`, by default `~/.local/state`, made if need be.
    """
    return _own(_home_of("XDG_STATE_HOME", ".local/state"))


def cache_folder() -> Path | None:
    """Return a folder for what can be made again, made if need be; None where nothing can be written.

    It is `levinthal` in `XDG_CACHE_HOME`, by default `~/.cache`; where that cannot be written to, `levinthal-UID` in
    the temporary folder, unless somebody else made it.
    """
    import tempfile

    chosen = _own(_home_of("XDG_CACHE_HOME", ".cache"))
    try:
        return chosen or _own(Path(tempfile.gettempdir()) / f"levinthal-{os.getuid()}", private=True)
    except OSError:  # there is no temporary folder either
        return None


def cache_variables() -> dict[str, str]:
    """Return environment variables that lead numba and matplotlib to a folder of `cache_folder`.

    Only where what they take by themselves cannot be written to: numba beside the code or in the home, matplotlib in
    the home. Without a folder at all numba compiles in each process, which it does by itself.
    """
    if _own(_home_of("XDG_CACHE_HOME", ".cache")) is not None:
        return {}
    wanted = {"MPLCONFIGDIR": "matplotlib"}
    if not os.access(_PACKAGE / "kernels", os.W_OK | os.X_OK):
        wanted["NUMBA_CACHE_DIR"] = "numba"
    wanted = {variable: name for variable, name in wanted.items() if variable not in os.environ}
    folder = cache_folder() if wanted else None
    if folder is None:
        return {}
    for name in wanted.values():
        with suppress(OSError):
            (folder / name).mkdir(exist_ok=True)
    return {variable: str(folder / name) for variable, name in wanted.items()}


def _home_of(variable: str, default: str) -> Path | None:
    if chosen := os.environ.get(variable):
        return Path(chosen) / "levinthal"
    try:
        return Path.home() / default / "levinthal"
    except RuntimeError:  # no home at all
        return None


def _own(folder: Path | None, *, private: bool = False) -> Path | None:
    """Return a folder after making it, if it is this user's and can be written to; else None."""
    if folder is None or not folder.is_absolute():
        return None
    with suppress(OSError, ValueError):
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        found = folder.lstat() if private else folder.stat()
        if private and (found.st_uid != os.getuid() or found.st_mode & (stat.S_IWGRP | stat.S_IWOTH)):
            return None
        if stat.S_ISDIR(found.st_mode) and os.access(folder, os.W_OK | os.X_OK):
            return folder
    return None
