"""All results in a folder tree that anybody may have filled: links are not followed, what is too large is not read."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from levinthal.errors import UsageError
from levinthal.harness.results.store import RESULT_FILE

MAX_BYTES = 100_000_000
MAX_DEPTH = 12
MAX_RUNS = 5_000


@dataclass(frozen=True)
class Found:
    """A run of a tree: its folder, its name on the page, and why its result cannot be looked at, if it cannot."""

    folder: Path
    name: str
    problem: str = ""


def find_runs(root: Path) -> list[Found]:
    """Return the runs in a folder and below it, in order of their paths.

    Repeats of a run and hidden folders are passed over.

    Parameters
    ----------
    root : Path
        A folder; names are relative to it.

    Raises
    ------
    UsageError
        There is no such folder, it cannot be read, or it holds more runs than a page should.
    """
    if not root.is_dir():
        what = "is not a folder" if root.exists() else "does not exist"
        raise UsageError(f"{root} {what}: name a folder of run folders")
    found = []
    for run in _walk(root):
        found.append(run)
        if len(found) > MAX_RUNS:
            raise UsageError(f"{root} holds more than {MAX_RUNS:,} runs: name a smaller folder")
    return found


def _walk(root: Path) -> Iterator[Found]:
    def refuse(error: OSError) -> None:
        closed.append(Path(error.filename))

    closed: list[Path] = []
    for place, folders, files in os.walk(root, onerror=refuse):
        folder = Path(place)
        name = folder.relative_to(root).as_posix()
        name = (root.resolve().name or "/") if name == "." else name
        is_run = RESULT_FILE in files or "plan.json" in files
        deep = len(folder.relative_to(root).parts) >= MAX_DEPTH
        folders[:] = sorted(
            each for each in folders if not (deep or each.startswith(".") or (is_run and each == "repeats"))
        )
        if RESULT_FILE in files:
            yield Found(folder, name, _problem(folder / RESULT_FILE))
        elif is_run:
            yield Found(folder, name, "an unfinished run: complete it with levinthal resume")
        elif RESULT_FILE in folders:
            yield Found(folder, name, f"{RESULT_FILE} is a folder")
    if root in closed:
        raise UsageError(f"{root} cannot be read: check its permissions")
    yield from (Found(each, each.relative_to(root).as_posix(), "a folder that may not be read") for each in closed)


def _problem(file: Path) -> str:
    try:
        status = file.lstat()
    except OSError as error:
        return f"{RESULT_FILE} cannot be read: {error.strerror}"
    if stat.S_ISLNK(status.st_mode):
        return f"{RESULT_FILE} is a link, and links are not followed"
    if not stat.S_ISREG(status.st_mode):
        return f"{RESULT_FILE} is not a file"
    if status.st_size > MAX_BYTES:
        return f"{RESULT_FILE} is larger than {MAX_BYTES // 10**6} MB"
    return ""
