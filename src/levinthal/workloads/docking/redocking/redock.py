"""One ligand docked by every search: maps, training, docking, and Vina's exact path as the last word on all poses."""

from __future__ import annotations

import torch

from levinthal.harness import Run
from levinthal.workloads.docking.inputs import Inputs
from levinthal.workloads.docking.molecules.molecule import Ligand
from levinthal.workloads.docking.redocking.artifacts import keep_artifacts
from levinthal.workloads.docking.redocking.comparison import finish, summarise
from levinthal.workloads.docking.redocking.report import report_break_even, report_searches, report_success
from levinthal.workloads.docking.redocking.runs import contenders_of, dock, installed, time_scoring
from levinthal.workloads.docking.redocking.training import obtain_policy
from levinthal.workloads.docking.registry import SEARCHES
from levinthal.workloads.docking.scoring import build_grids, exact_score
from levinthal.workloads.docking.search.problem import Problem
from levinthal.workloads.docking.search.rescoring import polish
from levinthal.workloads.docking.settings import DockingSettings

__all__ = ["redock"]


def redock(run: Run, settings: DockingSettings, inputs: Inputs, ligand: Ligand) -> None:
    """Dock a ligand by every search of the settings, and report on them."""
    names = installed(run, settings.methods)
    build_grids(inputs.receptors[0], ligand.scored_types[:1], inputs.box)  # compiled before the clock
    with run.phase("maps", items=len(inputs.receptors)):
        grids = build_grids(
            inputs.receptors,
            ligand.scored_types,
            inputs.box,
            settings.function,
            spacing_angstrom=settings.spacing,
            device=run.device,
        )
    problem = Problem(grids, ligand, inputs.receptors)
    time_scoring(run, problem)
    is_trained = any(SEARCHES.declared(name, "needs_model") for name in names)
    model = obtain_policy(run, settings, [problem]) if is_trained else None
    outcomes = dock(run, problem, contenders_of(settings, names, run.n_workers, model), settings.searches)
    with run.phase("rescore", items=sum(len(each) for each in outcomes.values())):
        finished = {
            contender: [finish(problem, inputs.crystal, contender.search, each) for each in mine]
            for contender, mine in outcomes.items()
        }
        energies = [each.best_kcal_mol for mine in finished.values() for each in mine]
        best_known = min(_crystal_energy(inputs, problem), *energies)
        summaries = [summarise(each.search, mine, best_known) for each, mine in finished.items() if each.ranked]
    report_searches(run, summaries)
    run.metric("map making", run.duration_s("maps"), unit="s", better="lower")
    report_break_even(run, summaries, model)
    report_success(run, finished, best_known, gated=inputs.embedded)
    keep_artifacts(run, problem, inputs.crystal, finished, summaries)


def _crystal_energy(inputs: Inputs, problem: Problem) -> float:
    """Return the exact energy of the crystal pose after a descent in the first conformation; inf without one."""
    if inputs.crystal is None:
        return float("inf")
    receptor, ligand, function = problem.receptors[0], problem.ligand, problem.grids.function
    places = torch.as_tensor(ligand.source_coordinates_angstrom)[None]
    energies = [
        float(exact_score(receptor, ligand, each, function)[0])
        for each in (places, polish(receptor, ligand, places, function))
    ]
    return min(energies) + receptor.energy_kcal_mol
