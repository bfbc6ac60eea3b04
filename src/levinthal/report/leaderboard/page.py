"""The leaderboard as one HTML file: groups of runs that may be compared, ranked, to be sorted and filtered."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from markupsafe import Markup

from levinthal.errors import UsageError
from levinthal.files.writing import write_whole
from levinthal.report.leaderboard.entry import Entry, Unread, judge
from levinthal.report.leaderboard.tree import find_runs
from levinthal.report.page import page_environment, refuse_other_files, source_of

__all__ = ["Group", "grouped", "policy_of", "render_board", "write_leaderboard"]


@dataclass(frozen=True)
class Ranked:
    """A run with its place among those that it may be compared with; None where it has none."""

    rank: int | None
    entry: Entry


@dataclass(frozen=True)
class Group:
    """Runs of one workload, version, size, division and figure of merit: those that have a rank, then the others."""

    workload: str
    version: int
    size: str
    division: str
    figure: str
    unit: str
    better: str
    rows: tuple[Ranked, ...]


def write_leaderboard(roots: Sequence[Path], output: Path) -> None:
    """Write one self-contained HTML file about all runs in folder trees.

    Parameters
    ----------
    roots : sequence of Path
        Folders; what lies in them may come from anybody.
    output : Path
        The file; an older page of that name is replaced, any other file is left alone.

    Raises
    ------
    UsageError
        A folder that does not exist or cannot be read, or no run in any of them.
    ResultError
        The file cannot be written, or is something else than an HTML file.
    """
    refuse_other_files(output)
    found = [run for root in roots for run in find_runs(root)]
    if not found:
        raise UsageError(f"there is no run in {', '.join(map(str, roots))}: name a folder of run folders")
    judged = [judge(run, output.parent) for run in found]
    write_whole(output, render_board(judged))


def grouped(entries: Sequence[Entry]) -> tuple[Group, ...]:
    """Return the runs in groups whose figures may be compared, by name, each in order of rank."""
    members: dict[tuple[str, int, str, str, str, str, str], list[Entry]] = {}
    for each in sorted(entries, key=lambda each: each.name):
        figure = each.figure
        key = (each.workload, each.version, each.size, each.division, figure.name, _plain_unit(each), figure.better)
        members.setdefault(key, []).append(each)
    return tuple(Group(*key, rows=_ranked(runs, key[-1])) for key, runs in sorted(members.items()))


def _plain_unit(entry: Entry) -> str:
    """Return the unit without the power of ten that one run's number is shown with."""
    unit = entry.figure.unit
    return unit.split(" ", 2)[2] if unit.startswith("× ") and unit.count(" ") > 1 else unit


def _ranked(entries: Sequence[Entry], better: str) -> tuple[Ranked, ...]:
    sign = -1.0 if better == "higher" else 1.0
    fit = [(sign * each.figure.value, each) for each in entries if not each.reason and each.figure.value is not None]
    fit.sort(key=lambda pair: pair[0])
    places = [sum(other < value for other, _ in fit) + 1 for value, _ in fit]
    ranked = [Ranked(place, each) for place, (_, each) in zip(places, fit, strict=True)]
    return (*ranked, *(Ranked(None, each) for each in entries if each.reason or each.figure.value is None))


def render_board(judged: Sequence[Entry | Unread]) -> str:
    """Return the page as text; everything that comes from a result or is a file's name is escaped."""
    entries = [each for each in judged if isinstance(each, Entry)]
    environment = page_environment()
    style = source_of(environment, "page.css") + source_of(environment, "leaderboard.css")
    script = source_of(environment, "leaderboard.js")
    groups = grouped(entries)
    return environment.get_template("leaderboard.html").render(
        groups=groups,
        unread=[each for each in judged if isinstance(each, Unread)],
        n_runs=len(entries),
        n_ranked=sum(row.rank is not None for group in groups for row in group.rows),
        choices={
            "workload": sorted({group.workload for group in groups}),
            "size": sorted({group.size for group in groups}),
            "division": sorted({group.division for group in groups}),
        },
        policy=policy_of(script),
        style=Markup(style),  # noqa: S704 -- our own files, no value of a result is in them
        script=Markup(script),  # noqa: S704
    )


def policy_of(script: str) -> str:
    """Return what the page may do: use its own style, run this one script, and nothing else."""
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode("ascii")
    own = f"style-src 'unsafe-inline'; script-src 'sha256-{digest}'"
    return f"default-src 'none'; {own}; base-uri 'none'; form-action 'none'"
