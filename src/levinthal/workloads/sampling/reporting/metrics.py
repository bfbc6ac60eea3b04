"""What a study reports: figures of every policy, ratios with their verdicts, the timeline, and plain words."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from levinthal.harness import Run
from levinthal.harness.results.labels import Label
from levinthal.harness.results.result import CANNOT_TELL, Better, Kind, Terms
from levinthal.simulation.analysis.first_passage import mean_recurrence
from levinthal.workloads.sampling.reporting.findings import findings
from levinthal.workloads.sampling.study.comparison import PolicyComparison
from levinthal.workloads.sampling.study.evaluation import (
    Cost,
    coverage_at,
    coverage_curve,
    first_arrival,
    unbroken_runs,
)
from levinthal.workloads.sampling.study.outcome import Outcome
from levinthal.workloads.sampling.study.result import Divergences, StudyResult

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


@dataclass(frozen=True)
class _Policy:
    """Records figures of one policy: medians over its campaigns, and what each of them had."""

    run: Run
    name: str

    def median(
        self,
        name: str,
        values: Iterable[float],
        unit: str,
        better: Better,
        kind: Kind = "quality",
        *,
        reason: str = "no campaign has such a figure",
        **labels: Label,
    ) -> None:
        finite = [value for value in values if np.isfinite(value)]
        median = float(np.median(finite)) if finite else None
        more = {"policy": self.name, **labels}
        self.run.metric(name, median, unit=unit, better=better, kind=kind, reason=reason, labels=more)

    def samples(self, name: str, values: Iterable[float], unit: str, **labels: Label) -> None:
        self.run.samples(name, values, unit=unit, labels={"policy": self.name, **labels})


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
        To the reference at equal cost, as frames come and reweighted; empty where there is none.
    spread : bool
        Whether each campaign had all workers, which then may have idled, and chunks waited for them.
    """
    run.study(study.plan)
    headline = [each for each in comparisons if each.cost == study.cost]
    report_ratios(run, headline, study.baseline, study.controls)
    _report_found(run, study, divergence)
    _report_costs(run, study.outcomes, spread=spread)
    report_comparisons(run, comparisons)
    report_controls(run, headline, study.controls)
    for sentence in findings(study):
        run.finding(sentence)
    for policy, declared in study.declared.items():
        if declared.wants_target:
            run.note(f"The policy {policy} is given the target: do not compare it with policies that are not.")


def _report_found(run: Run, study: StudyResult, divergence: Divergences) -> None:
    """Record what each policy found, at equal cost."""
    cost, stationary = study.cost, study.system.stationary
    budget = study.budgets[cost]
    grid = np.linspace(0.0, budget, _CURVE_POINTS)
    for name, side in study.outcomes.items():
        policy = _Policy(run, name)
        curves = [coverage_curve(outcome, cost, grid) for outcome in side]
        run.curve("cells seen", grid, np.mean(curves, axis=0), x_name=f"{cost} of a campaign",
                  x_unit=cost.removesuffix("s"), unit="cell", labels={"policy": name})  # fmt: skip
        policy.median("cells seen", [coverage_at(each, cost, budget) for each in side], "1", "higher")
        if stationary is not None:
            masses = [float(stationary[np.unique(outcome.cell)].sum()) for outcome in side]
            policy.median("stationary mass covered", masses, "1", "higher")
        if study.system.observables.event:
            _report_event(policy, side, cost, budget)
        if divergence:
            plain, reweighted = zip(*divergence[name], strict=True)
            policy.median("divergence", plain, "nat", "lower", weighting="none")
            policy.median("divergence", reweighted, "nat", "lower", weighting="Markov state model")
        if study.system.molecule is not None and np.isfinite(side[0].schlitter):
            entropy = "configurational entropy"
            policy.median(entropy, [each.schlitter for each in side], "J/mol/K", "higher", estimate="Schlitter")
            harmonic = [each.quasi_harmonic for each in side]
            policy.median(entropy, harmonic, "J/mol/K", "higher", estimate="quasi-harmonic")


def _report_event(policy: _Policy, side: Sequence[Outcome], cost: Cost, budget: float) -> None:
    arrivals = [first_arrival(outcome, cost) for outcome in side]
    policy.samples("spent before the event", arrivals, cost.removesuffix("s"))
    policy.median(
        "campaigns that met the event", [float(np.mean([each <= budget for each in arrivals]))], "1", "higher"
    )
    recurrence = []
    for outcome in side:
        marks = [outcome.arrived[frames] for frames in unbroken_runs(outcome)]
        recurrence.append(mean_recurrence(marks, outcome.frame_interval).value)
    policy.median("recurrence of the event", recurrence, "step", "lower", reason="it came back in no simulation")


def _report_costs(run: Run, outcomes: Mapping[str, Sequence[Outcome]], *, spread: bool) -> None:
    """Record where the core-seconds of each policy went, and how promptly it acted on how old a model."""
    for name, side in outcomes.items():
        policy, spent = _Policy(run, name), [outcome.spending for outcome in side]
        rates = [outcome.n_steps / outcome.spending.total for outcome in side]
        policy.median("simulation rate", rates, "step/core-second", "higher", "speed")
        simulating = [each.simulate / each.total for each in spent]
        policy.median("share of the core-seconds", simulating, "1", "higher", "speed", share="simulate")
        for share in _SHARES:
            policy.samples("core-seconds spent", [getattr(each, share) for each in spent], "core-second", share=share)
        if spread:
            for clock, busy in (("wall", "busy_share"), ("processor", "busy_cpu_share")):
                shares = [getattr(each, busy) for each in spent]
                policy.median("simulation cores busy", shares, "1", "higher", "speed", clock=clock)
            policy.median("queue time", [1e3 * each.queue_s for each in spent], "ms", "lower", "speed")
        if not any(outcome.n_restarts for outcome in side):
            continue
        policy.samples("restarts", [outcome.n_restarts for outcome in side], "1")
        policy.median("cull latency", [1e3 * each.cull_latency_s for each in spent], "ms", "lower", "speed")
        if any(outcome.n_models for outcome in side):
            policy.samples("models", [outcome.n_models for outcome in side], "1")
            unseen = [each.frames_unseen_by_model for each in spent]
            policy.median("frames that the model had not seen", unseen, "frame", "lower", "speed")
    every = [outcome for side in outcomes.values() for outcome in side]
    failed = sum(outcome.n_failures for outcome in every)
    if failed:
        given_up = sum(outcome.n_quarantined for outcome in every)
        run.note(
            f"{failed} chunks failed and were made again; {given_up} states were given up and their walkers went on."
        )


def report_ratios(run: Run, comparisons: Sequence[PolicyComparison], baseline: str, controls: Collection[str]) -> None:
    """Record the ratios to the baseline as figures, those of controls last."""
    for each in sorted(comparisons, key=lambda each: each.candidate in controls):
        if each.baseline == baseline:
            run.metric(
                each.name,
                None if each.ratio is None else each.ratio.value,
                unit="1",
                better="higher",
                reason=each.reason,
                labels={"policy": each.candidate, "baseline": each.baseline, "cost": each.unit},
            )


def report_comparisons(run: Run, comparisons: Sequence[PolicyComparison]) -> None:
    """Record every ratio."""
    for each in comparisons:
        ratio, method = each.ratio, ""
        if ratio is not None:
            missed = ratio.n_missed_baseline, ratio.n_missed_candidate
            late = "; within the budget {} of {} and {} of {} did not arrive"
            method = ratio.method + late.format(missed[0], each.baseline, missed[1], each.candidate) * any(missed)
        run.comparison(
            each.name,
            candidate=each.candidate,
            baseline=each.baseline,
            terms=Terms(amount=each.budget, unit=each.cost),
            value=None if ratio is None else ratio.value,
            interval=None if ratio is None else (ratio.low, ratio.high),
            n=0 if ratio is None else ratio.n_pairs,
            verdict=CANNOT_TELL if ratio is None else ratio.verdict,
            method=method,
            reason=each.reason,
            labels={"cost": each.unit},
        )


def report_controls(run: Run, comparisons: Sequence[PolicyComparison], controls: Collection[str]) -> None:
    """Say plainly where a policy gave nothing over a control."""
    for each in comparisons:
        if each.baseline not in controls or each.candidate in controls:
            continue
        ratio = each.ratio
        if each.name != "effective sampling" or ratio is None:
            continue
        if ratio.verdict != CANNOT_TELL and ratio.value > 1.0:
            continue
        alike = ratio.verdict == CANNOT_TELL
        compared, how = ("as well as", "cannot be told from") if alike else ("better than", "is behind")
        limits = f", 95 % interval {ratio.low:.2g} to {ratio.high:.2g}" if np.isfinite(ratio.low) else ""
        run.note(
            f"The control {each.baseline} does {compared} {each.candidate}: in effective sampling at equal "
            f"{each.cost} {each.candidate} {how} the control ({ratio.value:.2g}{limits})."
        )
