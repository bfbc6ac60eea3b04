"""Find the results a user means by a path, and lay them out as one HTML file that needs nothing but itself."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from levinthal.errors import ResultError, UsageError
from levinthal.files.writing import as_write_error, write_whole
from levinthal.harness.results.result import Result
from levinthal.harness.results.store import RESULT_FILE
from levinthal.report.view import ResultView, view_of


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


POLICY = "default-src 'none'; img-src data:; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'"
"""What the page may load: pictures it carries itself and its own style. No script, no network."""

# C0 and C1 controls, lone surrogates, and the characters that reorder or hide text, all but tab and line feed.
_UNSEEN = dict.fromkeys(
    (
        *(code for code in range(0x20) if code not in (0x09, 0x0A)),
        *range(0x7F, 0xA0),
        *range(0x200B, 0x2010),
        *range(0x2028, 0x202F),
        *range(0x2060, 0x2070),
        0xFEFF,
        *range(0xD800, 0xE000),
    ),
    "\N{REPLACEMENT CHARACTER}",
)


def write_report(results: Sequence[tuple[Path | None, Result]], output: Path) -> None:
    """Write one self-contained HTML file about one or more results.

    Parameters
    ----------
    results : sequence of (Path or None, Result)
        Each with its run folder, from which pictures are taken; None where there is none.
    output : Path
        The file; an older report of that name is replaced, any other file is left alone.

    Raises
    ------
    UsageError
        There is no result.
    ResultError
        The file cannot be written, or is something else than an HTML file.
    """
    if not results:
        raise UsageError("a report needs at least one result: name a result.json or a run folder")
    _guard(output)
    write_whole(output, render(results))


def render(results: Sequence[tuple[Path | None, Result]]) -> str:
    """Return the page as text; everything that comes from a result is escaped."""
    views: list[ResultView] = []
    for number, (folder, result) in enumerate(results, 1):
        views.append(view_of(number, folder, result, views))
    environment = Environment(
        loader=PackageLoader("levinthal.report", "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        finalize=_visible,
    )
    style = Markup(_source(environment, "page.css"))  # noqa: S704 -- our own file, no value of a result is in it
    return environment.get_template("page.html").render(views=views, policy=POLICY, style=style)


def _source(environment: Environment, name: str) -> str:
    assert environment.loader is not None
    return environment.loader.get_source(environment, name)[0]


def _visible(value: object) -> object:
    """Show a mark for each character that would be invisible or change how its neighbours are read."""
    return value.translate(_UNSEEN) if type(value) is str else value


def _guard(output: Path) -> None:
    """Refuse to write over a file that is not HTML: a result, most likely."""
    with as_write_error(output, fix="choose a file in a folder that is yours"):
        if output.is_dir():
            raise ResultError(
                f"cannot write {output}: it is a folder: name a file, for example {output / 'report.html'}"
            )
        if output.exists() and output.stat().st_size:
            with output.open("rb") as file:
                begins = file.read(64).lstrip().lower()
            if not begins.startswith((b"<!doctype html", b"<html")):
                raise ResultError(f"cannot write {output}: it exists and is not an HTML file: name another one")
