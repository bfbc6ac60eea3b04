"""The command line: a thin face of the library, so everything heavy is imported inside the command that needs it.

Exit status: 0 passed; 1 a gate was missed, a repeat failed or a rule is broken; 2 bad input or usage; 130 interrupted.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from levinthal import __version__
from levinthal.errors import Interrupted, LevinthalError, UsageError

if TYPE_CHECKING:
    from collections.abc import Callable

    from levinthal.harness.results.result import Result

__all__ = ["app", "main"]

app = typer.Typer(
    name="levinthal",
    help="How fast, how right and at what cost machine learning runs beside molecular simulation, on your machine.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
data = typer.Typer(help="Data sets: list them, fetch them, verify their checksums.", no_args_is_help=True)
app.add_typer(data, name="data")


def main() -> None:
    """Run the command line; a user's mistake is one line and exit status 2."""
    try:
        app()
    except LevinthalError as error:
        print(f"levinthal: {error}", file=sys.stderr)
        sys.exit(2)
    except Interrupted as stop:
        print(
            f"interrupted: {stop.finished} of {stop.planned} repeats are kept; "
            f"complete the run with: levinthal resume {stop.folder}",
            file=sys.stderr,
        )
        sys.exit(130)
    except KeyboardInterrupt:
        sys.exit(130)
    except BrokenPipeError:  # the reader of a pipe went away: `levinthal compare A B | head`
        sys.stderr.close()
        sys.exit(0)


def _version(wanted: bool) -> None:
    if wanted:
        print(f"levinthal {__version__}")
        raise typer.Exit


@app.callback()
def _options(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Show the version and exit.")
    ] = False,
) -> None:
    pass


Size = Annotated[str, typer.Option("--size", help="tiny (minutes at most), small (tens of minutes), paper (a GPU).")]
Assignments = Annotated[
    list[str] | None, typer.Option("--set", metavar="KEY=VALUE", help="Override one setting; may be repeated.")
]
ENGINE_HELP = (
    "local, local:N (N pinned worker processes), inline, or parsl:FILE.py: your own Parsl configuration, a Python "
    "program that is run (see docs/engines.md)."
)
Config = Annotated[Path | None, typer.Option("--config", metavar="FILE.toml", help="Settings from a TOML file.")]


@app.command()
def run(
    name: Annotated[str, typer.Argument(help="A workload, or all.")],
    size: Size = "tiny",
    assignments: Assignments = None,
    config: Config = None,
    repeats: Annotated[int, typer.Option(help="How many times, each in a fresh process.")] = 1,
    seed: Annotated[int, typer.Option(help="Seed of the first repeat; the next has the next number.")] = 0,
    device: Annotated[str, typer.Option(help="auto, cpu, cuda or cuda:N.")] = "auto",
    precision: Annotated[str, typer.Option(help="auto (the faster one here), fp32 or bf16.")] = "auto",
    engine: Annotated[str, typer.Option(help=ENGINE_HELP)] = "local",
    out: Annotated[Path | None, typer.Option(help="Run folder [results/<workload>-<UTC time>].")] = None,
) -> None:
    """Run a workload, or all of them, and write result.json and report.html."""
    from levinthal.commands.progress import make_watcher
    from levinthal.harness.contract.registry import WORKLOADS
    from levinthal.harness.contract.settings import parse_assignments, read_settings_file
    from levinthal.harness.results.plan import default_folder
    from levinthal.harness.running.execute import start_run

    settings = {**(read_settings_file(config) if config else {}), **parse_assignments(assignments or [])}
    folder = out or default_folder(name)
    if name == "all" and settings:
        raise UsageError("--set and --config belong to one workload: name it instead of all")
    targets = {each: folder / each for each in WORKLOADS.names()} if name == "all" else {name: folder}
    if not targets:
        raise UsageError("no workload is installed: reinstall levinthal")
    if name == "all" and out is not None and out.exists() and (not out.is_dir() or any(out.iterdir())):
        raise UsageError(f"{out} exists already: choose another --out; nothing is ever overwritten")
    results: list[tuple[Path, Result]] = []
    for each, target in targets.items():
        result = start_run(
            each,
            settings,
            size=size,
            repeats=repeats,
            seed=seed,
            device=device,
            precision=precision,
            engine=engine,
            out=target,
            watcher=make_watcher(),
        )
        results.append((target, result))
    _conclude(results, folder)


@app.command()
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
    seed: Annotated[int, typer.Option(help="Seed of the first repeat; the next has the next number.")] = 0,
    device: Annotated[str, typer.Option(help="auto, cpu or cuda.")] = "auto",
    precision: Annotated[str, typer.Option(help="auto (the faster one here), fp32 or bf16.")] = "auto",
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Print the command of each point and do nothing.")] = False,
    out: Annotated[Path | None, typer.Option(help="Run folder [results/<workload>-<UTC time>].")] = None,
) -> None:
    """Train on more and more ranks under torchrun; write time per epoch, speed-up and parallel efficiency."""
    from levinthal.commands.progress import make_watcher
    from levinthal.harness.contract.registry import load_workload
    from levinthal.harness.contract.settings import make_settings, parse_assignments, read_settings_file
    from levinthal.harness.results.plan import default_folder
    from levinthal.harness.running.execute import start_run
    from levinthal.harness.scaling.study import plan_scaling, study_commands

    settings = {**(read_settings_file(config) if config else {}), **parse_assignments(assignments or [])}
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
    _conclude([(folder, result)], folder)


@app.command()
def resume(folder: Annotated[Path, typer.Argument(help="The folder of a run that was stopped.")]) -> None:
    """Complete the repeats that a stopped run lacks."""
    from levinthal.commands.progress import make_watcher
    from levinthal.harness.results.plan import PLAN_FILE
    from levinthal.harness.running.execute import resume_run

    folders = [folder] if (folder / PLAN_FILE).exists() else sorted(path.parent for path in folder.glob("*/plan.json"))
    if not folders:
        raise UsageError(f"{folder} is not a run folder: name one that levinthal run made")
    results = [(each, resume_run(each, watcher=make_watcher())) for each in folders]
    _conclude(results, folder)


def _conclude(results: list[tuple[Path, Result]], folder: Path) -> None:
    """Print the headline figures, write the report, and leave with the verdict's status."""
    from levinthal.commands.headline import efficiency_line, summary_lines
    from levinthal.report import write_report

    for _, result in results:
        for line in summary_lines(result):
            print(line)
    report = folder / "report.html"
    write_report(results, report)
    print(f"report: {report}")
    for _, result in results:
        if result.scaling is not None:
            print(efficiency_line(result))
    if any(result.verdict != "passed" for _, result in results):
        raise typer.Exit(1)


@app.command("list")
def list_workloads() -> None:
    """List the installed workloads."""
    from levinthal.harness.contract.registry import WORKLOADS, load_workload

    for name, point in WORKLOADS.plug_ins().items():
        workload = load_workload(name)
        package = point.dist.name if point.dist is not None else "unknown"
        about = (type(workload).__doc__ or "").strip().partition("\n")[0]
        print(f"{name:<12} version {workload.version}  {package:<12} {about}")


@app.command()
def doctor() -> None:
    """Check this machine, and really run one small step of each workload."""
    from levinthal.commands.doctor import examine

    worst = 0
    for finding in examine():
        mend = f": {finding.mend}" if finding.mend else ""
        print(f"{finding.level:<5} {finding.subject:<16} {finding.message}{mend}", flush=True)
        worst = max(worst, finding.level == "fail")
    raise typer.Exit(worst)


@app.command()
def compare(
    a: Annotated[Path, typer.Argument(help="The baseline: a result.json or run folder.")],
    b: Annotated[Path, typer.Argument(help="What is compared with it.")],
) -> None:
    """Say for each metric whether B is faster or slower than A, or that it can't be told."""
    from levinthal.harness.results.store import load_result
    from levinthal.harness.review.compare import compare_results, comparison_lines

    for line in comparison_lines(compare_results(load_result(a), load_result(b))):
        print(line)


@app.command()
def report(
    paths: Annotated[list[Path], typer.Argument(help="Results, run folders, or folders of run folders.")],
    output: Annotated[Path, typer.Option("-o", "--output", help="The HTML file to write.")] = Path("report.html"),
) -> None:
    """Write one self-contained HTML page from results."""
    from levinthal.harness.results.store import load_result
    from levinthal.report import find_results, write_report

    write_report([(path.parent, load_result(path)) for path in find_results(paths)], output)
    print(f"report: {output}")


@app.command()
def check(
    result: Annotated[Path | None, typer.Argument(help="A result.json or run folder.")] = None,
    workload: Annotated[str | None, typer.Option(help="Check a workload's conformance instead.")] = None,
) -> None:
    """Name every rule that a result, or a workload, breaks, and how to mend it."""
    if (result is None) == (workload is None):
        raise UsageError("give either a result to check or --workload NAME")
    broken: Callable[[], list[str]]
    if workload is not None:
        from levinthal.commands.conformance import broken_by_workload

        broken, what = (lambda: broken_by_workload(workload)), f"workload {workload}"
    else:
        from levinthal.harness.review.check import broken_by_result

        assert result is not None
        broken, what = (lambda: broken_by_result(result)), str(result)
    lines = broken()
    for line in lines:
        print(line)
    print(f"{what}: {'no rule is broken' if not lines else f'{len(lines)} rule(s) broken'}")
    raise typer.Exit(1 if lines else 0)


@data.command("list")
def data_list() -> None:
    """List the named data sets and say which are here."""
    from levinthal.datasets import data_sets

    for each in data_sets():
        print(f"{each.name:<22} {each.version:<6} {each.state():<10} {each.description}")


@data.command("fetch")
def data_fetch(
    name: Annotated[str, typer.Argument(help="A data set's name, or an entry of the Protein Data Bank as pdb:1FME.")],
) -> None:
    """Fetch a data set; a broken-off download goes on where it stopped, and the checksum is verified."""
    from levinthal.datasets import data_set

    print(data_set(name).fetch())


@data.command("verify")
def data_verify(
    name: Annotated[str | None, typer.Argument(help="A data set's name [all that are here].")] = None,
) -> None:
    """Compare the files that are here with their checksums."""
    from levinthal.datasets import data_set, data_sets

    for each in [data_set(name)] if name else data_sets():
        print(f"{each.name:<22} {each.verify()}")


@app.command()
def new(
    name: Annotated[str, typer.Argument(help="The new workload's name: a Python identifier.")],
    folder: Annotated[Path | None, typer.Option(help="Where to write it [./NAME].")] = None,
) -> None:
    """Write a plug-in package with a workload that runs and passes `levinthal check --workload NAME`."""
    from levinthal.commands.scaffold import write_plugin

    target = write_plugin(name, folder)
    print(f"{target}: install it with: {sys.executable} -m pip install -e {target}")
    print(f"then: levinthal check --workload {name}; levinthal run {name}")
