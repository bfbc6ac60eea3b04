"""Find the results that a user means by a path."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from levinthal.errors import UsageError
from levinthal.harness.results.store import RESULT_FILE

__all__ = ["find_groups", "find_results"]


def find_results(paths: Iterable[Path]) -> list[Path]:
    """Return the `result.json` files that the paths stand for, each once, in the order given.

    Parameters
    ----------
    paths : iterable of Path
        Each a result file, a run folder, or a folder of run folders (`run all` leaves `OUT/WORKLOAD/result.json`),
        which are taken in order of their names.

    Raises
    ------
    UsageError
        A path that does not exist or holds no result, or no path at all.
    """
    return [file for _, files in find_groups(paths) for file in files]


def find_groups(paths: Iterable[Path]) -> list[tuple[Path, list[Path]]]:
    """Return each path with the result files that it stands for and none before it does; errors as `find_results`."""
    given = list(paths)
    if not given:
        raise UsageError("no result was named: give a result.json, a run folder or a folder of run folders")
    seen: set[Path] = set()
    groups: list[tuple[Path, list[Path]]] = []
    for path in given:
        files = [file for file in _results_at(path) if file.resolve() not in seen]
        seen |= {file.resolve() for file in files}
        groups.append((path, files))
    return groups


def _results_at(path: Path) -> list[Path]:
    try:
        if path.is_file():
            return [path]
        if not path.is_dir():
            raise UsageError(f"{path} does not exist: give a result.json, a run folder or a folder of run folders")
        if (path / RESULT_FILE).is_file():
            return [path / RESULT_FILE]
        files = sorted(folder / RESULT_FILE for folder in path.iterdir() if (folder / RESULT_FILE).is_file())
    except OSError as error:
        raise UsageError(f"{path} cannot be read: {error.strerror}: check its permissions") from None
    if not files and (path / "plan.json").is_file():
        raise UsageError(f"{path} holds an unfinished run: complete it with: levinthal resume {path}")
    if not files:
        raise UsageError(f"{path} holds no {RESULT_FILE}, nor does a folder in it: give the folder of a finished run")
    return files
