"""Every search with every seed, on one clock; the seeds are the same for all."""

from __future__ import annotations

import time
from collections.abc import Sequence
from importlib.util import find_spec
from typing import Any

import numpy as np
import torch

from levinthal.errors import UsageError
from levinthal.harness import Run
from levinthal.workloads.docking.molecules.pose import Poses
from levinthal.workloads.docking.redocking.comparison import Contender
from levinthal.workloads.docking.registry import SEARCHES, make_search
from levinthal.workloads.docking.scoring import score_and_gradient
from levinthal.workloads.docking.search.outcome import SearchOutcome
from levinthal.workloads.docking.search.problem import Problem
from levinthal.workloads.docking.settings import DockingSettings

__all__ = ["contenders_of", "dock", "installed", "time_scoring"]

_TIMED_POSES = 16_384
_TIMINGS = 5


def time_scoring(run: Run, problem: Problem) -> None:
    """Measure how many poses a second are scored with their gradients."""
    poses = Poses.random(_TIMED_POSES, problem.grids.box, torch.Generator().manual_seed(0), device=problem.grids.device)
    score_and_gradient(problem.grids, problem.ligand, poses)
    durations = []
    with run.phase("score", items=_TIMINGS * _TIMED_POSES):
        for _ in range(_TIMINGS):
            began = time.perf_counter()
            score = score_and_gradient(problem.grids, problem.ligand, poses)
            float(score.energies_kcal_mol[0])  # waits for the device
            durations.append(time.perf_counter() - began)
    rates = _TIMED_POSES / np.array(durations)
    run.samples("poses scored", rates, unit="pose/s")
    run.metric("poses scored with gradient", float(np.median(rates)), unit="pose/s", better="higher")


def installed(run: Run, names: Sequence[str]) -> list[str]:
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


def contenders_of(settings: DockingSettings, names: Sequence[str], threads: int, model: Any) -> list[Contender]:
    """Return the searches, and behind them the budgets of those that draw their anytime curve by several."""
    searches = {name: make_search(name, n_poses=settings.poses, threads=threads, model=model) for name in names}
    ranked = [Contender(name, search, search.shown) for name, search in searches.items()]
    budgets = [each for search in searches.values() for n in settings.anytime if (each := search.at_budget(n))]
    return [*ranked, *(Contender(shown, search, shown, ranked=False) for shown, search in budgets)]


def dock(
    run: Run, problem: Problem, contenders: Sequence[Contender], n_runs: int
) -> dict[Contender, list[SearchOutcome]]:
    """Run every contender with every seed."""
    seeds = [run.seed_for(f"search {number}", bits=31) for number in range(n_runs)]
    total = len(contenders) * len(seeds)
    with run.phase("warm up"):  # so that nothing is compiled or loaded on the clock
        for each in contenders:
            if each.ranked:
                each.search.warm_up(problem)
    outcomes: dict[Contender, list[SearchOutcome]] = {each: [] for each in contenders}
    with run.phase("dock", items=total, total=total) as phase:
        for seed in seeds:
            for each in contenders:
                outcomes[each].append(each.search.search(problem, seed=seed))
                phase.advance()
    return outcomes
