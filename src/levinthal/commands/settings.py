"""`levinthal settings`: what can be set of a workload."""

from __future__ import annotations

from typing import Annotated

import typer


def settings(name: Annotated[str, typer.Argument(help="A workload.")]) -> None:
    """List a workload's settings: key, type, value at each size, and what each means."""
    import shutil

    from levinthal.commands.settings_table import settings_lines
    from levinthal.harness.contract.registry import load_workload

    width = min(max(shutil.get_terminal_size().columns, 80), 120)
    for line in settings_lines(load_workload(name), width):
        print(line)
