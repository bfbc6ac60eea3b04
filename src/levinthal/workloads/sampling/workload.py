"""The workload `sampling`: simulations that a model looks at while they run, and that restart where it says.

It reads from top to bottom: the system and its observables, the metrics checked on an exact chain, reference
populations, the campaigns of every policy, what they are worth against each other, pictures and structures.
"""

from __future__ import annotations

import math
import time
from collections.abc import Sequence
from concurrent.futures import wait
from typing import ClassVar

import numpy as np

from levinthal.harness import Run, Settings
from levinthal.harness.contract.workload import MainFigure
from levinthal.workloads.implementation import use_implementation
from levinthal.workloads.sampling.reporting.artifacts import present
from levinthal.workloads.sampling.reporting.metrics import report_study, report_timeline
from levinthal.workloads.sampling.reporting.progress import shown_progress
from levinthal.workloads.sampling.settings import SamplingSettings
from levinthal.workloads.sampling.study.answer import answer_of
from levinthal.workloads.sampling.study.campaigns import CampaignFailure, over_workers, run_on_cores
from levinthal.workloads.sampling.study.comparison import PolicyComparison, compare_all
from levinthal.workloads.sampling.study.estimate import report_estimate
from levinthal.workloads.sampling.study.evaluation import coverage_at
from levinthal.workloads.sampling.study.given import given_reference
from levinthal.workloads.sampling.study.guard import attempt
from levinthal.workloads.sampling.study.outcome import Outcome
from levinthal.workloads.sampling.study.possible import shares_of
from levinthal.workloads.sampling.study.reference import WALKS, Reference, exact_reference, simulated_reference
from levinthal.workloads.sampling.study.result import StudyResult, study_result
from levinthal.workloads.sampling.study.settings import ComparisonSettings
from levinthal.workloads.sampling.study.tasks import CampaignTask, campaign_tasks, declared_policies, seeds_of
from levinthal.workloads.sampling.systems.settings import SYSTEMS
from levinthal.workloads.sampling.systems.system import System, make_system
from levinthal.workloads.training.reporting import report_peak_memory

_KINETIC_TOLERANCE = 0.05
_EXACT_MISSES = 1


class SamplingWorkload:
    """Adaptive sampling steered by a model: restart policies against plain simulation at equal cost."""

    name: ClassVar[str] = "sampling"
    version: ClassVar[int] = 2
    Settings: ClassVar[type[Settings]] = SamplingSettings
    main_figures: ClassVar[tuple[MainFigure, ...]] = (
        "share of the possible",
        "cells seen",
        "campaigns that met the event",
        "divergence",
    )

    def run(self, run: Run, settings: SamplingSettings) -> None:
        """Sample by every policy, compare, and show what was found."""
        use_implementation(run, settings)
        sampled, campaign, comparison = settings.split()
        policies = comparison.chosen_policies
        on_cores = campaign.on_cores(len(policies) * comparison.replicas)
        with run.phase("prepare", doing="building the system, starting workers"):
            system = make_system(sampled, _platform(run, sampled.platform), run.folder)
            how = (run.kept / "campaigns", seeds_of(run.seed_for, comparison.replicas))
            n_workers, device = (1, "cpu") if on_cores else (run.n_workers, run.device)
            campaign_tasks(campaign, policies, system, *how, n_workers, device)  # mistakes are told before all else
            if system.molecule is not None:
                wait([run.executor.submit(_import_engine) for _ in range(run.n_workers)])
        for warning in system.warnings:
            run.warn(warning)
        for note in system.notes:
            run.note(note)
        run.dataset(system.name, version=system.version, sha256=system.dynamics.sha256, synthetic=system.synthetic)
        if comparison.exact_replicas:
            _check_metrics(run, comparison.exact_replicas)
        reference = _reference(run, comparison, system, campaign.frame_interval)
        answer = answer_of(system, reference)
        tasks = campaign_tasks(campaign, policies, system, *how, n_workers, device, answer)
        priced = len(policies) > 1 and not campaign.deterministic
        price_s = _price_s(run, comparison, system) if priced else None
        if sampled.system not in SYSTEMS.names():
            report_estimate(run, system, tasks, on_cores=on_cores, real_time=not system.reduced_units)
        outcomes = _sample(run, tasks, on_cores=on_cores)
        with run.phase("measure", doing="what the policies found, and bootstrap intervals"):
            declared = declared_policies(tasks)
            study = study_result(system, outcomes, declared, reference, campaign, comparison, price_s)
            comparisons = _measure(run, study, spread=not on_cores)
        with run.phase("present", doing="pictures and structures"):
            present(run, study, comparisons, campaign, comparison.best_structures)
        report_peak_memory(run)


def _platform(run: Run, platform: str) -> str:
    return platform if platform != "auto" or run.device == "cpu" else f"auto:{run.device}"


def _import_engine() -> None:
    """Load OpenMM in a worker, so that no campaign waits for it."""
    import levinthal.workloads.sampling.systems.particles  # noqa: F401


def _check_metrics(run: Run, n_replicas: int) -> None:
    """Hold the metrics against a chain whose answers are known."""
    from levinthal.workloads.sampling.study.exact_tier import CONFIDENCE, check_metrics

    with run.phase("verify", items=n_replicas, doing="the metrics on a chain whose answers are known"):
        seed = run.seed_for("exact chain", bits=31)
        checks, why = attempt(lambda: check_metrics(max(n_replicas, 3), seed))
    if why:
        run.warn(f"The metrics could not be checked on the exact chain: {why}.")
    for check in checks or ():
        found = np.array([check.estimate.value, check.estimate.low, check.estimate.high])
        run.samples("estimate and limits / known value", found / check.truth, unit="1", labels={"metric": check.name})
    missed = None if checks is None else float(sum(not check.held for check in checks))
    run.gate(
        "intervals that miss the known value",
        missed,
        at_most=_EXACT_MISSES,
        labels={"system": "exact chain", "confidence": CONFIDENCE},
    )


def _reference(run: Run, settings: ComparisonSettings, system: System, frame_interval: int) -> Reference | None:
    """Return what sampling is held against; one that does not hold is refused before a campaign is begun."""
    exact, n_steps = exact_reference(system), settings.reference_steps
    if settings.reference and exact is not None:
        run.warn(f"reference is left out: what {system.name} is held against is known exactly.")
    elif settings.reference:
        with run.phase("reference", doing="reading trajectories for populations to compare with"):
            given, notes = given_reference(system, settings.reference, settings.reference_topology)
        for note in notes:
            run.note(note)
        return given
    if exact is not None or not n_steps:
        return exact
    doing = "plain simulation for populations to compare with"
    with run.phase("reference", items=n_steps, total=WALKS, doing=doing) as phase:
        return simulated_reference(system, n_steps, frame_interval, run.executor, phase.advance)


def _price_s(run: Run, settings: ComparisonSettings, system: System) -> float | None:
    """Return what an all-atom step costs here; nothing where that is what is simulated."""
    if system.molecule is not None and not system.reduced_units:
        return None
    if settings.all_atom_step_ms:
        return 1e-3 * settings.all_atom_step_ms
    from levinthal.workloads.sampling.study.price import all_atom_step_s

    with run.phase("price", doing="an all-atom step on this machine"):
        price_s, why = attempt(lambda: run.executor.submit(all_atom_step_s).result())
    if price_s is None:
        run.warn(f"Steps could not be priced as all-atom ones, and are compared by their own cost alone: {why}.")
        return None
    run.metric("all-atom step", 1e3 * price_s, unit="core-ms", better="lower", labels={"system": "Fs peptide"})
    return price_s


def _sample(run: Run, tasks: Sequence[CampaignTask], *, on_cores: bool) -> list[Outcome | CampaignFailure]:
    """Do all campaigns; those that a killed repeat finished are taken as they are, one cut off goes on."""
    clock_offset_s = time.time() - time.perf_counter()
    lanes: dict[str, str] = {}
    with run.phase("sample", items=0) as phase, shown_progress(phase, tasks):

        def done(found: Outcome | CampaignFailure) -> None:
            if isinstance(found, Outcome):
                phase.items = (phase.items or 0) + found.n_steps
                attempt(lambda: report_timeline(run, found, lanes, clock_offset_s))

        if on_cores:
            return run_on_cores(tasks, run.executor, run.new_executor, done)
        return over_workers(tasks, run.new_executor, run.new_training_executor, done)


def _measure(run: Run, study: StudyResult, *, spread: bool) -> list[PolicyComparison]:
    every = [outcome for side in study.outcomes.values() for outcome in side]
    kinetic = [abs(outcome.kinetic_ratio - 1.0) for outcome in every if math.isfinite(outcome.kinetic_ratio)]
    if kinetic:
        run.gate(
            "deviation of the kinetic temperature",
            float(np.mean(kinetic)),
            at_most=_KINETIC_TOLERANCE,
            advice="simulate longer: more steps; or begin from a structure that is minimised",
        )
    empty = sum(not coverage_at(outcome, study.cost, study.budgets[study.cost]) for outcome in every)
    advice = "raise core_seconds or steps, or lower chunk_steps"
    run.gate("campaigns without a frame", float(empty), at_most=0.0, advice=advice)
    if study.system.molecule is not None:
        broken = float(sum(outcome.n_broken for outcome in every))
        advice = "begin from another structure, or lower temperature"
        run.gate("frames in which bonded residues are apart", broken, at_most=0.0, kind="sanity", advice=advice)
    divergence = {cost: study.divergences(cost) for cost in study.budgets}
    seed = run.seed_for("bootstrap", bits=31)
    comparisons, why = attempt(lambda: compare_all(study, divergence, seed))
    shares, _ = attempt(lambda: shares_of(study, divergence, seed))
    if comparisons is None:
        run.warn(f"the comparisons of policies: missing, all else stands; {why}.")
    report_study(run, study, comparisons or [], shares or [], divergence[study.cost], spread=spread)
    return comparisons or []
