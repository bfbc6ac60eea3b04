"""`levinthal scale`: a workload's training on more and more ranks."""

from __future__ import annotations

from typing import Annotated

import typer

from levinthal.commands.options import Assignments, Config, Out, Precision, Seed, Size, Verbose, given_settings

__all__ = ["scale"]


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
    repeats: Annotated[int, typer.Option(help="How many times each point is measured.")] = 1,
    seed: Seed = 0,
    device: Annotated[str, typer.Option(help="auto, cpu or cuda.")] = "auto",
    precision: Precision = "auto",
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Print the command of each point and do nothing.")] = False,
    out: Out = None,
    verbose: Verbose = False,
) -> None:
    """Train on more and more ranks under torchrun; write time per epoch, speed-up and parallel efficiency."""
    from levinthal.commands.conclusion import conclude
    from levinthal.commands.progress import make_watcher
    from levinthal.harness.contract.registry import load_workload
    from levinthal.harness.contract.settings import make_settings
    from levinthal.harness.results.plan import default_folder
    from levinthal.harness.running.execute import start_run
    from levinthal.harness.scaling.study import plan_scaling, study_commands

    settings = given_settings(config, assignments)
    workload = load_workload(name)
    scaling = plan_scaling(
        workload,
        world_sizes=world_sizes,
        batch_sizes=batch_sizes or [],
        cases=[case.strip() for case in cases.split(",") if case.strip()],
        mode=mode,
        nodes=nodes,
        seconds=seconds,
    )
    folder = out or default_folder(name)
    if dry_run:
        chosen = make_settings(workload.Settings, size, settings)
        for line in study_commands(
            workload, scaling, size, chosen, folder, repeats=repeats, seed=seed, device=device, precision=precision
        ):
            print(line)
        return
    result = start_run(
        name,
        settings,
        size=size,
        repeats=repeats,
        seed=seed,
        device=device,
        precision=precision,
        scaling=scaling,
        out=folder,
        watcher=make_watcher(),
    )
    conclude([(folder, result)], folder, verbose=verbose)
