"""Runs side by side: a column for each run or machine, and their figures held together where that means something."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from levinthal.errors import LevinthalError
from levinthal.harness.contract.main_figures import main_figures
from levinthal.harness.contract.registry import load_workload
from levinthal.harness.results.labels import Key
from levinthal.harness.results.result import Result
from levinthal.harness.review.compare import MetricComparison, compare_results
from levinthal.harness.review.differences import settings_that_differ
from levinthal.report.figures import FigureRow, figure_rows
from levinthal.report.rounding import ratio_texts, rounded
from levinthal.report.view import ResultView

__all__ = ["Group", "SideBySide", "side_by_side"]

Group = tuple[Path, Sequence[int]]
"""A path that a user gave, and which results of the page it stands for, counted from 0."""


@dataclass(frozen=True)
class Head:
    """A column: the folder's name, as far as it takes to tell it from others, and the machine in a few words."""

    label: str
    machine: str


@dataclass(frozen=True)
class Held:
    """A figure of one column: its `row`, the `ratio` to the baseline's and the `verdict` with what decided."""

    row: FigureRow
    ratio: str = ""
    verdict: str = ""
    why: str = ""

    @property
    def standing(self) -> str:
        """`ahead`, `behind` or `open`."""
        return {"faster": "ahead", "better": "ahead", "slower": "behind", "worse": "behind"}.get(self.verdict, "open")


@dataclass(frozen=True)
class Line:
    """A figure in all columns; None where a column has no such figure."""

    measure: str
    name: str
    better: str
    cells: tuple[Held | None, ...]


@dataclass(frozen=True)
class Entry:
    """What a column has of a workload, and whether its figures may be held against the baseline's."""

    view: ResultView
    gates: str
    standing: str
    is_compared: bool


@dataclass(frozen=True)
class Block:
    """A workload: what each column has of it, None where it has nothing, and the headline figures."""

    title: str
    first: ResultView
    entries: tuple[Entry | None, ...]
    lines: tuple[Line, ...]


@dataclass(frozen=True)
class SideBySide:
    """The table: a head for each column, and a block for each workload."""

    heads: tuple[Head, ...]
    blocks: tuple[Block, ...]


def side_by_side(groups: Sequence[Group], views: Sequence[ResultView]) -> SideBySide | None:
    """Return the runs side by side; None where no workload stands in two columns.

    Parameters
    ----------
    groups : sequence of Group
        What the user named. A folder of runs is one column, unless it holds a workload twice: then each of its runs is.
    views : sequence of ResultView
        All results of the page.
    """
    columns = list(_columns(groups, views))
    names = dict.fromkeys(_what(views[each]) for _, members in columns for each in members)
    blocks = []
    for name in names:
        found = [next((views[each] for each in members if _what(views[each]) == name), None) for _, members in columns]
        blocks.append(_block(name, found))
    if all(sum(entry is not None for entry in block.entries) < 2 for block in blocks):
        return None
    labels = _labels([folder for folder, _ in columns])
    machines = ["; ".join(dict.fromkeys(views[each].machine for each in members)) for _, members in columns]
    return SideBySide(tuple(map(Head, labels, machines)), tuple(blocks))


def _what(view: ResultView) -> str:
    study = view.result.study
    return f"{view.result.workload.name}{f', {study.kind} study' if study is not None and study.command else ''}"


def _columns(groups: Sequence[Group], views: Sequence[ResultView]) -> Iterator[Group]:
    for path, members in groups:
        folder = path.parent if path.is_file() else path
        if len({_what(views[each]) for each in members}) == len(members) > 0:
            yield folder, members
        else:
            yield from ((views[each].folder or folder, [each]) for each in members)


def _labels(folders: Sequence[Path]) -> list[str]:
    """Return the end of each path: as many of its parts as tell it from the others."""
    parts = [Path(os.path.abspath(folder)).parts for folder in folders]  # noqa: PTH100 -- links are not followed
    labels = []
    for mine in parts:
        for n in range(1, len(mine) + 1):
            if sum(other[-n:] == mine[-n:] for other in parts) == 1:
                break
        labels.append("/".join(mine[-n:]))
    return labels


def _block(title: str, found: Sequence[ResultView | None]) -> Block:
    first = next(view for view in found if view is not None)
    others = [view for view in found if view is not None]
    reasons = {id(view): "; ".join(not_comparable(first.result, view.result)) for view in others}
    compared = {id(view): _compared(first.result, view.result) for view in others[1:] if not reasons[id(view)]}
    keys = dict.fromkeys(row.key for view in others for row in view.headline)
    rows = {id(view): {row.key: row for row in figure_rows(view.result)} for view in others}
    lines = []
    for key in keys:
        cells = [
            _held(rows[id(view)].get(key), compared.get(id(view), {}).get(key)) if view is not None else None
            for view in found
        ]
        told = next(cell.row for cell in cells if cell is not None)
        lines.append(Line(told.measure, told.name, told.better, tuple(cells)))
    entries = tuple(_entry(view, first, reasons[id(view)]) if view is not None else None for view in found)
    return Block(title, first, entries, tuple(lines))


def not_comparable(a: Result, b: Result) -> Iterator[str]:
    """Say why figures of B may not be held against those of A, in words that follow `not compared:`."""
    for name, one, other in (
        ("version", a.workload.version, b.workload.version),
        ("size", a.size, b.size),
        ("division", a.division, b.division),
        ("data", _data(a), _data(b)),
    ):
        if one != other:
            yield f"{name} {other}, the baseline has {one}"
    if a.study != b.study:
        yield "the studies vary other things"
    unlike = sorted(set(settings_that_differ(a, b)) - _free_keys(a.workload.name))
    if unlike and a.size == b.size:  # of another size they are others anyway
        shown = ", ".join(unlike[:3]) + (f" and {len(unlike) - 3} more" if len(unlike) > 3 else "")
        yield f"other settings ({shown})"
    for side, result in (("the baseline", a), ("it", b)):
        if result.verdict != "passed":
            yield f"{side} failed"


def _data(result: Result) -> str:
    return f"{result.dataset.name} {result.dataset.version}"


def _free_keys(workload: str) -> frozenset[str]:
    """Return the keys that change neither model, data nor target; none of a workload that is not installed here."""
    try:
        return load_workload(workload).Settings.free_keys
    except LevinthalError:
        return frozenset()


def _compared(a: Result, b: Result) -> dict[Key, MetricComparison]:
    found = compare_results(a, b, main={each.key for each in main_figures(a)})
    return {Key.of(each.name, each.labels): each for each in found.metrics}


def _held(row: FigureRow | None, compared: MetricComparison | None) -> Held | None:
    if row is None:
        return None
    if compared is None or row.median is None:
        return Held(row)
    ratio = ""
    if compared.ratio is not None:
        ratio = f"{rounded(compared.ratio).whole} ×"
        if compared.ratio_interval is not None:
            value, low, high = ratio_texts(compared.ratio, *compared.ratio_interval)
            ratio = f"{value} × ({low} to {high})"
    return Held(row, ratio, compared.verdict, compared.reason)


def _entry(view: ResultView, first: ResultView, reason: str) -> Entry:
    n_met = sum(gate.passed for gate in view.gates)
    gates = f"{n_met} of {len(view.gates)} met" if view.gates else "none"
    missed = [gate.name for gate in view.gates if not gate.passed]
    standing = "the baseline" if view is first else f"not compared: {reason}" if reason else "compared"
    return Entry(
        view=view,
        gates=f"{gates}; missed {', '.join(missed)}" if missed else gates,
        standing=standing,
        is_compared=view is not first and not reason,
    )
