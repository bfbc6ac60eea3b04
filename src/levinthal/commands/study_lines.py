"""Studies in the terminal: the lines of a dry run, the table of the points, and what is said last."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from levinthal.harness.contract.registry import load_workload
from levinthal.harness.contract.settings import make_settings
from levinthal.harness.results.grid import StudyPlan
from levinthal.harness.results.result import Result, Summary
from levinthal.harness.study.kind import Terms, record_files
from levinthal.harness.study.registry import STUDIES, study_of

_WIDTH = 110


def dry_lines(
    name: str, plan: StudyPlan, settings: Mapping[str, Any], folder: Path, *, size: str, repeats: int, seed: int,
    device: str, precision: str,
) -> Iterator[str]:  # fmt: skip
    """Yield the line of each point of each repeat, in the order in which they would be measured.

    Parameters
    ----------
    name : str
        The workload.
    plan : StudyPlan
    settings, folder, size, repeats, seed, device, precision
        As for `start_run`, with the folder as its `out`.
    """
    workload = load_workload(name)
    study = study_of(plan, workload)
    chosen = make_settings(workload.Settings, size, settings)
    for index in range(repeats):
        terms = Terms(size, chosen, folder, seed=seed + index, device=device, precision=precision)
        for point, file in record_files(plan, folder, index).items():
            yield study.line(plan, terms, point, file)


def study_lines(result: Result, plan: StudyPlan) -> list[str]:
    """Return a table with a line for each point, and as many of its figures as a terminal is wide."""
    points = plan.figure_points()
    table = [["", "", *(plan.words(point) for point in points)]]
    for name in dict.fromkeys(summary.name for summary in result.summary):
        found = [result.summary.get(name, dict(point)) for point in points]
        units = {summary.unit for summary in found if summary is not None}
        if units:
            head = plan.drawing.headings.get(name, name).replace("\u00ad", "").lower()
            cells = (_cell(summary, percent=name in plan.drawing.shares) for summary in found)
            table.append([head, ", ".join(sorted(units - {"1"})), *cells])
    first, *columns = (_justified(column, left=k == 0) for k, column in enumerate(table))
    while columns and len(first[0]) + sum(len(column[0]) for column in columns) > _WIDTH:
        columns.pop()
    return ["".join(parts).rstrip() for parts in zip(first, *columns, strict=True)]


def last_line(result: Result) -> str:
    """Return what the terminal says last of a study, often nothing."""
    plan = result.study
    return STUDIES.load(plan.kind).last_line(result) if plan is not None and plan.command else ""


def _cell(summary: Summary | None, *, percent: bool) -> str:
    if summary is None or summary.median is None:
        return "-"
    return f"{100 * summary.median:.1f} %" if percent else f"{summary.median:.4g}"


def _justified(column: Sequence[str], *, left: bool) -> list[str]:
    width = max(map(len, column)) + 2
    return [f"  {text:<{width - 2}}" if left else f"{text:>{width}}" for text in column]
