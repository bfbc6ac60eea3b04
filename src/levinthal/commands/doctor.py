"""`levinthal doctor`: this machine, whether each workload loads, and a small step of those that are named."""

from __future__ import annotations

from typing import Annotated

import typer

from levinthal.errors import UsageError


def doctor(
    names: Annotated[
        list[str] | None,
        typer.Argument(metavar="[WORKLOAD]...", help="Of which a small step is run, or all."),
    ] = None,
) -> None:
    """Check this machine and each workload; run a small step of those named."""
    from levinthal.commands.examination import examine
    from levinthal.harness.contract.registry import WORKLOADS

    known = WORKLOADS.names()
    for each in set(names or ()) - {"all", *known}:
        raise UsageError(f"there is no workload {each}: choose among {', '.join(known)}, or all")
    run = known if "all" in (names or ()) else names or ()
    worst = 0
    for finding in examine(run):
        fix = f": {finding.fix}" if finding.fix else ""
        print(f"{finding.level:<5} {finding.subject:<16} {finding.message}{fix}", flush=True)
        worst = max(worst, finding.level == "fail")
    raise typer.Exit(worst)
