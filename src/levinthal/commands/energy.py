"""`levinthal energy`: joules of a run's phases, by its own counters or by the log of an external meter."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer


def energy(
    run: Annotated[Path, typer.Argument(help="A run folder, or its result.json.")],
    meter: Annotated[
        Path | None,
        typer.Option(metavar="FILE.csv", help="Log of a power meter: columns unix_s or utc, and watts or joules."),
    ] = None,
    idle_watts: Annotated[float | None, typer.Option(min=0, help="What the idle machine draws.")] = None,
    idle_seconds: Annotated[
        float, typer.Option(min=0, help="Of the log before the run: the machine was idle then [60 with a meter].")
    ] = 60.0,
    json_file: Annotated[Path | None, typer.Option("--json", metavar="FILE", help="Write all figures there.")] = None,
) -> None:
    """Print joules by phase, those above the idle machine, and joules per unit of work."""
    from levinthal.files.writing import write_whole
    from levinthal.harness.results.store import load_result
    from levinthal.harness.review.energy import energies_of
    from levinthal.harness.review.energy import idle_watts as watts_before
    from levinthal.metrics.meter_log import read_meter_log

    result = load_result(run)
    log = None if meter is None else read_meter_log(meter)
    if idle_watts is None and log is not None and idle_seconds:
        idle_watts = watts_before(result, log, idle_seconds)
    found = list(energies_of(result, log, idle_watts))
    by = "the run's own counters" if meter is None else meter
    less = "the idle machine is not known: give --idle-watts" if idle_watts is None else f"idle {idle_watts:.4g} W"
    print(f"energy of {result.workload.name}, by {by}; {less}")
    several = len(result.repeats) > 1
    for each in found:
        name = f"{each.repeat}: {each.phase}" if several else each.phase
        if each.energy_j is None:
            print(f"  {name:<24} {each.duration_s:9.3g} s  not measured: {each.reason}")
            continue
        above = "" if each.above_idle_j is None else f"  {each.above_idle_j:10.4g} J above idle"
        item = "" if each.item_j is None else f"  {each.item_j:10.4g} J each of {each.items:,}"
        print(f"  {name:<24} {each.duration_s:9.3g} s  {each.energy_j:10.4g} J{above}{item}")
    if json_file is not None:
        document = {
            "schema": 1,
            "idle_watts": idle_watts,
            "meter": meter and str(meter),
            "phases": list(map(asdict, found)),
        }
        write_whole(json_file, json.dumps(document, indent=1) + "\n")
    raise typer.Exit(0 if any(each.energy_j is not None for each in found) else 1)
