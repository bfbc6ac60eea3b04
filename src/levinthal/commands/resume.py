"""`levinthal resume`: what a stopped run lacks."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from levinthal.commands.options import Verbose
from levinthal.errors import UsageError


def resume(
    folder: Annotated[Path, typer.Argument(help="The folder of a run that was stopped.")], verbose: Verbose = False
) -> None:
    """Complete the repeats that a stopped run lacks."""
    from levinthal.commands.conclusion import conclude
    from levinthal.commands.progress import make_watcher
    from levinthal.harness.results.plan import PLAN_FILE
    from levinthal.harness.running.execute import resume_run

    folders = [folder] if (folder / PLAN_FILE).exists() else sorted(path.parent for path in folder.glob("*/plan.json"))
    if not folders:
        raise UsageError(f"{folder} is not a run folder: name one that levinthal run made")
    results = [(each, resume_run(each, watcher=make_watcher())) for each in folders]
    conclude(results, folder, verbose=verbose)
