"""Find the results a user means by a path."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from levinthal.errors import UsageError
from levinthal.harness.results.store import RESULT_FILE


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
    found: dict[Path, Path] = {}
    given = list(paths)
    if not given:
        raise UsageError("no result was named: give a result.json, a run folder or a folder of run folders")
    for path in given:
        for file in _results_at(path):
            found.setdefault(file.resolve(), file)
    return list(found.values())


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
