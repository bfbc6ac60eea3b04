"""The rate of the event, by policies that send walkers back to their start when they meet it."""

from __future__ import annotations

import math

import numpy as np

from levinthal.harness import Run
from levinthal.simulation.analysis.intervals import Estimate
from levinthal.workloads.sampling.study.evaluation import frames_within
from levinthal.workloads.sampling.study.guard import attempt
from levinthal.workloads.sampling.study.result import StudyResult
from levinthal.workloads.sampling.study.weighing import exact_rate, rate_of

RATE_ERROR = "error of the rate of the event"


def report_rates(run: Run, study: StudyResult) -> None:
    """Record the rate by each policy that recycles, in figures and in a sentence with the exact one if it is known.

    A rate is a property of the system, and has no better direction; how well it is known has.
    """
    rating = [policy for policy in study.outcomes if study.declared[policy].recycles]
    if not rating:
        return
    interval = study.outcomes[rating[0]][0].frame_interval
    exact, _ = attempt(lambda: exact_rate(study.system, interval))
    exact = math.nan if exact is None else exact
    for policy in rating:
        side = study.outcomes[policy]
        within = [frames_within(each, study.cost, study.budgets[study.cost]) for each in side]
        seed = run.seed_for("rates", bits=31)
        rate, why = attempt(lambda side=side, within=within, seed=seed: rate_of(side, within, seed))  # type: ignore[misc]
        labels = {"policy": policy}
        if rate is not None:
            limits = (rate.value, rate.low, rate.high)
            run.samples("rate of the event and its limits", limits, unit="1/step", labels=labels)
            run.finding(_told(policy, rate, exact, study.system.observables.event))
        off = math.nan if rate is None or not rate.value > 0.0 else abs(math.log(rate.value / exact))
        if rate is not None and not rate.value > 0.0:
            why = "no walker met the event once it was settled"
        run.metric(
            RATE_ERROR,
            off if math.isfinite(off) else None,
            unit="1",
            better="lower",
            kind="quality",
            reason=why or "the exact rate is not known",
            labels=labels,
        )


def _told(policy: str, rate: Estimate, exact: float, event: str) -> str:
    """Return the rate in words, as the mean first passage time that is one over it."""
    known = f"; exactly {_steps(1.0 / exact)}" if math.isfinite(exact) else ""
    if not rate.value > 0.0:
        beyond = f", so more than {_steps(1.0 / rate.high)}" if rate.high > 0.0 else ""
        return f"{policy}: none of its walkers met the event ({event}) once it was settled{beyond}{known}."
    low, high = (1.0 / x if x > 0.0 else math.inf for x in (rate.high, rate.low))
    limits = f" [{_steps(low)}, {_steps(high)}]" if np.isfinite(rate.low) else ""
    return f"{policy}: mean time until {event} is {_steps(1.0 / rate.value)} steps{limits}{known} ({rate.method})."


def _steps(n: float) -> str:
    return f"{n:,.0f}" if n < 1e9 else f"{n:.3g}"
