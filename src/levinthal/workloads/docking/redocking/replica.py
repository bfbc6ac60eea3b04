"""A search for the ligand's pose: what is done on each core when replicas run side by side."""

from __future__ import annotations

from levinthal.harness import Replicated
from levinthal.workloads.docking.search.built_in.restarts import RandomRestarts
from levinthal.workloads.docking.search.contract import Problem


class OneSearch:
    """Random restarts with descent, the search that needs nothing learned, from a seed of its own.

    Parameters
    ----------
    problem : Problem
        Without a goal: each search ends by its own schedule.
    """

    def __init__(self, problem: Problem) -> None:
        self._problem, self._search = problem, RandomRestarts()
        self._search.warm_up(problem)

    def __call__(self, number: int) -> Replicated:
        """Search with the seed of a number; its answer is the best energy, kcal/mol."""
        found = self._search.search(self._problem, seed=number)
        return Replicated(items=found.n_evaluations, answer=float(found.energies_kcal_mol[0]))
