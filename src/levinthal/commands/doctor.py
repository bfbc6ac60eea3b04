"""`levinthal doctor`: this machine, and a small step of each workload."""

from __future__ import annotations

import typer


def doctor() -> None:
    """Check this machine, and really run one small step of each workload."""
    from levinthal.commands.examination import examine

    worst = 0
    for finding in examine():
        fix = f": {finding.fix}" if finding.fix else ""
        print(f"{finding.level:<5} {finding.subject:<16} {finding.message}{fix}", flush=True)
        worst = max(worst, finding.level == "fail")
    raise typer.Exit(worst)
