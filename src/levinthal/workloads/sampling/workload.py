"""The workload `sampling`: simulations that a model looks at while they run, and that restart where it says.

It reads from top to bottom: the systems and their observables, the metrics checked on an exact chain, reference
populations, the campaigns of every policy on every system, what these are worth, pictures and structures.
"""

from __future__ import annotations

import hashlib
import math
import time
from collections.abc import Mapping, Sequence
from concurrent.futures import wait
from dataclasses import replace
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt

from levinthal.arrays import Singles
from levinthal.errors import DataError, SimulationError
from levinthal.harness import Run, Settings
from levinthal.harness.contract.workload import FigureOfMerit, MainFigure
from levinthal.harness.results.store import load_result
from levinthal.kernels.choice import choose
from levinthal.simulation.dynamics.payloads import PAYLOADS, bytes_of_frame, chain_frames, from_bytes, to_bytes
from levinthal.workloads.implementation import use_implementation
from levinthal.workloads.sampling.record.times import PLANNED_SETTINGS, fullest_record, measured_times
from levinthal.workloads.sampling.reporting.artifacts import present
from levinthal.workloads.sampling.reporting.headline import DECLARED_GAIN, DECLARED_SHARE
from levinthal.workloads.sampling.reporting.metrics import report_study, report_timeline
from levinthal.workloads.sampling.reporting.opening import SystemStanding, report_opening, standing_of
from levinthal.workloads.sampling.reporting.progress import shown_progress
from levinthal.workloads.sampling.settings import Member, SamplingSettings
from levinthal.workloads.sampling.study.answer import answer_of
from levinthal.workloads.sampling.study.campaigns import CampaignFailure, over_workers, run_on_cores
from levinthal.workloads.sampling.study.comparison import PolicyComparison, compare_all
from levinthal.workloads.sampling.study.estimate import report_estimate
from levinthal.workloads.sampling.study.exchange import LADDERS, exchanged_reference
from levinthal.workloads.sampling.study.given import given_reference
from levinthal.workloads.sampling.study.guard import attempt, attempt_all
from levinthal.workloads.sampling.study.outcome import Outcome
from levinthal.workloads.sampling.study.panel import (
    Found,
    PanelSystem,
    by_system,
    folder_of,
    in_turn,
    plan_of,
    those_that_hold,
)
from levinthal.workloads.sampling.study.possible import shares_of
from levinthal.workloads.sampling.study.reference import WALKS, Reference, exact_reference, simulated_reference
from levinthal.workloads.sampling.study.replica import WalkerShare
from levinthal.workloads.sampling.study.result import HEADLINE, StudyResult
from levinthal.workloads.sampling.study.settings import ComparisonSettings
from levinthal.workloads.sampling.study.tasks import CampaignTask, seeds_of
from levinthal.workloads.sampling.systems.settings import SYSTEMS
from levinthal.workloads.sampling.systems.system import System, kind_of, make_system
from levinthal.workloads.training.reporting import report_peak_memory

_KINETIC_TOLERANCE = 0.05
_EXACT_MISSES = 1


class SamplingWorkload:
    """Adaptive sampling steered by a model: restart policies against plain simulation at equal cost."""

    name: ClassVar[str] = "sampling"
    version: ClassVar[int] = 3
    Settings: ClassVar[type[Settings]] = SamplingSettings
    payloads: ClassVar[tuple[str, ...]] = PAYLOADS
    replica_item: ClassVar[str] = "step"
    figures_of_merit: ClassVar[tuple[FigureOfMerit, ...]] = (
        FigureOfMerit("simulation", "simulation rate", {"policy": "dbscan"}),
    )
    main_figures: ClassVar[tuple[MainFigure, ...]] = (
        DECLARED_SHARE,
        DECLARED_GAIN,
        HEADLINE,
        "campaigns that met the event",
        "divergence",
    )

    def run(self, run: Run, settings: SamplingSettings) -> None:
        """Sample every system by every policy, compare, and show what was found."""
        use_implementation(run, settings)
        members = settings.members()
        comparison, campaign = members[0].comparison, members[0].campaign
        n_campaigns = len(members) * len(comparison.chosen_policies) * comparison.replicas
        on_cores = campaign.on_cores(n_campaigns)
        with run.phase("prepare", doing="building what is sampled, starting workers"):
            systems = [_panel_system(run, each, on_cores, panel=len(members) > 1) for each in members]
            if any(each.system.molecule is not None for each in systems):
                wait([run.executor.submit(_import_engine) for _ in range(run.n_workers)])
        for each in systems:
            with each.labelled(run):
                for warning in each.system.warnings:
                    run.warn(warning)
                for note in each.system.notes:
                    run.note(note)
        _name_dataset(run, [each.system for each in systems])
        if comparison.exact_replicas:
            _check_metrics(run, comparison.exact_replicas)
        systems = those_that_hold(run, systems, lambda each: _with_reference(run, each))
        priced = len(comparison.chosen_policies) > 1 and not campaign.deterministic
        price_s = _price_s(run, comparison, systems) if priced else None
        tasks = in_turn(systems)
        for each in systems:
            if not each.is_built_in:
                real_time = not each.system.reduced_units
                report_estimate(run, each.system, each.tasks, on_cores=on_cores, real_time=real_time)
        found = _sample(run, tasks, on_cores=on_cores)
        run.study(plan_of(systems))
        standings = []
        for each, own in by_system(systems, tasks, found):
            with each.labelled(run):
                standings.append(_conclude(run, each, own, price_s, spread=not on_cores))
        stand = [each for each in standings if each is not None]
        attempt_all(run, {"where policies stand": lambda: report_opening(run, stand) if stand else None})
        report_peak_memory(run)

    def load_replica(self, run: Run, settings: SamplingSettings) -> WalkerShare:
        """Return a walker's share of a campaign on the last system of the panel; see `Replicates`."""
        choose(settings.implementation)
        member = settings.members()[-1]
        system = make_system(member.sampled, _platform(run, member.sampled.platform), run.folder)
        for warning in system.warnings:
            run.warn(warning)
        run.note(f"A replica is a walker's share of a campaign on {system.name}, without a policy.")
        _name_dataset(run, [system])
        return WalkerShare(system, member.campaign)

    def frames_to_send(self, n_frames: int, n_beads: int, seed: int) -> Singles:
        """Return coordinates as those that a worker brings back; see `Sends`."""
        return chain_frames(n_frames, n_beads, seed)

    def bytes_of_frame(self, payload: str, n_beads: int) -> int:
        """Return how many bytes a frame takes on its way."""
        return bytes_of_frame(payload, n_beads)

    def to_bytes(self, payload: str, frames: Singles) -> bytes:
        """Return coordinates in a form that travels."""
        return to_bytes(payload, frames)

    def from_bytes(self, payload: str, data: bytes | memoryview, n_beads: int) -> npt.NDArray[Any]:
        """Return what a learner keeps: bit-packed contact maps."""
        return from_bytes(payload, data, n_beads)

    def stage_times(self, folder: Path) -> Mapping[str, Any]:
        """Return how long each stage of the fullest campaign of a run took; see `Plans`."""
        settings = load_result(folder).settings
        asked = {key: settings[key] for key in PLANNED_SETTINGS if key in settings}
        return {**measured_times(fullest_record(folder)), **asked}


def _panel_system(run: Run, member: Member, on_cores: bool, *, panel: bool) -> PanelSystem:
    """Return a system with its campaigns as far as they are known: mistakes are told before all else."""
    system = make_system(member.sampled, _platform(run, member.sampled.platform), run.folder)
    folder = run.kept / "campaigns"
    return PanelSystem(
        name=member.name if panel else "",
        system=system,
        campaign=member.campaign,
        comparison=member.comparison,
        folder=folder / folder_of(member.name) if panel else folder,
        seeds=tuple(seeds_of(run.seed_for, member.comparison.replicas)),
        workers=(1, "cpu") if on_cores else (run.n_workers, run.device),
        is_built_in=member.name in SYSTEMS.names() or kind_of(member.name)[0].by_itself,
    ).with_tasks()


def _name_dataset(run: Run, systems: Sequence[System]) -> None:
    first, *others = systems
    name, version, sha256 = first.name, first.version, first.dynamics.sha256
    if others:
        name, version = "; ".join(each.name for each in systems), "panel"
        sha256 = hashlib.sha256("".join(each.dynamics.sha256 for each in systems).encode()).hexdigest()
    run.dataset(name, version=version, sha256=sha256, synthetic=all(each.synthetic for each in systems))


def _with_reference(run: Run, each: PanelSystem) -> PanelSystem:
    reference = _reference(run, each.comparison, each.system, each.campaign.frame_interval)
    return replace(each, reference=reference).with_tasks(answer_of(each.system, reference))


def _conclude(
    run: Run, each: PanelSystem, found: Sequence[Found], price_s: float | None, *, spread: bool
) -> SystemStanding | None:
    """Measure and show what came of a system's campaigns; return where policies stand, None where nothing was done."""
    try:
        study = each.result(found, price_s)
    except (DataError, SimulationError) as error:
        if not each.name:
            raise
        run.warn(f"no figures, the other systems stand; {error}.")
        return None
    with run.phase("measure", doing="what the policies found, and bootstrap intervals"):
        comparisons, standing = _measure(run, study, each.name, spread=spread)
    with run.phase("present", doing="pictures and structures"):
        present(run, study, comparisons, each.campaign, each.comparison.best_structures)
    return standing


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
    if settings.reference_ladder:
        doing = "replica exchange for populations to compare with"
        with run.phase("reference", items=n_steps, total=LADDERS, doing=doing) as phase:
            return exchanged_reference(
                system, settings.reference_ladder, n_steps, frame_interval, run.executor, phase.advance
            )
    doing = "plain simulation for populations to compare with"
    with run.phase("reference", items=n_steps, total=WALKS, doing=doing) as phase:
        return simulated_reference(system, n_steps, frame_interval, run.executor, phase.advance)


def _price_s(run: Run, settings: ComparisonSettings, systems: Sequence[PanelSystem]) -> float | None:
    """Return what an all-atom step costs here; nothing where that is all that is simulated."""
    if all(each.is_all_atom for each in systems):
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


def _measure(
    run: Run, study: StudyResult, name: str, *, spread: bool
) -> tuple[list[PolicyComparison], SystemStanding | None]:
    every = [outcome for side in study.outcomes.values() for outcome in side]
    kinetic = [abs(outcome.kinetic_ratio - 1.0) for outcome in every if math.isfinite(outcome.kinetic_ratio)]
    if kinetic:
        run.gate(
            "deviation of the kinetic temperature",
            float(np.mean(kinetic)),
            at_most=_KINETIC_TOLERANCE,
            advice="simulate longer: more steps; or begin from a structure that is minimised",
        )
    empty = study.without_a_frame(study.limit)
    advice = "raise core_seconds or steps, or lower chunk_steps"
    run.gate("campaigns without a frame", float(empty), at_most=0.0, advice=advice)
    late = study.without_a_frame(study.cost) - empty
    if study.cost != study.limit and late > 0:
        run.warn(
            f"{late} of {len(every)} campaigns had no frame yet when the cheapest one ended, after "
            f"{study.budgets[study.cost]:.2g} {study.cost}: what is compared at that cost says little; raise steps."
        )
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
    standing, why = attempt(lambda: standing_of(study, shares or [], comparisons or [], name))
    if standing is None:
        run.warn(f"where policies stand: missing, all else stands; {why}.")
    return comparisons or [], standing
