"""What a study reports: figures of every policy, ratios with their verdicts, the timeline, and plain words."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from operator import attrgetter

import numpy as np

from levinthal.harness import Run
from levinthal.harness.results.labels import Label
from levinthal.harness.results.result import Better, Kind
from levinthal.workloads.sampling.reporting.findings import findings
from levinthal.workloads.sampling.reporting.headline import report_headline
from levinthal.workloads.sampling.reporting.rates import report_rates
from levinthal.workloads.sampling.reporting.verdicts import (
    report_comparisons,
    report_controls,
    report_ratios,
    report_shares,
)
from levinthal.workloads.sampling.study.comparison import RECURRENCE_ERROR, RMSD, PolicyComparison
from levinthal.workloads.sampling.study.evaluation import (
    Cost,
    coverage_at,
    coverage_curve,
    first_arrival,
    mass_at,
    nearest_nm,
    recurrence_error,
    recurrence_steps,
)
from levinthal.workloads.sampling.study.guard import attempt, attempt_all
from levinthal.workloads.sampling.study.outcome import ENTROPY, Outcome
from levinthal.workloads.sampling.study.possible import PolicyShare
from levinthal.workloads.sampling.study.reference import ExchangeModel, Reference
from levinthal.workloads.sampling.study.result import Divergences, StudyResult
from levinthal.workloads.sampling.study.weighing import weighing_of

_CURVE_POINTS = 100
_RMSD_QUANTILES = {"lowest": 0.0, "lowest tenth": 0.1, "median": 0.5}
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
    run: Run,
    study: StudyResult,
    comparisons: Sequence[PolicyComparison],
    shares: Sequence[PolicyShare],
    divergence: Divergences,
    *,
    spread: bool,
) -> None:
    """Record what a study found, in figures and in words; a part that fails is named and costs no other.

    Parameters
    ----------
    run : Run
        Where it is reported.
    study : StudyResult
        All campaigns.
    comparisons : sequence of PolicyComparison
        Of its policies.
    shares : sequence of PolicyShare
        What each reaches of the possible; empty where no ceiling takes part.
    divergence : mapping of str to sequence of (float, float)
        To the reference at equal cost, as frames come and reweighted; empty where there is none.
    spread : bool
        Whether each campaign had all workers, which then may have idled, and chunks waited for them.
    """
    headline = [each for each in comparisons if each.cost == study.cost]
    _report_failures(run, study)
    parts: dict[str, Callable[[], object]] = {
        "the reference": lambda: _report_reference(run, study.reference),
        "the shares of the possible": lambda: report_shares(run, shares, study.baseline, study.cost),
        "the ratios": lambda: report_ratios(run, headline, study.baseline, study.controls),
    }
    for name in study.outcomes:
        parts[f"figures of {name}"] = partial(_report_found, run, study, name, divergence.get(name))
        parts[f"costs of {name}"] = partial(_report_costs, run, name, study.outcomes[name], spread=spread)
    parts["the rates"] = lambda: report_rates(run, study)
    parts["the comparisons"] = lambda: report_comparisons(run, comparisons, study.controls)
    parts["what controls are worth"] = lambda: report_controls(run, headline, study.controls)
    parts["what was found"] = lambda: _report_findings(run, study, shares, comparisons)
    attempt_all(run, parts)
    every = [outcome for side in study.outcomes.values() for outcome in side]
    failed = sum(outcome.n_failures for outcome in every)
    if failed:
        given_up = sum(outcome.n_quarantined for outcome in every)
        run.note(
            f"{failed} chunks failed and were made again; {given_up} states were given up and their walkers went on."
        )
    for policy, declared in study.declared.items():
        if declared.wants_target or declared.wants_answer:
            given = "target" if declared.wants_target else "answer"
            run.note(f"The policy {policy} is given the {given}: do not compare it with policies that are not.")


def _report_reference(run: Run, reference: Reference | None) -> None:
    """Record on how much a simulated reference rests."""
    model = None if reference is None else reference.model or reference.exchange
    if reference is None or model is None:
        return
    halves = reference.halves_nats
    run.metric("round trips of the reference", model.n_round_trips, unit="1", better="higher", kind="quality")
    run.metric("divergence of the reference's halves", halves, unit="nat", better="lower", kind="quality")
    if isinstance(model, ExchangeModel):
        run.note(
            f"The reference comes from replica exchange at {', '.join(f'{each:g}' for each in model.factors)} times "
            f"the temperature: {model.n_round_trips} round trips between the lowest and the highest, at least "
            f"{100 * model.least_accepted:.2g} % of the exchanges of neighbours accepted. It is known to about "
            f"{halves / 4:.2g} nats: a smaller divergence says nothing."
        )
        return
    run.note(
        f"The reference comes from a reversible Markov model of {model.n_coarse} coarse states at a lag of "
        f"{model.chosen.lag_frames} frames (Chapman-Kolmogorov {model.chosen.chapman_kolmogorov:.2g}), with "
        f"{model.n_round_trips:g} round trips; {100 * model.share_of_transitions_outside:.2g} % of the transitions lie "
        f"outside it. It is known to about {halves / 4:.2g} nats: a smaller divergence says nothing."
    )


def _report_findings(
    run: Run, study: StudyResult, shares: Sequence[PolicyShare], comparisons: Sequence[PolicyComparison]
) -> None:
    headline, why = attempt(lambda: report_headline(run, study, shares, comparisons))
    if why:
        run.warn(f"the headline: missing, all else stands; {why}.")
    for sentence in findings(study, headline or ""):
        run.finding(sentence)


def _report_failures(run: Run, study: StudyResult) -> None:
    """Say first which campaigns are missing: pairs with them are left out."""
    for policy in study.entries:
        failed = [each for each in study.failures if each.policy == policy]
        if failed:
            which = ", ".join(str(each.replica) for each in failed)
            run.warn(
                f"{len(failed)} of {study.n_replicas} campaigns of {policy} failed (replica {which}) and are in no "
                f"figure: {failed[0].reason}; `levinthal resume` tries them again."
            )


def _report_found(run: Run, study: StudyResult, name: str, known: Mapping[int, tuple[float, float]] | None) -> None:
    """Record what a policy found, at equal cost."""
    side, cost, reference = study.outcomes[name], study.cost, study.reference
    budget = study.budgets[cost]
    policy, grid = _Policy(run, name, side), np.linspace(0.0, budget, _CURVE_POINTS)
    curves = [coverage_curve(outcome, cost, grid) for outcome in side]
    run.curve("cells seen", grid, np.mean(curves, axis=0), x_name=f"{cost} of a campaign",
              x_unit=cost.removesuffix("s"), unit="cell", labels={"policy": name})  # fmt: skip
    policy.median("cells seen", lambda each: coverage_at(each, cost, budget), "1", "higher")
    if reference is not None:
        of = partial(mass_at, cost=cost, budget=budget, populations=reference.populations)
        policy.median("stationary mass covered", of, "1", "higher")
    if study.system.observables.event:
        _report_event(policy, cost, budget, reference)
    axis = getattr(study.system.observables, "rmsd_axis", None)
    if axis is not None:
        _report_rmsd(policy, cost, budget, axis)
    if known is not None:
        for k, weighting in enumerate(("none", weighing_of(side[0]))):
            of = partial(_divergence, known, k)
            policy.median("divergence", of, "nat", "lower", weighting=weighting)
    why = next((each.withheld[ENTROPY] for each in side if ENTROPY in each.withheld), "")
    for estimate, value in (("Schlitter", "schlitter"), ("quasi-harmonic", "quasi_harmonic")):
        policy.median(ENTROPY, attrgetter(value), "J/mol/K", "higher", reason=why or _NO_FIGURE, estimate=estimate)


def _divergence(known: Mapping[int, tuple[float, float]], which: int, outcome: Outcome) -> float:
    return known[outcome.replica][which]


def _report_event(policy: _Policy, cost: Cost, budget: float, reference: Reference | None) -> None:
    policy.samples("spent before the event", lambda each: first_arrival(each, cost), cost.removesuffix("s"))
    met = [first_arrival(each, cost) <= budget for each in policy.side]
    policy.run.metric("campaigns that met the event", float(np.mean(met)), unit="1", better="higher", kind="quality",
                      labels={"policy": policy.name})  # fmt: skip
    # a property of the system: which way it goes is not better; how well it is known is
    policy.samples("recurrence of the event", recurrence_steps, "step")
    why, known = "the event's population is not known: set reference_steps", reference
    if known is not None and known.event_population > 0.0:
        of, why = partial(recurrence_error, event_population=known.event_population), "it came back in no simulation"
    else:
        of = partial(recurrence_error, event_population=np.nan)
    policy.median(RECURRENCE_ERROR, of, "1", "lower", reason=why)


def _report_rmsd(policy: _Policy, cost: Cost, budget: float, axis: int) -> None:
    """Record how near to the native structure each policy came, and how its frames are spread."""
    for statistic, quantile in _RMSD_QUANTILES.items():
        of = partial(nearest_nm, cost=cost, budget=budget, axis=axis, quantile=quantile)
        policy.median(RMSD, of, "nm", "lower", statistic=statistic)
    every = np.sort(np.concatenate([each.values[:, axis] for each in policy.side]).astype(np.float64))
    if not len(every):
        return
    grid = np.linspace(0.0, float(every[-1]), _CURVE_POINTS)
    policy.run.curve("frames that are nearer", grid, np.searchsorted(every, grid, side="right") / len(every),
                     x_name=RMSD, x_unit="nm", unit="1", labels={"policy": policy.name})  # fmt: skip


def _report_costs(run: Run, name: str, side: Sequence[Outcome], *, spread: bool) -> None:
    """Record where the core-seconds of a policy went, and how promptly it acted on how old a model."""
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
        return
    policy.samples("restarts", attrgetter("n_restarts"), "1")
    policy.median("cull latency", lambda each: 1e3 * each.spending.cull_latency_s, "ms", "lower", "speed")
    if any(outcome.n_models for outcome in side):
        policy.samples("models", attrgetter("n_models"), "1")
        unseen = attrgetter("spending.frames_unseen_by_model")
        policy.median("frames that the model had not seen", unseen, "frame", "lower", "speed")
