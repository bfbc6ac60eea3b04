"""`levinthal compare`, `levinthal report` and `levinthal check`: two results, a page of some, the rules of one."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from levinthal.errors import UsageError


def compare(
    a: Annotated[Path, typer.Argument(help="The baseline: a result.json or run folder.")],
    b: Annotated[Path | None, typer.Argument(help="What is compared with it.")] = None,
    reference: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Compare the figures of merit of A with those of the machine in this file."),
    ] = None,
) -> None:
    """Say for each metric whether B is faster, slower or can't tell."""
    from levinthal.harness.contract.main_figures import main_figures
    from levinthal.harness.results.store import load_result

    if (reference is None) == (b is None):
        raise UsageError("give two results to compare, or one and --reference FILE, of levinthal fom --make-reference")
    if b is None:
        from levinthal.harness.review.merit import merits_of, read_reference
        from levinthal.harness.review.suite import reference_lines
        from levinthal.report import find_results

        merits = [each for path in find_results([a]) for each in merits_of(load_result(path))]
        for line in reference_lines(merits, read_reference(reference)):
            print(line)
        return
    from levinthal.harness.review.compare import compare_results, comparison_lines

    results = load_result(a), load_result(b)
    for line in comparison_lines(compare_results(*results, main={each.key for each in main_figures(results[0])})):
        print(line)


def report(
    paths: Annotated[list[Path], typer.Argument(help="Results, run folders, or folders of run folders.")],
    output: Annotated[
        Path | None,
        typer.Option("-o", "--output", "--out", help="The HTML file to write [report.html or leaderboard.html]."),
    ] = None,
    leaderboard: Annotated[
        bool, typer.Option("--leaderboard", help="Rank all runs in folder trees by their figures of merit instead.")
    ] = False,
) -> None:
    """Write one HTML page from results, those of several folders side by side."""
    from levinthal.harness.results.store import load_result
    from levinthal.report import find_groups, write_leaderboard, write_report

    if leaderboard:
        page = output or Path("leaderboard.html")
        write_leaderboard(paths, page)
        print(f"leaderboard: {page}")
        return
    page = output or Path("report.html")
    groups = find_groups(paths)
    files = [file for _, found in groups for file in found]
    columns = [(path, [files.index(file) for file in found]) for path, found in groups]
    write_report([(file.parent, load_result(file)) for file in files], page, columns)
    print(f"report: {page}")


def check(
    result: Annotated[Path | None, typer.Argument(help="A result.json or run folder.")] = None,
    workload: Annotated[str | None, typer.Option(help="Check a workload's conformance instead.")] = None,
) -> None:
    """Name the rules that a result, or a workload, breaks."""
    if result is not None and workload is None:
        from levinthal.harness.review.check import broken_by_result

        lines, what = broken_by_result(result), str(result)
    elif workload is not None and result is None:
        from levinthal.commands.conformance import broken_by_workload

        lines, what = broken_by_workload(workload), f"workload {workload}"
    else:
        raise UsageError("give either a result to check or --workload NAME")
    for line in lines:
        print(line)
    print(f"{what}: {'no rule is broken' if not lines else f'{len(lines)} rule(s) broken'}")
    raise typer.Exit(1 if lines else 0)
