"""What a study reports: figures of every policy, ratios with their verdicts, the timeline, and plain words."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from operator import attrgetter

import numpy as np

from levinthal.arrays import Doubles
from levinthal.harness import Run
from levinthal.harness.results.labels import Label
from levinthal.harness.results.result import CANNOT_TELL, Better, Kind, Terms
from levinthal.simulation.analysis.first_passage import mean_recurrence
from levinthal.workloads.sampling.study.comparison import PolicyComparison
from levinthal.workloads.sampling.study.evaluation import (
    coverage_at,
    coverage_curve,
    first_arrival,
    unbroken_runs,
)
from levinthal.workloads.sampling.study.guard import attempt
from levinthal.workloads.sampling.study.outcome import ENTROPY, Outcome
from levinthal.workloads.sampling.study.reference import Reference
from levinthal.workloads.sampling.study.result import Divergences, StudyResult

_CURVE_POINTS = 100
_NO_FIGURE = "no campaign has such a figure"
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

    side: Sequence[Outcome]

    def median(
        self,
        name: str,
        of: Callable[[Outcome], float],
        unit: str,
        better: Better,
        kind: Kind = "quality",
        *,
        reason: str = _NO_FIGURE,
        **labels: Label,
    ) -> None:
        values, why = self._of_each(of)
        finite = [value for value in values if np.isfinite(value)]
        median = float(np.median(finite)) if finite else None
        more = {"policy": self.name, **labels}
        self.run.metric(name, median, unit=unit, better=better, kind=kind, reason=why or reason, labels=more)

    def samples(self, name: str, of: Callable[[Outcome], float], unit: str, **labels: Label) -> None:
        self.run.samples(name, self._of_each(of)[0], unit=unit, labels={"policy": self.name, **labels})

    def _of_each(self, of: Callable[[Outcome], float]) -> tuple[list[float], str]:
        """Return a figure of each campaign, NaN where it cannot be made, and the last reason why."""
        values, why = [], ""
        for outcome in self.side:
            value, failed = attempt(partial(of, outcome))
            values.append(np.nan if value is None else value)
            why = failed or why
        return values, why


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
    run.study(study.plan)
    report_ratios(run, comparisons, study.baseline, study.controls)
    _report_found(run, study, divergence)
    _report_costs(run, study, spread=spread)
    report_comparisons(run, comparisons, study.controls)
    _report_failures(run, study)
    _report_reference(run, study.reference)
    for policy, declared in study.declared.items():
        if declared.wants_target:
            run.note(f"The policy {policy} is given the target: do not compare it with policies that are not.")


def _report_reference(run: Run, reference: Reference | None) -> None:
    """Record on how much a simulated reference rests."""
    model = None if reference is None else reference.model
    if reference is None or model is None:
        return
    halves = reference.halves_nats
    run.metric("round trips of the reference", model.n_round_trips, unit="1", better="higher", kind="quality")
    run.metric("divergence of the reference's halves", halves, unit="nat", better="lower", kind="quality")
    run.note(
        f"The reference comes from a reversible Markov model of {model.n_coarse} coarse states at a lag of "
        f"{model.chosen.lag_frames} frames (Chapman-Kolmogorov {model.chosen.chapman_kolmogorov:.2g}), with "
        f"{model.n_round_trips:g} round trips; {100 * model.share_of_transitions_outside:.2g} % of the transitions lie "
        f"outside it. It is known to about {halves / 4:.2g} nats: a smaller divergence says nothing."
    )


def _report_failures(run: Run, study: StudyResult) -> None:
    """Say first which campaigns are missing: pairs with them are left out."""
    for policy in study.declared:
        failed = [each for each in study.failures if each.policy == policy]
        if failed:
            which = ", ".join(str(each.replica) for each in failed)
            run.warn(
                f"{len(failed)} of {study.n_replicas} campaigns of {policy} failed (replica {which}) and are in no "
                f"figure: {failed[0].reason}; `levinthal resume` tries them again."
            )


def _report_found(run: Run, study: StudyResult, divergence: Divergences) -> None:
    """Record what each policy found, at the budget of core-seconds."""
    budget, reference = study.budgets["core-seconds"], study.reference
    grid = np.linspace(0.0, budget, _CURVE_POINTS)
    for name, side in study.outcomes.items():
        policy = _Policy(run, name, side)
        curves = [coverage_curve(outcome, "core-seconds", grid) for outcome in side]
        run.curve("cells seen", grid, np.mean(curves, axis=0), x_name="core-seconds of a campaign",
                  x_unit="core-second", unit="cell", labels={"policy": name})  # fmt: skip
        policy.median("cells seen", lambda each: coverage_at(each, "core-seconds", budget), "1", "higher")
        if reference is not None:
            policy.median("stationary mass covered", partial(_mass_covered, reference.populations), "1", "higher")
        if study.system.observables.event:
            _report_event(policy, budget)
        if divergence:
            for k, weighting in enumerate(("none", "Markov state model")):
                of = partial(_divergence, divergence[name], k)
                policy.median("divergence", of, "nat", "lower", weighting=weighting)
        why = next((each.withheld[ENTROPY] for each in side if ENTROPY in each.withheld), "")
        for estimate, value in (("Schlitter", "schlitter"), ("quasi-harmonic", "quasi_harmonic")):
            policy.median(ENTROPY, attrgetter(value), "J/mol/K", "higher", reason=why or _NO_FIGURE, estimate=estimate)


def _divergence(known: Mapping[int, tuple[float, float]], which: int, outcome: Outcome) -> float:
    return known[outcome.replica][which]


def _mass_covered(stationary: Doubles, outcome: Outcome) -> float:
    return float(stationary[np.unique(outcome.cell)].sum())


def _recurrence_steps(outcome: Outcome) -> float:
    marks = [outcome.arrived[frames] for frames in unbroken_runs(outcome)]
    return mean_recurrence(marks, outcome.frame_interval).value


def _report_event(policy: _Policy, budget: float) -> None:
    policy.samples("spent before the event", lambda each: first_arrival(each, "core-seconds"), "core-second")
    met = [first_arrival(each, "core-seconds") <= budget for each in policy.side]
    policy.run.metric("campaigns that met the event", float(np.mean(met)), unit="1", better="higher", kind="quality",
                      labels={"policy": policy.name})  # fmt: skip
    policy.median("recurrence of the event", _recurrence_steps, "step", "lower", reason="it came back in no simulation")


def _report_costs(run: Run, study: StudyResult, *, spread: bool) -> None:
    """Record where the core-seconds of each policy went, and how promptly it acted on how old a model."""
    for name, side in study.outcomes.items():
        policy = _Policy(run, name, side)
        policy.median("simulation rate", lambda each: each.n_steps / each.spending.total, "step/core-second", "higher",
                      "speed")  # fmt: skip
        policy.median("share of the core-seconds", lambda each: each.spending.simulate / each.spending.total, "1",
                      "higher", "speed", share="simulate")  # fmt: skip
        for share in _SHARES:
            policy.samples("core-seconds spent", attrgetter(f"spending.{share}"), "core-second", share=share)
        if spread:
            for clock, busy in (("wall", "busy_share"), ("processor", "busy_cpu_share")):
                policy.median("simulation cores busy", attrgetter(f"spending.{busy}"), "1", "higher", "speed",
                              clock=clock)  # fmt: skip
            policy.median("queue time", lambda each: 1e3 * each.spending.queue_s, "ms", "lower", "speed")
        if not any(outcome.n_restarts for outcome in side):
            continue
        policy.samples("restarts", attrgetter("n_restarts"), "1")
        policy.median("cull latency", lambda each: 1e3 * each.spending.cull_latency_s, "ms", "lower", "speed")
        if any(outcome.n_models for outcome in side):
            policy.samples("models", attrgetter("n_models"), "1")
            unseen = attrgetter("spending.frames_unseen_by_model")
            policy.median("frames that the model had not seen", unseen, "frame", "lower", "speed")
    every = [outcome for side in study.outcomes.values() for outcome in side]
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
                each.name,
                None if each.ratio is None else each.ratio.value,
                unit="1",
                better="higher",
                reason=each.reason,
                labels={"policy": each.candidate, "baseline": each.baseline, "cost": each.unit},
            )


def report_comparisons(run: Run, comparisons: Sequence[PolicyComparison], controls: Collection[str]) -> None:
    """Record every ratio, and say in words what must not be overlooked."""
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
