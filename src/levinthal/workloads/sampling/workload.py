"""The workload `sampling`: simulations that a model looks at while they run, and that restart where it says.

It reads from top to bottom: the system and its observables, the metrics checked on an exact chain, reference
populations, the campaigns of every policy, what they are worth against each other, pictures and structures.
"""

from __future__ import annotations

import math
import time
from collections.abc import Sequence
from concurrent.futures import wait
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import numpy.typing as npt

from levinthal.harness import Run, Settings
from levinthal.metrics.process import process_tree_usage
from levinthal.workloads.sampling.policies.registry import make_policy, policy_names
from levinthal.workloads.sampling.reporting.artifacts import present
from levinthal.workloads.sampling.reporting.metrics import (
    tell_comparisons,
    tell_costs,
    tell_directed,
    tell_policies,
    tell_ratios,
    tell_timeline,
)
from levinthal.workloads.sampling.settings import SamplingSettings
from levinthal.workloads.sampling.study.campaigns import (
    CampaignTask,
    campaign_tasks,
    over_workers,
    run_on_cores,
    seeds_of,
)
from levinthal.workloads.sampling.study.evaluation import (
    Cost,
    PolicyComparison,
    common_budget,
    compare_policies,
    divergences,
)
from levinthal.workloads.sampling.study.outcome import Outcome
from levinthal.workloads.sampling.systems.named import System, make_system

__all__ = ["SamplingWorkload"]

_KINETIC_TOLERANCE = 0.05
_EXACT_MISSES = 1
_RANDOM = "random"


@dataclass(frozen=True, eq=False)
class Study:
    """All campaigns of a repeat and what they were held against.

    Attributes
    ----------
    system : System
        What was sampled.
    outcomes : dict of str to list of Outcome
        By policy, replicas in order.
    budgets : dict of str to float
        What each campaign had, by cost.
    reference : ndarray, shape (n_cells,), or None
        Populations to compare with.
    """

    system: System
    outcomes: dict[str, list[Outcome]]
    budgets: dict[Cost, float]
    reference: npt.NDArray[np.float64] | None


class SamplingWorkload:
    """Adaptive sampling steered by a model: restart policies against plain simulation at equal cost."""

    name: ClassVar[str] = "sampling"
    version: ClassVar[int] = 1
    Settings: ClassVar[type[Settings]] = SamplingSettings

    def run(self, run: Run, settings: SamplingSettings) -> None:
        """Sample by every policy, compare, and show what was found."""
        _check_policies(settings)
        with run.phase("prepare"):
            system = make_system(settings, _platform(run, settings), run.folder)
            tasks = _tasks(run, settings, system)
            if system.molecule is not None:
                wait([run.executor.submit(_import_engine) for _ in range(run.n_workers)])
        for note in system.notes:
            run.note(note)
        run.dataset(system.name, version=system.version, sha256=system.dynamics.sha256, synthetic=system.synthetic)
        if settings.exact_replicas:
            _check_metrics(run, settings)
        reference = _reference(run, settings, system)
        outcomes = _sample(run, settings, tasks)
        with run.phase("measure"):
            study = _study(settings, system, outcomes, reference)
            comparisons = _measure(run, settings, study)
        with run.phase("present"):
            present(run, settings, study.system, study.outcomes, study.budgets, comparisons)
        run.metric("peak memory", process_tree_usage().peak_rss_bytes / 1e6, unit="MB", better="lower")


def _check_policies(settings: SamplingSettings) -> None:
    known = policy_names()
    for policy in settings.chosen_policies:
        if policy not in known:
            make_policy(policy)  # says what there is


def _platform(run: Run, settings: SamplingSettings) -> str:
    if settings.platform != "auto" or run.device == "cpu":
        return settings.platform
    return f"auto:{run.device}"


def _import_engine() -> None:
    """Load OpenMM in a worker, so that no campaign waits for it."""
    import levinthal.workloads.sampling.systems.particles  # noqa: F401


def _check_metrics(run: Run, settings: SamplingSettings) -> None:
    """Hold the metrics against a chain whose answers are known."""
    from levinthal.workloads.sampling.study.exact_tier import check_metrics

    with run.phase("verify", items=settings.exact_replicas):
        checks = check_metrics(max(settings.exact_replicas, 3), run.seed_for("exact chain", bits=31))
    for check in checks:
        found = (check.estimate.value, check.estimate.low, check.estimate.high)
        run.samples(
            f"exact chain, estimate and limits / known value/{check.name}", np.array(found) / check.truth, unit="1"
        )
    missed = sum(not check.held for check in checks)
    run.gate("exact chain: intervals (99.9 %) that miss the known value", float(missed), at_most=_EXACT_MISSES)


def _reference(run: Run, settings: SamplingSettings, system: System) -> npt.NDArray[np.float64] | None:
    if system.stationary is not None or not settings.reference_steps:
        return system.stationary
    from levinthal.workloads.sampling.study.reference import WALKS, reference_populations

    with run.phase("reference", items=settings.reference_steps, total=WALKS) as phase:
        return reference_populations(
            system,
            n_steps=settings.reference_steps,
            frame_interval=settings.frame_interval,
            lag=settings.lag,
            seed=run.seed_for("reference", bits=31),
            executor=run.executor,
            file=run.kept / "reference.npy",
            on_walk=phase.advance,
        )


def _on_cores(settings: SamplingSettings) -> bool:
    """Tell whether each campaign has one core to itself."""
    several = len(settings.chosen_policies) * settings.replicas > 1
    return settings.spread == "core" or settings.deterministic or (settings.spread == "auto" and several)


def _tasks(run: Run, settings: SamplingSettings, system: System) -> list[CampaignTask]:
    on_cores = _on_cores(settings)
    return campaign_tasks(
        settings,
        system,
        run.kept / "campaigns",
        seeds_of(run.seed_for, settings.replicas),
        1 if on_cores else run.n_workers,
        "cpu" if on_cores else run.device,
    )


def _sample(run: Run, settings: SamplingSettings, tasks: Sequence[CampaignTask]) -> list[Outcome]:
    """Do all campaigns; those that a killed repeat finished are taken as they are, one cut off goes on."""
    clock_offset_s = time.time() - time.perf_counter()
    lanes: dict[str, str] = {}
    with run.phase("sample", total=len(tasks)) as phase:
        steps = 0

        def done(outcome: Outcome) -> None:
            nonlocal steps
            steps += outcome.n_steps
            phase.items = steps
            phase.advance()
            tell_timeline(run, outcome, lanes, clock_offset_s)

        if _on_cores(settings):
            return run_on_cores(tasks, run.executor, run.new_executor, done)
        return over_workers(tasks, run.new_executor, run.new_training_executor, done)


def _study(
    settings: SamplingSettings,
    system: System,
    outcomes: Sequence[Outcome],
    reference: npt.NDArray[np.float64] | None,
) -> Study:
    by_policy: dict[str, list[Outcome]] = {policy: [] for policy in settings.chosen_policies}
    for outcome in outcomes:
        by_policy[outcome.policy].append(outcome)
    budgets: dict[Cost, float] = {
        "core-seconds": common_budget(outcomes, "core-seconds", settings.core_seconds),
        "steps": common_budget(outcomes, "steps", settings.steps if not settings.core_seconds else 0.0),
    }
    return Study(system, by_policy, budgets, reference)


def _measure(run: Run, settings: SamplingSettings, study: Study) -> list[PolicyComparison]:
    outcomes, system, baseline = study.outcomes, study.system, settings.baseline
    every = [outcome for side in outcomes.values() for outcome in side]
    kinetic = [abs(outcome.kinetic_ratio - 1.0) for outcome in every if math.isfinite(outcome.kinetic_ratio)]
    if kinetic:
        run.gate(
            "kinetic temperature off the one asked for, share", float(np.mean(kinetic)), at_most=_KINETIC_TOLERANCE
        )
    run.gate("campaigns without a frame", float(sum(not outcome.n_frames for outcome in every)), at_most=0.0)
    found: list[PolicyComparison] = []
    of_reference: dict[str, list[tuple[float, float]]] = {}
    for cost, budget in study.budgets.items():
        reweighted = None
        if study.reference is not None:
            pairs = {
                policy: [divergences(outcome, study.reference, settings.lag, cost, budget) for outcome in side]
                for policy, side in outcomes.items()
            }
            reweighted = {policy: [pair[1] for pair in side] for policy, side in pairs.items()}
            of_reference = of_reference or pairs
        for candidate in outcomes:
            for other in dict.fromkeys((baseline, _RANDOM)):
                if candidate in (baseline, other) or other not in outcomes:
                    continue
                found += compare_policies(
                    outcomes,
                    candidate,
                    other,
                    cost,
                    budget,
                    event=system.observables.event,
                    reweighted=reweighted,
                    seed=run.seed_for("bootstrap", bits=31),
                )
    tell_ratios(run, found, baseline)
    tell_policies(run, system, outcomes, study.budgets["core-seconds"], of_reference)
    tell_costs(run, outcomes, spread=not _on_cores(settings))
    tell_comparisons(run, found)
    tell_directed(run, list(outcomes))
    return found
