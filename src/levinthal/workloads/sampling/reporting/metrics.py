"""What a study reports: figures of every policy, ratios with their verdicts, the timeline, and plain words."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence

import numpy as np

from levinthal.harness import Run
from levinthal.harness.results.result import CANNOT_TELL, Better, Kind, Terms
from levinthal.simulation.analysis.recurrence import mean_recurrence
from levinthal.workloads.sampling.study.comparison import PolicyComparison
from levinthal.workloads.sampling.study.evaluation import (
    coverage_at,
    coverage_curve,
    first_arrival,
    unbroken_runs,
)
from levinthal.workloads.sampling.study.outcome import Outcome
from levinthal.workloads.sampling.study.result import Divergences, StudyResult
from levinthal.workloads.sampling.systems.system import System

__all__ = ["report_comparisons", "report_ratios", "report_study", "report_timeline"]

_CURVE_POINTS = 100
_SHARES = ("simulate", "train", "infer", "select", "record", "transfer", "wait")


def report_timeline(run: Run, outcome: Outcome, lanes: dict[str, str], clock_offset_s: float) -> None:
    """Draw a campaign on the lanes of its workers.

    Parameters
    ----------
    run : Run
        Where it is reported.
    outcome : Outcome
        With its intervals.
    lanes : dict of str to str
        The lane of each worker; added to.
    clock_offset_s : float
        Seconds since 1970 less `time.perf_counter`.
    """
    for interval in outcome.intervals:
        lane = interval.worker
        if lane not in ("training", "coordinator"):
            lane = lanes.setdefault(lane, f"worker {len(lanes) + 1}")
        run.interval(
            interval.name,
            lane=lane,
            start_s=interval.began - clock_offset_s,
            duration_s=interval.duration_s,
            items=interval.items or None,
        )


def _median(
    run: Run, name: str, values: Sequence[float], unit: str, better: Better, kind: Kind = "quality", reason: str = ""
) -> None:
    """Record the median of what campaigns have a figure."""
    finite = [value for value in values if np.isfinite(value)]
    run.metric(
        name,
        float(np.median(finite)) if finite else None,
        unit=unit,
        better=better,
        kind=kind,
        reason=reason or "no campaign has such a figure",
    )


def report_study(
    run: Run, study: StudyResult, comparisons: Sequence[PolicyComparison], divergence: Divergences, *, spread: bool
) -> None:
    """Record what a study found, in figures and in words.

    Parameters
    ----------
    run : Run
        Where it is reported.
    study : StudyResult
        All campaigns.
    comparisons : sequence of PolicyComparison
        Of its policies.
    divergence : mapping of str to sequence of (float, float)
        To the reference at equal core-seconds, as frames come and reweighted; empty where there is none.
    spread : bool
        Whether each campaign had all workers, which then may have idled, and chunks waited for them.
    """
    report_ratios(run, comparisons, study.baseline, study.controls)
    _report_policies(run, study.system, study.outcomes, study.budgets["core-seconds"], divergence)
    _report_costs(run, study.outcomes, spread=spread)
    report_comparisons(run, comparisons, study.controls)
    for policy, declared in study.declared.items():
        if declared.wants_target:
            run.note(f"The policy {policy} is told the target: it is not a match for policies that are not.")


def _report_policies(
    run: Run,
    system: System,
    outcomes: Mapping[str, Sequence[Outcome]],
    budget: float,
    divergence: Divergences,
) -> None:
    """Record what each policy found: medians over its campaigns, at the budget of core-seconds."""
    grid = np.linspace(0.0, budget, _CURVE_POINTS)
    for policy, side in outcomes.items():
        curves = [coverage_curve(outcome, "core-seconds", grid) for outcome in side]
        run.curve("cells seen", grid, np.mean(curves, axis=0), x_name="core-seconds of a campaign",
                  x_unit="core-second", unit="cell", labels={"policy": policy})  # fmt: skip
        covered = [float(coverage_at(outcome, "core-seconds", budget)) for outcome in side]
        _median(run, f"cells seen, {policy}", covered, "1", "higher")
        if system.stationary is not None:
            masses = [float(system.stationary[np.unique(outcome.cell)].sum()) for outcome in side]
            _median(run, f"stationary mass covered, {policy}", masses, "1", "higher")
        if system.observables.event:
            _report_event(run, policy, side, budget)
        if divergence:
            _median(run, f"divergence, {policy}", [pair[0] for pair in divergence[policy]], "nat", "lower")
            _median(run, f"divergence reweighted, {policy}", [pair[1] for pair in divergence[policy]], "nat", "lower")
        if system.molecule is not None and np.isfinite(side[0].schlitter):
            _median(run, f"Schlitter entropy, {policy}", [each.schlitter for each in side], "J/mol/K", "higher")
            harmonic = [each.quasi_harmonic for each in side]
            _median(run, f"quasi-harmonic entropy, {policy}", harmonic, "J/mol/K", "higher")


def _report_event(run: Run, policy: str, side: Sequence[Outcome], budget: float) -> None:
    arrivals = [first_arrival(outcome, "core-seconds") for outcome in side]
    run.samples(f"core-seconds to the event/{policy}", arrivals, unit="core-second")
    met = float(np.mean([arrival <= budget for arrival in arrivals]))
    run.metric(f"campaigns that met the event, {policy}", met, unit="1", better="higher", kind="quality")
    recurrence = []
    for outcome in side:
        marks = [outcome.arrived[frames] for frames in unbroken_runs(outcome)]
        recurrence.append(mean_recurrence(marks, outcome.frame_interval).value)
    _median(run, f"recurrence of the event, {policy}", recurrence, "step", "lower",
            reason="it came back in no simulation")  # fmt: skip


def _report_costs(run: Run, outcomes: Mapping[str, Sequence[Outcome]], *, spread: bool) -> None:
    """Record where the core-seconds of each policy went, and how promptly it acted on how old a model."""
    for policy, side in outcomes.items():
        spent = [outcome.spending for outcome in side]
        rates = [outcome.n_steps / outcome.spending.total for outcome in side]
        _median(run, f"simulation, {policy}", rates, "step/core-second", "higher", "speed")
        simulating = [each.simulate / each.total for each in spent]
        _median(run, f"simulation's share of the core-seconds, {policy}", simulating, "1", "higher", "speed")
        for name in _SHARES:
            run.samples(f"core-seconds/{policy}/{name}", [getattr(each, name) for each in spent], unit="core-second")
        if spread:
            busy = [each.busy_share for each in spent]
            _median(run, f"simulation cores busy, {policy}", busy, "1", "higher", "speed")
            busy = [each.busy_cpu_share for each in spent]
            _median(run, f"simulation cores busy by processor time, {policy}", busy, "1", "higher", "speed")
            _median(run, f"queue time, {policy}", [1e3 * each.queue_s for each in spent], "ms", "lower", "speed")
        if not any(outcome.n_restarts for outcome in side):
            continue
        run.samples(f"restarts/{policy}", [outcome.n_restarts for outcome in side], unit="1")
        latencies = [1e3 * each.cull_latency_s for each in spent]
        _median(run, f"cull latency, {policy}", latencies, "ms", "lower", "speed")
        if any(outcome.n_models for outcome in side):
            run.samples(f"models/{policy}", [outcome.n_models for outcome in side], unit="1")
            unseen = [each.frames_unseen_by_model for each in spent]
            _median(run, f"frames that the model had not seen, {policy}", unseen, "frame", "lower", "speed")
    every = [outcome for side in outcomes.values() for outcome in side]
    failed = sum(outcome.n_failures for outcome in every)
    if failed:
        given_up = sum(outcome.n_quarantined for outcome in every)
        run.note(
            f"{failed} chunks failed and were made again; {given_up} states were given up and their walkers went on."
        )


def report_ratios(run: Run, comparisons: Sequence[PolicyComparison], baseline: str, controls: Collection[str]) -> None:
    """Record the ratios to the baseline at equal core-seconds as figures, those of controls last."""
    for each in sorted(comparisons, key=lambda each: each.candidate in controls):
        if each.baseline == baseline and each.cost == "core-seconds":
            run.metric(
                f"{each.name}, {each.candidate} / {each.baseline}",
                None if each.ratio is None else each.ratio.value,
                unit="1",
                better="higher",
                reason=each.reason,
            )


def report_comparisons(run: Run, comparisons: Sequence[PolicyComparison], controls: Collection[str]) -> None:
    """Record every ratio, and say in words what must not be overlooked."""
    for each in comparisons:
        ratio = each.ratio
        terms = Terms(amount=each.budget, unit=each.cost)
        if ratio is None:
            run.comparison(
                each.name, candidate=each.candidate, baseline=each.baseline, terms=terms, value=None, interval=None,
                n=0, verdict=CANNOT_TELL, reason=each.reason,
            )  # fmt: skip
            continue
        missed = ratio.n_missed_baseline + ratio.n_missed_candidate
        late = f"; within the budget {ratio.n_missed_baseline} of {each.baseline} and {ratio.n_missed_candidate} of "
        run.comparison(
            each.name, candidate=each.candidate, baseline=each.baseline, terms=terms, value=ratio.value,
            interval=(ratio.low, ratio.high), n=ratio.n_pairs, verdict=ratio.verdict,
            method=ratio.method + (f"{late}{each.candidate} did not arrive" if missed else ""),
        )  # fmt: skip
    _report_controls(run, comparisons, controls)


def _report_controls(run: Run, comparisons: Sequence[PolicyComparison], controls: Collection[str]) -> None:
    """Say plainly where a policy gave nothing over a control."""
    for each in comparisons:
        if each.baseline not in controls or each.candidate in controls:
            continue
        ratio = each.ratio
        if each.cost != "core-seconds" or each.name != "effective sampling" or ratio is None:
            continue
        if ratio.verdict != CANNOT_TELL and ratio.value > 1.0:
            continue
        alike = ratio.verdict == CANNOT_TELL
        compared, how = ("as well as", "cannot be told from") if alike else ("better than", "is behind")
        limits = f", 95 % interval {ratio.low:.2g} to {ratio.high:.2g}" if np.isfinite(ratio.low) else ""
        run.note(
            f"The control {each.baseline} does {compared} {each.candidate}: in effective sampling at equal "
            f"core-seconds {each.candidate} {how} the control ({ratio.value:.2g}{limits})."
        )
