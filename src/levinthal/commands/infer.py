"""`levinthal infer` and `levinthal precision`: a model asked by MLCommons LoadGen, and in several precisions."""

from __future__ import annotations

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


def infer(
    name: Annotated[str, typer.Argument(help="A workload whose model can be asked.")],
    scenario: Annotated[
        list[str] | None,
        typer.Option(help="single-stream, multi-stream, server or offline; may be repeated [the workload's own]."),
    ] = None,
    run: Annotated[
        Path | None, typer.Option(help="A run folder: ask the model it trained, with its settings [a new model].")
    ] = None,
    bucket: Annotated[
        list[str] | None, typer.Option(help="A length bucket, or all; may be repeated [each of them].")
    ] = None,
    batch_sizes: Annotated[str, typer.Option(metavar="N,N,...", help="Samples answered at a time at most.")] = "32",
    latency_bound_ms: Annotated[
        float, typer.Option(help="Within which 99 % of a server's answers come [the workload's].")
    ] = 0.0,
    seconds: Annotated[float, typer.Option(help="How long each of LoadGen's tests lasts at least.")] = 0.5,
    campaign: Annotated[
        list[str] | None,
        typer.Option(
            metavar="paper|RUN|RATE[/REPLICAS]",
            help="Can inference follow it? A run that simulated, or conformations a second; may be repeated.",
        ),
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
    """Ask a model as MLPerf Inference does: latency, rate, VALID or not."""
    from levinthal.commands.study import carry_out
    from levinthal.harness.contract.infers import Infers
    from levinthal.harness.contract.registry import load_workload
    from levinthal.harness.contract.settings import make_settings

    settings, source = given_settings(config, assignments), ""
    if run is not None:
        size, trained, source = of_run(name, run)
        settings = {**trained, **settings}
    workload = load_workload(name)
    if isinstance(workload, Infers) and not bucket:
        bucket = list(workload.inference_buckets(make_settings(workload.Settings, size, settings)))
    asked = {
        "scenarios": ",".join(scenario or []), "buckets": ",".join(bucket or ["all"]), "batch_sizes": batch_sizes,
        "latency_bound_ms": latency_bound_ms, "seconds": seconds, "source": source,
        "campaigns": ",".join(campaign or []),
    }  # fmt: skip
    how = {"size": size, "repeats": repeats, "seed": seed, "device": device, "precision": precision}
    carry_out("serving", name, asked, settings, out, how, dry_run=dry_run, verbose=verbose)


def precision(
    name: Annotated[str, typer.Argument(help="A workload whose model can be asked in several precisions.")],
    precisions: Annotated[str, typer.Option(metavar="P,P,...", help="Which [the workload's own].")] = "",
    run: Annotated[
        Path | None, typer.Option(help="A run folder: the model it trained, with its settings [a new model].")
    ] = None,
    batch_size: Annotated[int, typer.Option(help="Samples answered at a time.")] = 32,
    size: Size = "tiny",
    assignments: Assignments = None,
    config: Config = None,
    repeats: Measurements = 1,
    seed: Seed = 0,
    device: Device = "auto",
    dry_run: DryRun = False,
    out: Out = None,
    verbose: Verbose = False,
) -> None:
    """Time a model in each precision beside what that does to answers."""
    from levinthal.commands.study import carry_out

    settings, source = given_settings(config, assignments), ""
    if run is not None:
        size, trained, source = of_run(name, run)
        settings = {**trained, **settings}
    asked = {"precisions": precisions, "batch_size": batch_size, "source": source}
    how = {"size": size, "repeats": repeats, "seed": seed, "device": device, "precision": "auto"}
    carry_out("lowering", name, asked, settings, out, how, dry_run=dry_run, verbose=verbose)


def of_run(name: str, folder: Path) -> tuple[str, dict[str, Any], str]:
    """Return size and settings of a run, and the folder of its first repeat that passed.

    Raises
    ------
    UsageError
        It is of another workload, or no repeat passed.
    """
    from levinthal.errors import UsageError
    from levinthal.harness.results.plan import repeat_folder
    from levinthal.harness.results.store import load_result

    result = load_result(folder)
    if result.workload.name != name or result.study is not None:
        what = f"a study of {result.workload.name}" if result.study is not None else f"of {result.workload.name}"
        raise UsageError(f"--run {folder} is {what}: name a run of {name}")
    passed = [repeat.index for repeat in result.repeats if repeat.verdict == "passed"]
    if not passed:
        raise UsageError(f"--run {folder}: no repeat passed, and an answer of its model is worth nothing: run again")
    root = folder if folder.is_dir() else folder.parent
    return result.size, dict(result.settings), str(repeat_folder(root, passed[0]).resolve())
