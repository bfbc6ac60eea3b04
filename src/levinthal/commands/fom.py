"""`levinthal fom`: figures of merit, a line each, and the number of a suite."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer


def fom(
    paths: Annotated[list[Path], typer.Argument(help="Results, run folders, or the folder of levinthal run all.")],
    reference: Annotated[
        Path | None, typer.Option(help="The machine that 1 stands for [the one that comes with the package].")
    ] = None,
    output: Annotated[Path | None, typer.Option("-o", "--output", help="[fom.json in the first folder]")] = None,
    make_reference: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Write these results as a reference machine instead.")
    ] = None,
) -> None:
    """Print a line for each figure of merit and the suite's number; write fom.json."""
    from levinthal.errors import LevinthalError
    from levinthal.files.writing import write_whole
    from levinthal.harness.results.store import load_result
    from levinthal.harness.review import merit
    from levinthal.harness.review.suite import SuiteMerit, suite_merit
    from levinthal.report import find_results

    results = [load_result(path) for path in find_results(paths)]
    if make_reference is not None:
        made = merit.make_reference(results)
        write_whole(make_reference, made.model_dump_json(indent=1, by_alias=True) + "\n")
        print(f"reference: {make_reference} ({made.name}, {len(made.figures)} figures)")
        return
    merits = [each for result in results for each in merit.merits_of(result)]
    for each in merits:
        print(each.line())
    document = {"schema": 1, "figures": [{**each.model_dump(), "value": each.value} for each in merits]}
    try:
        held_against = merit.read_reference(reference)
    except LevinthalError as error:
        if reference is not None:
            raise
        suite, name = SuiteMerit(None, None, (str(error),)), None
    else:
        suite, name = suite_merit(merits, held_against), held_against.name
    reasons = f" ({'; '.join(suite.refused)})" if suite.refused else ""
    if suite.value is None:
        print(f"FOM suite = - refused{reasons}")
    else:
        interval = "" if suite.interval is None else f" [{suite.interval[0]:.4g}, {suite.interval[1]:.4g}]"
        print(f"FOM suite = {suite.value:.4g}{interval} times {name} gates=passed{reasons}")
    document["suite"] = {"value": suite.value, "ci95": suite.interval, "reference": name, "refused": suite.refused}
    first = paths[0] if paths[0].is_dir() else paths[0].parent
    write_whole(output or first / "fom.json", json.dumps(document, indent=1) + "\n")
    raise typer.Exit(0 if all(each.gates == "passed" for each in merits) else 1)
