"""Lay results out as one HTML file that needs nothing but itself."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from pathlib import Path

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from levinthal.errors import ResultError, UsageError
from levinthal.files.writing import as_write_error, write_whole
from levinthal.harness.results.result import Result
from levinthal.report.side_by_side import Group, side_by_side
from levinthal.report.view import ResultView, view_of
from levinthal.report.viewing import read_viewer

POLICY = "default-src 'none'; img-src data:; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'"
"""What a page without structures may load: pictures it carries itself and its own style. No script, no network."""


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


def write_report(results: Sequence[tuple[Path | None, Result]], output: Path, groups: Sequence[Group] = ()) -> None:
    """Write one self-contained HTML file about one or more results.

    Parameters
    ----------
    results : sequence of (Path or None, Result)
        Each with its run folder, from which pictures are taken; None where there is none.
    output : Path
        The file; an older report of that name is replaced, any other file is left alone.
    groups : sequence of Group
        Which of the results stand in one column where runs are shown side by side.

    Raises
    ------
    UsageError
        There is no result.
    ResultError
        The file cannot be written, or is something else than an HTML file.
    """
    if not results:
        raise UsageError("a report needs at least one result: name a result.json or a run folder")
    refuse_other_files(output)
    write_whole(output, render(results, output.parent, groups))


def render(
    results: Sequence[tuple[Path | None, Result]], beside: Path | None = None, groups: Sequence[Group] = ()
) -> str:
    """Return the page as text; everything that comes from a result is escaped.

    With the folder that it will lie in, it links to the files that the runs left.
    """
    views: list[ResultView] = []
    for number, (folder, result) in enumerate(results, 1):
        views.append(view_of(number, folder, result, views, beside))
    environment = page_environment()
    style = Markup(source_of(environment, "page.css"))  # noqa: S704 -- our own file, no value of a result is in it
    beside_each_other = side_by_side(groups, views)
    page = environment.get_template("page.html")
    viewer = read_viewer() if any(scene.data for view in views for scene in view.scenes) else None
    policy = POLICY if viewer is None else f"{POLICY}; {viewer.policy}"
    return page.render(views=views, policy=policy, style=style, beside=beside_each_other, viewer=viewer)


@cache
def page_environment() -> Environment:
    """Return where templates are rendered: everything is escaped, what cannot be seen is marked."""
    return Environment(
        loader=PackageLoader("levinthal.report", "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        finalize=_visible,
    )


def source_of(environment: Environment, name: str) -> str:
    """Return the text of a file among the templates."""
    assert environment.loader is not None
    return environment.loader.get_source(environment, name)[0]


def _visible(value: object) -> object:
    """Show a mark for each character that would be invisible or change how its neighbours are read."""
    return value.translate(_UNSEEN) if type(value) is str else value


def refuse_other_files(output: Path) -> None:
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
