"""`levinthal new`: a workload to start from."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer


def new(
    name: Annotated[str, typer.Argument(help="The new workload's name: a Python identifier.")],
    folder: Annotated[Path | None, typer.Option(help="Where to write it [./NAME].")] = None,
) -> None:
    """Write a plug-in package with a workload that runs and passes."""
    from levinthal.commands.scaffold import write_plugin

    target = write_plugin(name, folder)
    print(f"{target}: install it with: {sys.executable} -m pip install -e {target}")
    print(f"then: levinthal check --workload {name}; levinthal run {name}")
