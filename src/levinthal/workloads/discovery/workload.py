"""The workload `discovery`: the workflow of the paper's Figure 1, from a structure to ranked molecules and back.

It reads from top to bottom: the protein and its library (`target`), the system that is simulated (`ensemble`), rounds
of simulating, learning, finding states and docking into them (`workflow`), the list and the complexes at its top
(`ranking`, `refinement`), what is reported and left (`reporting`).
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import ClassVar

import numpy as np

from levinthal.harness import Run, Settings
from levinthal.harness.contract.workload import FigureOfMerit, MainFigure
from levinthal.harness.study import measure_side_by_side
from levinthal.workloads.discovery.conformations import Pocket
from levinthal.workloads.discovery.ensemble import protein_system
from levinthal.workloads.discovery.ranking import Ranking
from levinthal.workloads.discovery.refinement import Refined, RefinementTask, read_refined, refine_kept
from levinthal.workloads.discovery.reporting import (
    keep_flow,
    keep_states,
    report_ranking,
    report_states,
    report_times,
    show_poses,
)
from levinthal.workloads.discovery.settings import DiscoverySettings
from levinthal.workloads.discovery.target import Target, read_target
from levinthal.workloads.discovery.workflow import Found, discover
from levinthal.workloads.implementation import use_implementation
from levinthal.workloads.training.reporting import report_peak_memory


class DiscoveryWorkload:
    """From a protein to ranked molecules: simulate, cluster, find novel states, dock into each, rank, feed back."""

    name: ClassVar[str] = "discovery"
    version: ClassVar[int] = 1
    Settings: ClassVar[type[Settings]] = DiscoverySettings
    figures_of_merit: ClassVar[tuple[FigureOfMerit, ...]] = (FigureOfMerit("list", "time to the last ranked list"),)
    main_figures: ClassVar[Sequence[MainFigure]] = (
        "known binders below decoys",
        ("ROC AUC", {"receptor": "ensemble of states", "decoys": "all"}),
        "states found",
        "time to the first ranked list",
        "time to the last ranked list",
    )

    def run(self, run: Run, settings: DiscoverySettings) -> None:
        """Carry out the five stages, and report what came out of each."""
        use_implementation(run, settings)
        clock_offset_s = time.time() - time.perf_counter()
        target = read_target(run, settings)
        if target is None:
            return
        with run.phase("prepare", doing="what is simulated"):
            system = protein_system(settings, target.path, "auto", run.folder)
            native = 10 * np.asarray(system.target, np.float64)
            pocket = Pocket.of(target.receptor, target.box, native)
        for sentence in (*target.warnings, *system.warnings):
            run.warn(sentence)
        for sentence in system.notes:
            run.note(sentence)
        run.note(
            "States that restarts lead to have no equilibrium populations: a conformation is charged no energy, and "
            "the best of several states is lower than one by chance too."
        )
        run.dataset(target.name, version="1", sha256=target.sha256, synthetic=system.synthetic)
        began_s = time.perf_counter()
        found = discover(run, settings, target, system, pocket)
        wall_s = time.perf_counter() - began_s
        refined = refine_top(run, settings, target, found)
        report_times(run, found, wall_s, clock_offset_s)
        report_states(run, found, pocket)
        report_ranking(run, target, found, refined)
        keep_flow(run, target, found, len(refined))
        keep_states(run, found, pocket, system, settings.frame_interval)
        show_poses(run, target, found)
        report_peak_memory(run)


def refine_top(run: Run, settings: DiscoverySettings, target: Target, found: Found) -> dict[int, Refined]:
    """Minimise the complexes at the top of the list; return them by the number of the compound."""
    ranking = Ranking.of(found.docked)
    chosen = ranking.order[: settings.refined]
    if not chosen:
        return {}
    by_state = {each.state: each for each in found.docked}
    receptors = {state.number: receptor for state, receptor in zip(found.states, found.receptors, strict=True)}
    tasks = []
    for k in chosen:
        state = int(ranking.states[ranking.best_row[k]])
        kept = run.kept / "refined" / f"compound-{k:05d}.json"
        pose = by_state[state].poses_angstrom[k]
        tasks.append(RefinementTask(receptors[state], target.library[k].ligand, pose, kept))
    with run.phase("minimise", items=len(tasks), total=len(tasks), doing="complexes at the top of the list") as phase:
        done = measure_side_by_side(
            tasks, refine_kept, read_refined, run.executor, run.new_executor, lambda _: phase.advance()
        )
    refined = dict(zip(chosen, done, strict=True))
    energies = [each.interaction_kcal_mol for each in done if each.interaction_kcal_mol is not None]
    reasons = list(dict.fromkeys(each.reason for each in done if each.reason))
    run.metric("complexes minimised", float(len(energies)), unit="1", better="higher", kind="quality")
    for reason in reasons:
        run.note(f"A complex was not minimised: {reason}.")
    return refined
