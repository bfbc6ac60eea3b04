"""A search run until it succeeds or its budget ends: rounds of it follow one another, each from draws of its own.

What a search needs to success is then a waiting time, cut short where the budget ended first, whatever the length of
the search's own schedule.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from levinthal.workloads.docking.search.contract import Problem, Search, distinct
from levinthal.workloads.docking.search.outcome import SearchOutcome, Trace


@dataclass(frozen=True, eq=False)
class Attempt:
    """A search that has succeeded or spent its budget.

    Attributes
    ----------
    outcome : SearchOutcome
        All its rounds as one.
    n_rounds : int
    succeeded : bool or None
        Whether its best pose came within 2 A of the reference; None where there is none.
    evaluations : int or None
        Until success, or in all; None where the search does not report them.
    seconds : float
        Likewise, set-up excluded.
    """

    outcome: SearchOutcome
    n_rounds: int
    succeeded: bool | None
    evaluations: int | None
    seconds: float


def attempt(search: Search, problem: Problem, *, budget_s: float, seed: int) -> Attempt:
    """Run a search until it meets the goal of the problem or has spent its evaluations or seconds.

    Parameters
    ----------
    search : Search
    problem : Problem
        Without a goal the search runs once, by its own schedule.
    budget_s : float
        Seconds of search, after which no round begins.
    seed : int
        Of the first round; those of the others come from it.
    """
    goal, rounds = problem.goal, [search.search(problem, seed=seed)]
    if goal is None:
        spent, seconds = rounds[0].n_evaluations, rounds[0].duration_s
        return Attempt(rounds[0], 1, None, spent or None, seconds)
    spent, seconds, best = 0, 0.0, float("inf")
    while True:
        last = rounds[-1]
        success = last.trace.success()
        if success is not None and spent + success[0] <= goal.evaluations:
            spent, seconds = spent + success[0], seconds + success[1]
            break
        spent, seconds = spent + last.n_evaluations, seconds + last.duration_s
        if spent >= goal.evaluations or seconds >= budget_s:
            success = None
            break
        best = min(best, float(last.trace.best_kcal_mol[-1]))
        left = replace(goal, evaluations=goal.evaluations - spent, below_kcal_mol=best)
        again = int(np.random.SeedSequence((seed, len(rounds))).generate_state(1)[0] >> 1)
        rounds.append(search.search(replace(problem, goal=left), seed=again))
    counts = min(spent, goal.evaluations) if rounds[0].n_evaluations else None
    return Attempt(_joined(rounds), len(rounds), success is not None, counts, seconds)


def _joined(rounds: Sequence[SearchOutcome]) -> SearchOutcome:
    """Return rounds as one search: their distinct poses, as many as one of them has, and their traces end to end."""
    if len(rounds) == 1:
        return rounds[0]
    places, conformations, energies = (
        np.concatenate([getattr(each, name) for each in rounds])
        for name in ("coordinates", "conformations", "energies_kcal_mol")
    )
    order = np.argsort(energies, kind="stable")
    kept = order[distinct(places[order], conformations[order], max(len(each.energies_kcal_mol) for each in rounds))]
    before = np.cumsum([0, *(each.n_evaluations for each in rounds)])
    before_s = np.cumsum([0.0, *(each.duration_s for each in rounds)])
    traces = [each.trace for each in rounds]
    trace = Trace(
        np.concatenate([each.evaluations + start for each, start in zip(traces, before, strict=False)]),
        np.concatenate([each.seconds + start for each, start in zip(traces, before_s, strict=False)]),
        np.minimum.accumulate(np.concatenate([each.best_kcal_mol for each in traces])),
        np.concatenate([each.rmsd_angstrom for each in traces]),
    )
    setup_s = {part: sum(each.setup_s[part] for each in rounds) for part in rounds[0].setup_s}
    return SearchOutcome(places[kept], conformations[kept], energies[kept], trace, setup_s)
