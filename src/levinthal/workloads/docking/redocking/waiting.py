"""How long searches take to success, over runs of which some were cut short by the end of their budget.

The estimates are Kaplan and Meier's: a run that never succeeded counts as one that took longer than its budget, and the
median is unknown where half of the runs or fewer succeeded. What is cut short is cut by the budget alone, which knows
nothing of the time still to wait.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from levinthal.harness import Run
from levinthal.simulation.analysis.survival import Durations, durations, kaplan_meier, median_duration
from levinthal.workloads.docking.search.rounds import Attempt

_UNREPORTED = "the search does not report its evaluations"


@dataclass(frozen=True, eq=False)
class Waiting:
    """Evaluations and seconds to success over the runs of one search on one case.

    Attributes
    ----------
    n_runs, n_succeeded : int
    evaluations : Durations or None
        None where the search does not report them.
    seconds : Durations
    """

    n_runs: int
    n_succeeded: int
    evaluations: Durations | None
    seconds: Durations


def waiting_of(attempts: Sequence[Attempt]) -> Waiting | None:
    """Return the waiting times of runs; None where no reference pose tells what success is."""
    marks = [each.succeeded for each in attempts if each.succeeded is not None]
    if not marks:
        return None
    counts = [each.evaluations for each in attempts if each.evaluations is not None]
    evaluations = durations(counts, marks) if len(counts) == len(marks) else None
    return Waiting(len(marks), sum(marks), evaluations, durations([each.seconds for each in attempts], marks))


def median_of(waits: Durations | None) -> float | None:
    """Return the Kaplan-Meier median; None where it is unknown."""
    value = math.inf if waits is None else median_duration(waits).value
    return value if math.isfinite(value) else None


def report_waiting(run: Run, waiting: Waiting, labels: Mapping[str, str]) -> None:
    """Record medians, the share of runs that succeeded, all waiting times, and the curves of those still at it."""
    share = waiting.n_succeeded / waiting.n_runs
    run.metric("succeeded within the budget", share, unit="1", better="higher", kind="quality", labels=labels)
    few = f"{waiting.n_succeeded} of {waiting.n_runs} runs succeeded within the budget"
    for name, unit, waits, kind in (
        ("evaluations to success", "1", waiting.evaluations, "quality"),
        ("time to success", "s", waiting.seconds, "speed"),
    ):
        why = _UNREPORTED if waits is None else few
        run.metric(name, median_of(waits), unit=unit, better="lower", kind=kind, reason=why, labels=labels)  # type: ignore[arg-type]
        if waits is None:
            continue
        seen, cut = waits.steps[waits.observed], waits.steps[~waits.observed]
        run.samples(name, seen, unit=unit, labels=labels)
        if len(cut):
            run.samples(f"{name}, cut short", cut, unit=unit, labels=labels)
        survival = kaplan_meier(waits)
        x, y = [0.0], [1.0]
        for at, left in zip(survival.steps, survival.survival, strict=True):  # a step function, drawn as one
            x, y = [*x, float(at), float(at)], [*y, y[-1], float(left)]
        run.curve(
            f"not yet successful, by {'evaluations' if unit == '1' else 'time'}",
            [*x, survival.last_steps], [*y, y[-1]],
            x_name="evaluations" if unit == "1" else "time of the search", x_unit=unit, unit="1", labels=labels,
        )  # fmt: skip
