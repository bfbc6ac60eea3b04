"""`levinthal compare`, `levinthal report` and `levinthal check`: two results, a page of some, the rules of one."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from levinthal.errors import UsageError


def compare(
    a: Annotated[Path, typer.Argument(help="The baseline: a result.json or run folder.")],
    b: Annotated[Path, typer.Argument(help="What is compared with it.")],
) -> None:
    """Say for each metric whether B is faster or slower than A, or that it cannot be decided."""
    from levinthal.harness.results.store import load_result
    from levinthal.harness.review.compare import compare_results, comparison_lines

    for line in comparison_lines(compare_results(load_result(a), load_result(b))):
        print(line)


def report(
    paths: Annotated[list[Path], typer.Argument(help="Results, run folders, or folders of run folders.")],
    output: Annotated[Path, typer.Option("-o", "--output", help="The HTML file to write.")] = Path("report.html"),
) -> None:
    """Write one self-contained HTML page from results."""
    from levinthal.harness.results.store import load_result
    from levinthal.report import find_results, write_report

    write_report([(path.parent, load_result(path)) for path in find_results(paths)], output)
    print(f"report: {output}")


def check(
    result: Annotated[Path | None, typer.Argument(help="A result.json or run folder.")] = None,
    workload: Annotated[str | None, typer.Option(help="Check a workload's conformance instead.")] = None,
) -> None:
    """Name every rule that a result, or a workload, breaks, and how to fix it."""
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
