"""One ligand docked by every search with every seed, on one clock; Vina's exact path has the last word on all poses."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import replace
from importlib.util import find_spec
from typing import Any

import numpy as np
import torch

from levinthal.errors import UsageError
from levinthal.harness import Run
from levinthal.workloads.docking.inputs import Inputs
from levinthal.workloads.docking.molecules.molecule import Ligand
from levinthal.workloads.docking.molecules.pose import Poses
from levinthal.workloads.docking.redocking.cases import POCKET, compare_on_cases
from levinthal.workloads.docking.redocking.comparison import Contender, finish, summarise
from levinthal.workloads.docking.redocking.learning import obtain_policy
from levinthal.workloads.docking.redocking.practice import obtain_guide
from levinthal.workloads.docking.redocking.report import (
    keep_artifacts,
    report_break_even,
    report_searches,
    report_success,
)
from levinthal.workloads.docking.redocking.waiting import report_waiting, waiting_of
from levinthal.workloads.docking.registry import SEARCHES, make_search
from levinthal.workloads.docking.scoring import build_grids, exact_score, score_and_gradient
from levinthal.workloads.docking.search.contract import Problem
from levinthal.workloads.docking.search.outcome import Goal
from levinthal.workloads.docking.search.rescoring import polish
from levinthal.workloads.docking.search.rounds import Attempt, attempt
from levinthal.workloads.docking.settings import DockingSettings
from levinthal.workloads.pace import estimate_after

_TIMED_POSES = 16_384
_TIMINGS = 5


def redock(run: Run, settings: DockingSettings, inputs: Inputs, ligand: Ligand) -> None:
    """Dock a ligand by every search of the settings, and report on them."""
    names = _installed(run, settings.methods)
    build_grids(inputs.receptors[0], ligand.scored_types[:1], inputs.box)  # compiled before the clock
    with run.phase("maps", items=len(inputs.receptors), doing="energies of the pocket on a grid"):
        problem = Problem.of(
            inputs.receptors,
            ligand,
            inputs.box,
            settings.function,
            spacing_angstrom=settings.spacing,
            device=run.device,
        )
    _time_scoring(run, problem)
    if inputs.crystal is not None:
        goal = Goal(inputs.crystal, settings.budget, ends_at_success=False)
        problem = replace(problem, goal=goal)
    models = _models(run, settings, problem, names, gated=inputs.embedded)
    contenders = _contenders(settings, names, run.n_workers, models)
    outcomes = _dock(run, settings, problem, contenders)
    n_outcomes = sum(len(each) for each in outcomes.values())
    with run.phase("rescore", items=n_outcomes, doing="final poses by the exact energy"):
        finished = {
            contender: [finish(problem, inputs.crystal, contender.search, each) for each in mine]
            for contender, mine in outcomes.items()
        }
        energies = [each.best_kcal_mol for mine in finished.values() for each in mine]
        best_known = min(_crystal_energy(inputs, problem), *energies)
        summaries = [summarise(each.search, mine, best_known) for each, mine in finished.items() if each.ranked]
    report_searches(run, summaries)
    for each, mine in outcomes.items():
        if (waiting := waiting_of(mine)) is not None and each.ranked:
            report_waiting(run, waiting, {"search": each.shown, "case": POCKET})
    run.metric("map making", run.duration_s("maps"), unit="s", better="lower")
    training_s = {each.shown: models[each.search.learns].training_s for each in finished if each.search.needs_model}
    report_break_even(run, summaries, training_s)
    report_success(run, problem, finished, best_known, gated=inputs.embedded)
    keep_artifacts(run, problem, inputs.crystal, finished, summaries, training_s)
    if inputs.embedded:
        compare_on_cases(run, settings, [each for each in contenders if each.ranked], inputs.receptors[0], ligand)


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


def _time_scoring(run: Run, problem: Problem) -> None:
    """Measure how many poses a second are scored with their gradients."""
    poses = Poses.random(_TIMED_POSES, problem.grids.box, torch.Generator().manual_seed(0), device=problem.grids.device)
    score_and_gradient(problem.grids, problem.ligand, poses)
    durations = []
    with run.phase("score", items=_TIMINGS * _TIMED_POSES, doing="timing poses with gradients"):
        for _ in range(_TIMINGS):
            began = time.perf_counter()
            score = score_and_gradient(problem.grids, problem.ligand, poses)
            float(score.energies_kcal_mol[0])  # waits for the device
            durations.append(time.perf_counter() - began)
    rates = _TIMED_POSES / np.array(durations)
    run.samples("poses scored", rates, unit="pose/s")
    run.metric("poses scored with gradient", float(np.median(rates)), unit="pose/s", better="higher")


def _installed(run: Run, names: Sequence[str]) -> list[str]:
    """Return the searches whose packages are there; a note for each of the others.

    Raises
    ------
    UsageError
        There is none.
    """
    there = []
    for name in names:
        search = SEARCHES.load(name)
        if not search.package or find_spec(search.package) is not None:
            there.append(name)
            continue
        run.note(f"The package {search.package} is not installed: {search.shown} is not in the table.")
        missing = search
    if not there:
        raise UsageError(f"{missing.shown} needs the package {missing.package}: {missing.installed_by}")
    return there


def _models(
    run: Run, settings: DockingSettings, problem: Problem, names: Sequence[str], *, gated: bool
) -> dict[str, Any]:
    """Return what the searches learn by, each trained once: the policy on this pocket, the guide on other proteins."""
    wanted = {SEARCHES.learns(name) for name in names}
    models: dict[str, Any] = {}
    if "starts" in wanted:
        models["starts"] = obtain_guide(run, settings, problem, gated=gated)
    if "moves" in wanted:
        models["moves"] = obtain_policy(run, settings, [problem], gated=gated)
    return models


def _contenders(
    settings: DockingSettings, names: Sequence[str], threads: int, models: Mapping[str, Any]
) -> list[Contender]:
    """Return the searches, and behind them the budgets of those that draw their anytime curve by several."""
    searches = {
        name: make_search(name, n_poses=settings.poses, threads=threads, model=models.get(SEARCHES.learns(name)))
        for name in names
    }
    ranked = [Contender(name, search, search.shown) for name, search in searches.items()]
    budgets = [each for search in searches.values() for n in settings.anytime if (each := search.at_budget(n))]
    return [*ranked, *(Contender(shown, search, shown, ranked=False) for shown, search in budgets)]


def _dock(
    run: Run, settings: DockingSettings, problem: Problem, contenders: Sequence[Contender]
) -> dict[Contender, list[Attempt]]:
    """Run every contender with every seed."""
    seeds = [run.seed_for(f"search {number}", bits=31) for number in range(settings.searches)]
    total = len(contenders) * len(seeds)
    with run.phase(
        "warm up", doing="compiling and loading the searches"
    ):  # so that nothing is compiled or loaded on the clock
        for each in contenders:
            if each.ranked:
                each.search.warm_up(problem)
    outcomes: dict[Contender, list[Attempt]] = {each: [] for each in contenders}
    tell = estimate_after(run, 1, len(seeds), f"docking by {len(contenders)} searches, {len(seeds)} runs each")
    with run.phase("dock", items=total, total=total) as phase:
        for number, seed in enumerate(seeds, 1):
            for each in contenders:
                phase.say(f"{each.shown}, run {number} of {len(seeds)}")
                outcomes[each].append(attempt(each.search, problem, budget_s=settings.budget_s, seed=seed))
                phase.advance()
            tell()
    return outcomes
