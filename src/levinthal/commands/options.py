"""What several commands take: the types of their options, and the settings that were given."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

Size = Annotated[
    str,
    typer.Option(
        "--size",
        help="smoke (seconds: does it compute right?), tiny (minutes at most), small (tens of minutes), paper (a GPU).",
    ),
]
Assignments = Annotated[
    list[str] | None, typer.Option("--set", metavar="KEY=VALUE", help="Override one setting; may be repeated.")
]
Config = Annotated[Path | None, typer.Option("--config", metavar="FILE.toml", help="Settings from a TOML file.")]
Seed = Annotated[int, typer.Option(help="Seed of the first repeat; the next has the next number.")]
Device = Annotated[str, typer.Option(help="auto, cpu or cuda.")]
Measurements = Annotated[int, typer.Option("--repeats", help="How many times each point is measured.")]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Print the command of each point and do nothing.")]
Precision = Annotated[str, typer.Option(help="auto (the faster one here), fp32 or bf16.")]
Out = Annotated[Path | None, typer.Option(help="Run folder [results/<workload>-<UTC time>].")]
Verbose = Annotated[bool, typer.Option("-v", "--verbose", help="Print all figures, not the main ones alone.")]


def given_settings(config: Path | None, assignments: list[str] | None) -> dict[str, Any]:
    """Return the settings of a file, and those of the command line, which win.

    Raises
    ------
    UsageError
        The file cannot be read, or a pair is not of the form key=value.
    """
    from levinthal.harness.contract.settings import parse_assignments, read_settings_file

    return {**(read_settings_file(config) if config else {}), **parse_assignments(assignments or [])}
