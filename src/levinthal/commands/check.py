"""`levinthal check`: the rules of a result, and of a workload."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from levinthal.errors import UsageError


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
