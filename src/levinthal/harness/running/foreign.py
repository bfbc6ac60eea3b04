"""A run folder that may come from elsewhere: going on with it runs no program, and writes nowhere but in it.

A plan may name a Python file of the user's that makes an engine (`parsl:FILE.py`). Naming it on the command line runs
it; a plan that somebody else may have written does not, unless this user has used that very file before: the SHA-256
and the path of each are remembered in the user's state folder (`engines`).
"""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path

from levinthal.errors import LevinthalError, ResultError
from levinthal.files.checksums import digest_of
from levinthal.files.places import state_folder
from levinthal.harness.engines.contract import EngineKind
from levinthal.harness.engines.open import ENGINES, parse_engine

__all__ = ["check_engine", "check_links", "remember_engine"]

_USED = "engines"


def remember_engine(engine: str) -> None:
    """Note the file that an engine runs, which the user has named, so that `resume` may run it too.

    Where nothing can be kept, `resume` asks for the engine again.
    """
    folder, line = state_folder(), _line(engine)
    if folder is None or line is None or line in _used(folder):
        return
    with suppress(OSError), (folder / _USED).open("a", encoding="utf-8", errors="surrogateescape") as file:
        file.write(f"{line}\n")


def check_engine(engine: str, folder: Path) -> None:
    """Refuse the engine of a plan that would run a file which this user has not used yet.

    Raises
    ------
    ResultError
        It would; the message names the file.
    LevinthalError
        There is no such engine, or its file is not there.
    """
    line = _line(str(parse_engine(engine)))
    known = state_folder()
    if line is None or (known is not None and line in _used(known)):
        return
    raise ResultError(
        f"the plan of {folder} would run {engine.partition(':')[2]}, which is not, or not any more, a file that you "
        f"have used: look into it, then levinthal resume {folder} --engine {engine}"
    )


def _line(engine: str) -> str | None:
    """Return what is noted of an engine's file; None where the engine runs none."""
    name = parse_engine(engine)
    kind: EngineKind = ENGINES.load(name.kind)
    if not kind.runs_file:
        return None
    try:
        return f"{digest_of(name.argument)} {name.argument}"
    except OSError as error:
        raise LevinthalError(f"{name.argument} cannot be read: {error.strerror}: check its permissions") from None


def _used(folder: Path) -> set[str]:
    try:
        return set((folder / _USED).read_text(encoding="utf-8", errors="surrogateescape").splitlines())
    except OSError:
        return set()


def check_links(folder: Path) -> None:
    """Refuse a run folder with a link that leads out of it: what is written or cleared in it would be elsewhere.

    Raises
    ------
    ResultError
        There is one.
    """
    root = folder.resolve()
    for place, folders, files in os.walk(root):
        for path in (Path(place, name) for name in (*folders, *files)):
            if path.is_symlink() and not Path(os.path.realpath(path)).is_relative_to(root):
                raise ResultError(
                    f"{path} is a link that leads out of the run folder: put there what it leads to, then resume"
                )
