"""How a run ends in the terminal: the headline, the report, and the verdict as exit status."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import typer

from levinthal.commands.brief import headline_lines, table_lines
from levinthal.commands.headline import summary_lines
from levinthal.commands.progress import shown_path
from levinthal.commands.study_lines import last_line
from levinthal.harness.results.result import Result
from levinthal.report import write_report


def conclude(results: Sequence[tuple[Path, Result]], folder: Path, *, verbose: bool = False) -> None:
    """Print what was found, write the report, and leave with the verdict's status.

    Parameters
    ----------
    results : sequence of (Path, Result)
        Each run's folder and result.
    folder : Path
        Where the report goes.
    verbose : bool
        Print all figures, not the main ones alone.

    Raises
    ------
    typer.Exit
        With status 1, where a run did not pass.
    """
    report = folder / "report.html"
    write_report(results, report)
    if verbose:
        lines = [line for _, result in results for line in summary_lines(result)] + [f"report: {shown_path(report)}"]
    elif len(results) > 1:
        lines = [*table_lines(results), f"report: {shown_path(report)}; all figures: result.json of each, or --verbose"]
    else:
        lines = [line for own, result in results for line in headline_lines(result, own, report)]
    for line in lines:
        print(line)
    for _, result in results:
        if line := last_line(result):
            print(line)
    if any(result.verdict != "passed" for _, result in results):
        raise typer.Exit(1)
