"""`levinthal plan`: what a loop of simulation and learning would do at sizes that are not at hand."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from levinthal.commands.options import Assignments, Config, given_settings
from levinthal.errors import UsageError

if TYPE_CHECKING:
    from levinthal.planning.loop import LoopOutcome
    from levinthal.planning.published import Explanation


def plan(
    name: Annotated[str, typer.Argument(help="A workload whose loop can be planned: sampling.")],
    replicas: Annotated[str, typer.Option(metavar="N,N,...", help="Trajectories that go on side by side.")] = "1024",
    gpus: Annotated[str, typer.Option(metavar="N,N,...", help="All GPUs (or cores), those for training too.")] = "256",
    training_gpus: Annotated[int, typer.Option(help="How many of them are kept for training.")] = 1,
    chunks: Annotated[int, typer.Option(help="Chunks of simulation of each replica.")] = 100,
    source: Annotated[Path | None, typer.Option("--from", metavar="RUN", help="A run that measured the times.")] = None,
    assignments: Assignments = None,
    config: Config = None,
    seed: Annotated[int, typer.Option(help="Of the times that are drawn among those measured.")] = 0,
    published: Annotated[bool, typer.Option("--published", help="Return a published loop from its times.")] = False,
    json_file: Annotated[Path | None, typer.Option("--json", metavar="FILE", help="Write all figures there.")] = None,
) -> None:
    """Simulate a loop at any size from measured times."""
    from levinthal.harness.contract.plans import Plans, StageTimes
    from levinthal.harness.contract.registry import load_workload
    from levinthal.harness.contract.settings import make_settings

    workload = load_workload(name)
    if not isinstance(workload, Plans):
        raise UsageError(f"the loop of workload {name!r} cannot be planned: it does not offer levinthal.harness.Plans")
    if published:
        _show_published(json_file)
        return
    measured = workload.stage_times(source) if source is not None else {}
    times = make_settings(StageTimes, "tiny", {**measured, **given_settings(config, assignments)})
    found = list(_plans(times, _numbers(replicas, "--replicas"), _numbers(gpus, "--gpus"), training_gpus, chunks, seed))
    for line in loop_lines(found):
        print(line)
    largest = max(times.training_frames, default=0)
    if largest and max(each.n_frames for each in found) > largest:
        print(f"training and looking beyond {largest:,} frames, the most that was measured, cost in proportion")
    _write(json_file, {"times": times.model_dump(mode="json"), "plans": [_plain(each) for each in found]})


def _plans(
    times: Any, replicas: Sequence[int], gpus: Sequence[int], training_gpus: int, chunks: int, seed: int
) -> Iterator[LoopOutcome]:
    from levinthal.planning.loop import LoopPlan, run_loop

    for n_gpus in gpus:
        if n_gpus <= training_gpus:
            raise UsageError(f"{n_gpus} GPUs with {training_gpus} for training leave none to simulate: give more")
        for n_replicas in replicas:
            yield run_loop(times, LoopPlan(n_replicas, n_gpus - training_gpus, training_gpus, chunks, seed))


_HEADS = ("replicas", "GPUs", "time", "GPU use", "chunks/s", "MB/s", "unseen", "model age", "coordinator", "bound by")


def loop_lines(outcomes: Sequence[LoopOutcome]) -> list[str]:
    """Return a table of what the loop does at each size.

    Parameters
    ----------
    outcomes : sequence of LoopOutcome
    """
    rows = [
        (
            f"{each.plan.replicas}", f"{each.plan.workers + each.plan.training_workers}", f"{each.makespan_s:,.4g} s",
            f"{100 * each.use:.1f} %", f"{each.n_chunks / each.makespan_s:.4g}" if each.makespan_s else "-",
            f"{each.bytes_s / 1e6:.4g}", _or_dash(100 * each.unseen, ".3g", " %"),
            _or_dash(each.model_age_s, ".4g", " s"), f"{100 * each.deciding:.1f} %", each.bound,
        )
        for each in outcomes
    ]  # fmt: skip
    widths = [max(len(row[k]) for row in (_HEADS, *rows)) for k in range(len(_HEADS))]
    return [
        "  ".join(f"{text:>{width}}" for text, width in zip(row[:-1], widths, strict=False)) + f"  {row[-1]}"
        for row in (_HEADS, *rows)
    ]


def _or_dash(value: float, form: str, unit: str) -> str:
    return "-" if math.isnan(value) else f"{value:{form}}{unit}"


def _show_published(json_file: Path | None) -> None:
    from levinthal.planning.published import explain_published, levinthal_at_that_size

    explanations = explain_published()
    for line in published_lines(explanations):
        print(line)
    ours = levinthal_at_that_size()
    print("Levinthal's loop with the same times, no barrier and each frame embedded once:")
    for line in loop_lines([ours]):
        print(line)
    _write(json_file, {"published": [_plain(each) for each in explanations], "levinthal": _plain(ours)})


def published_lines(explanations: Sequence[Explanation]) -> Iterator[str]:
    """Yield what each overlap makes of the published stage times, and what follows.

    Parameters
    ----------
    explanations : sequence of Explanation
    """
    from levinthal.planning.published import GPU_USE, MAKESPAN_S, N_GPUS, N_ITERATIONS, TOLERANCE

    yield (
        f"DeepDriveMD, {N_ITERATIONS} iterations on {N_GPUS} GPUs (arXiv 1909.07817): {MAKESPAN_S:,.0f} s, "
        f"GPU use {100 * GPU_USE:.1f} %"
    )
    for each in explanations:
        wide = each.widest
        yield f"{each.overlap}:"
        yield (
            f"  {each.makespan_s:,.0f} s [{each.shortest_s:,.0f}, {each.longest_s:,.0f}], "
            f"{100 * each.makespan_error:+.1f} %; with {wide.simulate} GPUs to simulate, {wide.train} to train, "
            f"{wide.infer} to infer: use {100 * wide.gpu_use:.1f} %, {100 * wide.error:+.1f} %"
        )
        if each.holds:
            yield (
                f"  holds: both within {100 * TOLERANCE:.0f} %; so do {each.n_matching:,} of {each.n_allocations:,} "
                f"allocations, with {each.simulating[0]} to {each.simulating[1]} GPUs that simulate"
            )
        else:
            yield "  does not hold"
    yield (
        "A time cannot tell overlaps that hold from each other, and one GPU use cannot tell three numbers of GPUs; "
        "that training and inference did not wait for each other follows from the time alone."
    )


def _numbers(text: str, what: str) -> list[int]:
    parts = [part.strip() for part in text.split(",") if part.strip()]
    if not parts or not all(part.isdigit() and int(part) > 0 for part in parts):
        raise UsageError(f"{what} {text!r}: give whole numbers from 1 on, separated by commas")
    return [int(part) for part in parts]


def _plain(outcome: Any) -> dict[str, Any]:
    """Return the fields of a dataclass, with null for what is NaN."""
    from dataclasses import asdict

    return {
        key: None if isinstance(value, float) and math.isnan(value) else value for key, value in asdict(outcome).items()
    }


def _write(file: Path | None, content: Mapping[str, Any]) -> None:
    if file is None:
        return
    import json

    from levinthal.files.writing import write_whole

    write_whole(file, json.dumps(content, indent=1) + "\n")
    print(f"all figures: {file}")
