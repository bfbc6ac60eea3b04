"""`levinthal scale`: a workload's training on more and more ranks."""

from __future__ import annotations

from typing import Annotated

import typer

from levinthal.commands.options import (
    Assignments,
    Config,
    Device,
    DryRun,
    Measurements,
    Out,
    Precision,
    Seed,
    Size,
    Verbose,
    given_settings,
)
from levinthal.commands.study import carry_out


def scale(
    name: Annotated[str, typer.Argument(help="A workload whose training can be spread over ranks.")],
    world_sizes: Annotated[str, typer.Option(metavar="N,N,...", help="Numbers of ranks; the first is the baseline.")],
    batch_sizes: Annotated[
        list[str] | None,
        typer.Option(metavar="[CASE=]N,N,...", help="Batch sizes, of all cases or of one [the workload's own]."),
    ] = None,
    cases: Annotated[str, typer.Option(metavar="CASE,...", help="Which problem sizes [all of the workload's].")] = "",
    mode: Annotated[str, typer.Option(help="strong: ranks share a batch; weak: each has its own.")] = "strong",
    nodes: Annotated[int, typer.Option(help="Nodes to deal ranks out to, inside a Slurm allocation.")] = 1,
    seconds: Annotated[float, typer.Option(help="How long the steps of a point are timed at least.")] = 5.0,
    size: Size = "tiny",
    assignments: Assignments = None,
    config: Config = None,
    repeats: Measurements = 1,
    seed: Seed = 0,
    device: Device = "auto",
    precision: Precision = "auto",
    dry_run: DryRun = False,
    out: Out = None,
    verbose: Verbose = False,
) -> None:
    """Train on more and more ranks under torchrun; write time per epoch, speed-up and parallel efficiency."""
    settings = given_settings(config, assignments)
    asked = {
        "world_sizes": world_sizes, "batch_sizes": ";".join(batch_sizes or []), "cases": cases, "mode": mode,
        "nodes": nodes, "seconds": seconds,
    }  # fmt: skip
    how = {"size": size, "repeats": repeats, "seed": seed, "device": device, "precision": precision}
    carry_out("scaling", name, asked, settings, out, how, dry_run=dry_run, verbose=verbose)
