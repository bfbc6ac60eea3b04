"""`levinthal study`, `scale`, `sweep` and `transfer`: the points of a grid, measured and compared."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

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
from levinthal.errors import UsageError


def study(
    kind: Annotated[str, typer.Argument(help="A kind of study: see levinthal list studies.")],
    name: Annotated[str, typer.Argument(help="The workload that is studied.")],
    options: Annotated[
        list[str] | None, typer.Option("--option", metavar="KEY=VALUE", help="What the kind is asked for.")
    ] = None,
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
    """Measure a grid of points and compare them along its axes."""
    from levinthal.harness.contract.settings import parse_assignments

    settings = given_settings(config, assignments)
    how = {"size": size, "repeats": repeats, "seed": seed, "device": device, "precision": precision}
    carry_out(kind, name, parse_assignments(options or []), settings, out, how, dry_run=dry_run, verbose=verbose)


def carry_out(
    kind: str,
    name: str,
    asked: Mapping[str, Any],
    settings: Mapping[str, Any],
    out: Path | None,
    how: Mapping[str, Any],
    *,
    dry_run: bool,
    verbose: bool,
) -> None:
    """Plan a study of a workload and carry it out, or print the line of each point.

    Parameters
    ----------
    kind, name : str
        Of the study, and of the workload.
    asked : mapping of str to value
        Options of the kind.
    settings : mapping of str to value
        Of the workload.
    out : Path or None
        The run folder.
    how : mapping of str to value
        Size, repeats, seed, device and precision, as for `start_run`.
    dry_run, verbose : bool

    Raises
    ------
    typer.Exit
        With status 1, where the run did not pass.
    """
    from levinthal.commands.conclusion import conclude
    from levinthal.commands.progress import make_watcher
    from levinthal.commands.study_lines import dry_lines
    from levinthal.harness.contract.registry import load_workload
    from levinthal.harness.results.plan import default_folder
    from levinthal.harness.running.execute import start_run
    from levinthal.harness.study.registry import plan_study

    plan = plan_study(kind, load_workload(name), asked)
    folder = out or default_folder(name)
    if dry_run:
        for line in dry_lines(name, plan, settings, folder, **how):
            print(line)
        return
    result = start_run(name, settings, study=plan, out=folder, watcher=make_watcher(), **how)
    conclude([(folder, result)], folder, verbose=verbose)


def scale(
    name: Annotated[str, typer.Argument(help="A workload that trains, on ranks, or whose replicas run side by side.")],
    world_sizes: Annotated[
        str, typer.Option(metavar="N,N,...", help="Numbers of ranks, or of workers; the least is the baseline.")
    ],
    batch_sizes: Annotated[
        list[str] | None,
        typer.Option(metavar="[CASE=]N,N,...", help="Batch sizes, of all cases or of one [the workload's own]."),
    ] = None,
    cases: Annotated[str, typer.Option(metavar="CASE,...", help="Which problem sizes [all of the workload's].")] = "",
    mode: Annotated[
        str, typer.Option(help="strong: ranks share a batch, or workers the replicas; weak: each has its own.")
    ] = "strong",
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
    """Train on more and more ranks, or run replicas on more cores; efficiency."""
    from levinthal.harness.contract.registry import load_workload
    from levinthal.harness.contract.replicates import Replicates
    from levinthal.harness.contract.trains import Trains

    settings = given_settings(config, assignments)
    how = {"size": size, "repeats": repeats, "seed": seed, "device": device, "precision": precision}
    workload = load_workload(name)
    if isinstance(workload, Replicates) and not isinstance(workload, Trains):
        if batch_sizes or cases or nodes != 1:
            raise UsageError(
                f"the replicas of {name} run on cores of this machine: leave out --batch-sizes, --cases and --nodes"
            )
        kind, asked = "ensembles", {"workers": world_sizes, "mode": mode, "seconds": seconds}
    else:
        kind, asked = "scaling", {
            "world_sizes": world_sizes, "batch_sizes": ";".join(batch_sizes or []), "cases": cases, "mode": mode,
            "nodes": nodes, "seconds": seconds,
        }  # fmt: skip
    carry_out(kind, name, asked, settings, out, how, dry_run=dry_run, verbose=verbose)


def sweep(
    name: Annotated[str, typer.Argument(help="The workload that is run at each point.")],
    over: Annotated[list[str], typer.Option(metavar="KEY=V,V,...", help="A setting and its values; may be repeated.")],
    figures: Annotated[
        str, typer.Option(metavar="NAME;NAME[LABEL=V];...", help="What is drawn; the first says what is best.")
    ] = "",
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
    """Run a workload at each combination of some settings."""
    settings = given_settings(config, assignments)
    how = {"size": size, "repeats": repeats, "seed": seed, "device": device, "precision": precision}
    asked = {"over": ";".join(over), "figures": figures}
    carry_out("sweeps", name, asked, settings, out, how, dry_run=dry_run, verbose=verbose)


def transfer(
    name: Annotated[str, typer.Argument(help="The workload whose frames travel.")] = "sampling",
    routes: Annotated[str, typer.Option(metavar="NAME,...", help="Which routes [all].")] = "",
    payloads: Annotated[str, typer.Option(metavar="NAME,...", help="Forms of the frames.")] = "",
    beads: Annotated[str, typer.Option(metavar="N,...", help="Residues, or atoms, of a frame [28,1024].")] = "",
    senders: Annotated[str, typer.Option(metavar="N,...", help="Simulations that send to one learner [1].")] = "",
    frames: Annotated[int | None, typer.Option(help="Frames that are sent [10000].")] = None,
    frames_of_message: Annotated[int | None, typer.Option(help="Frames that travel together [100].")] = None,
    seconds: Annotated[float | None, typer.Option(help="How long each bandwidth is timed [0.5].")] = None,
    kill: Annotated[bool, typer.Option("--kill", help="Kill each receiver too, and send again what it lost.")] = False,
    source: Annotated[Path | None, typer.Option("--from", metavar="RUN", help="How fast the other stages are.")] = None,
    repeats: Measurements = 1,
    seed: Seed = 0,
    device: Device = "auto",
    dry_run: DryRun = False,
    out: Out = None,
    verbose: Verbose = False,
) -> None:
    """Send frames from simulation to learner by each route."""
    given = {
        "routes": routes, "payloads": payloads, "beads": beads, "senders": senders, "frames": frames,
        "frames_of_message": frames_of_message, "seconds": seconds, "kill": kill or None,
        "source": source and str(source.absolute()),
    }  # fmt: skip
    asked = {key: value for key, value in given.items() if value}
    how = {"size": "tiny", "repeats": repeats, "seed": seed, "device": device, "precision": "auto"}
    carry_out("transfers", name, asked, {}, out, how, dry_run=dry_run, verbose=verbose)
