"""What the page says of one run: its figures of merit, and which rules it keeps."""

from __future__ import annotations

import os
import stat
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

from levinthal.errors import LevinthalError, ResultError, UsageError
from levinthal.files.reading import refused
from levinthal.harness.results.events import EVENTS_FILE
from levinthal.harness.results.result import Result
from levinthal.harness.results.store import RESULT_FILE, load_result
from levinthal.harness.results.summary import summarise
from levinthal.harness.review.check import broken_by_result
from levinthal.harness.review.merit import Merit, merits_of
from levinthal.metrics.statistics import median_interval
from levinthal.report.figures import unit_words
from levinthal.report.leaderboard.tree import Found
from levinthal.report.machine import machine_words
from levinthal.report.rounding import exact, moment, rounded

__all__ = ["Entry", "Figure", "Unread", "judge"]

_LONGEST = 160
_MOST_RULES = 8


@dataclass(frozen=True)
class Figure:
    """A figure of merit as it is shown: the median over the repeats and its 95 % interval, empty where there is none.

    `value` is None where the run may not be ranked by it.
    """

    name: str
    unit: str
    better: str
    value: float | None
    text: str
    exact: str
    interval: str


@dataclass(frozen=True)
class Unread:
    """A folder whose result cannot be shown, and why, in one line."""

    name: str
    reason: str


@dataclass(frozen=True)
class Entry:
    """A run. `reason` says why it has no rank; empty where it has one.

    `report` and `result` are relative addresses, from the page; `report` is empty where there is none.
    """

    name: str
    report: str
    result: str
    workload: str
    version: int
    size: str
    division: str
    machine: str
    passed: bool
    repeats: str
    synthetic: bool
    date: str
    figure: Figure
    others: tuple[Figure, ...]
    broken: tuple[str, ...]
    n_broken: int
    has_journal: bool
    reason: str


def judge(found: Found, beside: Path) -> Entry | Unread:
    """Read a run, hold it to the rules of `levinthal check` and take its figures of merit.

    Parameters
    ----------
    found : Found
        A folder that anybody may have written.
    beside : Path
        The folder that the page will lie in.
    """
    if found.problem:
        return Unread(found.name, found.problem)
    file = found.folder / RESULT_FILE
    try:
        with refused(ResultError, file, "cannot be judged", "run again"):
            result = load_result(file)
            broken = broken_by_result(file)
            merits, without = _merits(result)
    except LevinthalError as error:
        return Unread(found.name, _line(str(error), found))
    n_passed = sum(repeat.verdict == "passed" for repeat in result.repeats)
    n_broken = len(broken)
    ranked = not broken and bool(merits) and merits[0].value is not None
    reason = ""
    if broken:
        reason = f"{n_broken} {'rule is' if n_broken == 1 else 'rules are'} broken"
    elif not ranked:
        reason = without or merits[0].reason
    figures = [_figure(merit, shown=not broken) for merit in merits] or [Figure("none", "", "higher", None, "", "", "")]
    return Entry(
        name=found.name,
        report=_address(found.folder / "report.html", beside),
        result=_address(file, beside),
        workload=_short(result.workload.name),
        version=result.workload.version,
        size=_short(result.size),
        division=result.division,
        machine=_short(machine_words(result.machine)),
        passed=result.verdict == "passed",
        repeats=f"{n_passed} of {len(result.repeats)}",
        synthetic=result.dataset.synthetic,
        date=_short(max((moment(repeat.started_utc) for repeat in result.repeats), default="")),
        figure=figures[0],
        others=tuple(figures[1:]),
        broken=tuple(_line(each, found) for each in broken[:_MOST_RULES]),
        n_broken=n_broken,
        has_journal=(found.folder / EVENTS_FILE).is_file(),
        reason=_line(reason, found),
    )


def _merits(result: Result) -> tuple[list[Merit], str]:
    """Return the figures of merit by what the repeats say, whatever the summary does; else why there are none."""
    try:
        return merits_of(result.model_copy(update={"summary": summarise(result.repeats)})), ""
    except UsageError as error:
        return [], str(error)


def _figure(merit: Merit, *, shown: bool) -> Figure:
    unit = _short(unit_words(merit.unit))
    if merit.value is None or not shown:
        return Figure(merit.name, unit, merit.better, None, "", "", "")
    interval = median_interval(merit.values)
    number = rounded(merit.value, (interval.low, interval.high) if interval is not None else None)
    ends = f"{number.low} to {number.high}" if interval is not None else f"no interval, {len(merit.values)} repeats"
    return Figure(
        name=merit.name,
        unit=" ".join(part for part in (number.scale, unit) if part),
        better=merit.better,
        value=merit.value,
        text=number.text,
        exact=exact(merit.value),
        interval=ends.replace("1 repeats", "1 repeat"),
    )


def _address(file: Path, beside: Path) -> str:
    """Return the relative way from the page to a file, empty where there is no such plain file."""
    try:
        if not stat.S_ISREG(file.lstat().st_mode):
            return ""
        # As bytes, because a name need not be text; a colon is quoted, so that no name can be a scheme.
        return quote(os.path.relpath(os.fsencode(file.resolve()), os.fsencode(beside.resolve())).replace(b"\\", b"/"))
    except (OSError, RuntimeError, ValueError):
        return ""


def _short(text: str) -> str:
    return text if len(text) <= _LONGEST else f"{text[:_LONGEST]} …"


def _line(text: str, found: Found) -> str:
    """Return a message as one line without the machine's own paths."""
    plain = text.replace(f"{found.folder}{os.sep}", "").replace(str(found.folder), found.name)
    return _short(" ".join(plain.split()))
