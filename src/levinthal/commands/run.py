"""`levinthal run` and `levinthal resume`: a workload, or all of them, and what a stopped run lacks."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer
from typer.core import TyperCommand

from levinthal.commands.options import Assignments, Config, Out, Precision, Seed, Size, Verbose, given_settings
from levinthal.errors import MissingExtraError, UsageError


class WithSettings(TyperCommand):
    """A command whose help ends with the settings of the workload that stands before `--help`."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Remember the words that were typed: help is shown before any of them is parsed."""
        ctx.meta[_TYPED] = list(args)
        return super().parse_args(ctx, args)

    def format_epilog(self, ctx: Any, formatter: Any) -> None:
        """Write the settings, or how to see them."""
        from levinthal.commands.settings_table import settings_lines
        from levinthal.harness.contract.registry import WORKLOADS, load_workload

        name = next((each for each in ctx.meta.get(_TYPED, ()) if each in WORKLOADS.names()), None)
        formatter.write_paragraph()
        if name is None:
            formatter.write_text("With a workload before --help, its settings follow here.")
        else:
            formatter.write("\n".join(settings_lines(load_workload(name), formatter.width)) + "\n")


_TYPED = "levinthal.typed"


def run(
    name: Annotated[str, typer.Argument(help="A workload, or all.")],
    size: Size = "tiny",
    assignments: Assignments = None,
    config: Config = None,
    repeats: Annotated[int, typer.Option(help="How many times, each in a fresh process.")] = 1,
    seed: Seed = 0,
    device: Annotated[str, typer.Option(help="auto, cpu, cuda or cuda:N.")] = "auto",
    precision: Precision = "auto",
    engine: Annotated[
        str,
        typer.Option(help="Where tasks run: local:N (N pinned processes), a cluster, ...: see levinthal list engines."),
    ] = "local",
    profile: Annotated[
        bool, typer.Option("--profile", help="Leave a Chrome trace of operators and phases beside each repeat.")
    ] = False,
    out: Out = None,
    verbose: Verbose = False,
) -> None:
    """Run a workload, or all of them: result.json and report.html."""
    from levinthal.commands.conclusion import conclude
    from levinthal.commands.progress import make_watcher
    from levinthal.harness.contract.registry import WORKLOADS
    from levinthal.harness.results.plan import default_folder
    from levinthal.harness.running.execute import start_run

    settings = given_settings(config, assignments)
    folder = out or default_folder(name)
    if name == "all" and settings:
        raise UsageError("--set and --config belong to one workload: name it instead of all")
    targets = {each: folder / each for each in WORKLOADS.names()} if name == "all" else {name: folder}
    if not targets:
        raise UsageError("no workload is installed: reinstall levinthal")
    if name == "all" and out is not None and out.exists() and (not out.is_dir() or any(out.iterdir())):
        raise UsageError(f"{out} exists already: choose another --out; nothing is ever overwritten")
    results = []
    for each, target in targets.items():
        try:
            result = start_run(
                each,
                settings,
                size=size,
                repeats=repeats,
                seed=seed,
                device=device,
                precision=precision,
                engine=engine,
                profile=profile,
                out=target,
                watcher=make_watcher(),
            )
        except MissingExtraError as error:
            if name != "all":
                raise
            print(f"{each} was not run: {error}", flush=True)
            continue
        results.append((target, result))
    conclude(results, folder, verbose=verbose)


def resume(
    folder: Annotated[Path, typer.Argument(help="The folder of a run that was stopped.")],
    engine: Annotated[
        str | None,
        typer.Option(help="Where what is left runs [as begun; a program that you have not used yet is named again]."),
    ] = None,
    verbose: Verbose = False,
) -> None:
    """Complete the repeats that a stopped run lacks."""
    from levinthal.commands.conclusion import conclude
    from levinthal.commands.progress import make_watcher
    from levinthal.harness.results.plan import PLAN_FILE
    from levinthal.harness.running.execute import resume_run

    folders = [folder] if (folder / PLAN_FILE).exists() else sorted(path.parent for path in folder.glob("*/plan.json"))
    if not folders:
        raise UsageError(f"{folder} is not a run folder: name one that levinthal run made")
    results = [(each, resume_run(each, watcher=make_watcher(), engine=engine)) for each in folders]
    conclude(results, folder, verbose=verbose)
