"""Better, faster, greater: campaigns of a policy against those of a baseline, paired by seed, at equal budgets.

The three stand together, each against plain simulation and against every other control, at equal steps, at equal
core-seconds, and with each step at the price of an all-atom one; no word stands for one of them alone. Beside them are
the measures of the paper: RMSD to the native structure, entropy, and how well the recurrence of the event is known.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial

import numpy as np

from levinthal.arrays import Integers
from levinthal.harness.study import pairs_along
from levinthal.simulation.analysis.ratios import PolicyRatio, better, faster, greater, ratio_of_levels
from levinthal.workloads.sampling.study.evaluation import (
    Cost,
    budget_to_cover,
    budget_to_see,
    coverage_at,
    first_arrival,
    mass_at,
    nearest_nm,
    recurrence_error,
)
from levinthal.workloads.sampling.study.guard import attempt
from levinthal.workloads.sampling.study.outcome import ENTROPY, Outcome
from levinthal.workloads.sampling.study.reference import Reference
from levinthal.workloads.sampling.study.result import POLICY, Divergences, StudyResult

TARGET, EVENT, STATES = "target", "event", "states"
THREE = ("better", "faster", "greater")
"""What sampling is judged by; `faster` by the event and by the states."""
RMSD, RECURRENCE_ERROR = "RMSD to native", "error of the recurrence of the event"
_LEAST_MASS = 0.01
_NO_REFERENCE = "there is no reference distribution: set reference_steps, or reference=TRAJECTORIES"

Price = Callable[[Outcome], float]
Made = Callable[[], "PolicyRatio | str"]


@dataclass(frozen=True)
class PolicyComparison:
    """A ratio, or why there is none."""

    name: str
    candidate: str
    baseline: str
    cost: Cost
    budget: float
    ratio: PolicyRatio | None
    reason: str = ""
    labels: Mapping[str, str] = field(default_factory=dict)

    @property
    def unit(self) -> str:
        """The unit of the cost: `core-second`, `step` or `all-atom core-second`."""
        return self.cost.removesuffix("s")

    @property
    def words(self) -> str:
        """The name, with what was to be met where that has to be said."""
        return f"{self.name} ({self.labels[TARGET]})" if TARGET in self.labels else self.name


@dataclass(frozen=True, eq=False)
class Sides:
    """Campaigns of a policy and of a baseline that began alike, and what both are judged by.

    Attributes
    ----------
    baseline, candidate : sequence of Outcome
        Pairs.
    cost, budget
        What is equal.
    event : str
        In words, empty where none was declared.
    reference : Reference or None
        What populations are held against.
    reweighted : callable or None
        The reweighted divergence of a campaign to it.
    rmsd_axis : int or None
        Which coordinate is the RMSD to the native structure.
    seed : int
        Of the bootstrap.
    """

    baseline: Sequence[Outcome]
    candidate: Sequence[Outcome]
    cost: Cost
    budget: float
    event: str = ""
    reference: Reference | None = None
    reweighted: Price | None = None
    rmsd_axis: int | None = None
    seed: int = 0

    def each(self, of: Price) -> tuple[list[float], list[float]]:
        """Return a figure of every campaign, of the baseline and of the candidate."""
        return [of(outcome) for outcome in self.baseline], [of(outcome) for outcome in self.candidate]

    def within(self, of: Price) -> tuple[list[float], list[float]]:
        """Return a price of every campaign, infinite where it is beyond the budget."""
        before, after = self.each(of)
        return ([x if x <= self.budget else math.inf for x in before],
                [x if x <= self.budget else math.inf for x in after])  # fmt: skip


def states_to_see(reference: Reference) -> Integers:
    """Return the cells that hold more than 1 % of the stationary mass."""
    return np.flatnonzero(reference.populations > _LEAST_MASS)


def _better(sides: Sides) -> PolicyRatio | str:
    if sides.reweighted is None:
        return _NO_REFERENCE
    return better(*sides.each(sides.reweighted), seed=sides.seed)


def _faster_event(sides: Sides) -> PolicyRatio | str:
    if not sides.event:
        return "no event was declared for this system"
    arrivals = sides.within(lambda outcome: first_arrival(outcome, sides.cost))
    return faster(*arrivals, sides.budget, seed=sides.seed)


def _faster_states(sides: Sides) -> PolicyRatio | str:
    if sides.reference is None:
        return _NO_REFERENCE
    cells = states_to_see(sides.reference)
    if not len(cells):
        return f"no cell holds more than {100 * _LEAST_MASS:g} % of the mass"
    seen = sides.within(lambda outcome: budget_to_see(outcome, sides.cost, cells))
    return faster(*seen, sides.budget, seed=sides.seed)


def _greater(sides: Sides) -> PolicyRatio | str:
    if sides.reference is None:
        return _NO_REFERENCE
    populations = sides.reference.populations
    covered = sides.each(lambda outcome: mass_at(outcome, sides.cost, sides.budget, populations))
    return greater(*covered, seed=sides.seed)


def _cells(sides: Sides) -> PolicyRatio:
    before, after = sides.each(lambda outcome: float(coverage_at(outcome, sides.cost, sides.budget)))
    return ratio_of_levels("cells seen", after, before, ("more", "fewer"), seed=sides.seed, zeros=True)


def _plains_coverage(sides: Sides) -> PolicyRatio:
    level = int(np.median([coverage_at(outcome, sides.cost, sides.budget) for outcome in sides.baseline]))
    reached = sides.within(lambda outcome: budget_to_cover(outcome, sides.cost, level))
    words = ("sooner", "later")
    return faster(*reached, sides.budget, name="time to the baseline's cells", words=words, seed=sides.seed)


def _rmsd(sides: Sides) -> PolicyRatio | str:
    axis = sides.rmsd_axis
    if axis is None:
        return "the system has no native structure"
    before, after = sides.each(lambda outcome: nearest_nm(outcome, sides.cost, sides.budget, axis))
    return ratio_of_levels(RMSD, before, after, ("nearer", "further"), seed=sides.seed)


def _entropy(sides: Sides, estimate: str) -> PolicyRatio | str:
    why = next((each.withheld[ENTROPY] for each in (*sides.baseline, *sides.candidate) if ENTROPY in each.withheld), "")
    if why:
        return why
    before, after = sides.each(lambda outcome: float(getattr(outcome, estimate)))
    return ratio_of_levels(ENTROPY, after, before, ("more", "less"), seed=sides.seed)


def _recurrence(sides: Sides) -> PolicyRatio | str:
    if not sides.event:
        return "no event was declared for this system"
    if sides.reference is None or not sides.reference.event_population > 0.0:
        return "the event's population is not known: set reference_steps"
    off = sides.each(partial(recurrence_error, event_population=sides.reference.event_population))
    return ratio_of_levels(RECURRENCE_ERROR, *off, ("better known", "worse known"), seed=sides.seed)


def _to_be_made(sides: Sides, *, papers: bool) -> Iterator[tuple[str, dict[str, str], Made]]:
    """Yield name, labels and how it is made of every ratio."""
    yield "better", {}, partial(_better, sides)
    yield "faster", {TARGET: EVENT}, partial(_faster_event, sides)
    yield "faster", {TARGET: STATES}, partial(_faster_states, sides)
    yield "greater", {}, partial(_greater, sides)
    yield "cells seen", {}, partial(_cells, sides)
    yield "time to the baseline's cells", {}, partial(_plains_coverage, sides)
    if papers:
        yield RMSD, {}, partial(_rmsd, sides)
        yield ENTROPY, {"estimate": "Schlitter"}, partial(_entropy, sides, "schlitter")
        yield ENTROPY, {"estimate": "quasi-harmonic"}, partial(_entropy, sides, "quasi_harmonic")
        yield RECURRENCE_ERROR, {}, partial(_recurrence, sides)


def compare_policies(sides: Sides, candidate: str, baseline: str, *, papers: bool = False) -> list[PolicyComparison]:
    """Return the ratios of a policy against a baseline.

    Parameters
    ----------
    sides : Sides
        Their campaigns, and what they are judged by.
    candidate, baseline : str
        Names.
    papers : bool
        Whether the measures of the paper are among them.
    """
    found = []
    for name, labels, make in _to_be_made(sides, papers=papers):
        made, why = attempt(make) if len(sides.baseline) else (None, "no pair of campaigns was done")
        if isinstance(made, PolicyRatio) and math.isnan(made.value):
            why, made = made.method, None
        ratio, why = (made, why) if isinstance(made, PolicyRatio) else (None, made or why)
        found.append(PolicyComparison(name, candidate, baseline, sides.cost, sides.budget, ratio, why, labels))
    return found


def compare_all(study: StudyResult, divergence: Mapping[Cost, Divergences], seed: int) -> list[PolicyComparison]:
    """Return the ratios of every policy to the baseline and to every other control, at each cost.

    The measures of the paper are against the baseline, at the first cost. A policy on several learners is compared with
    itself on the first of them.

    Parameters
    ----------
    study : StudyResult
        All campaigns.
    divergence : mapping of str to mapping
        By cost what `StudyResult.divergences` gives.
    seed : int
        Of the bootstrap.
    """
    found: list[PolicyComparison] = []
    firsts = {name: entry.first for name, entry in study.entries.items() if entry.first}
    controls = tuple(dict.fromkeys((study.baseline, *study.controls)))
    others = tuple(dict.fromkeys((*controls, *firsts.values())))
    pairs = {
        (str(each.candidate[POLICY]), other): each.values
        for other in others
        for each in pairs_along(study.plan, study.at_points(), POLICY, other)
    }
    for cost, budget in study.budgets.items():
        known = divergence[cost]

        def reweighted(outcome: Outcome, known: Divergences = known) -> float:
            return known[outcome.policy][outcome.replica][1]

        done: set[tuple[str, str]] = set()
        for candidate in study.entries:
            for other in others:
                if candidate == study.baseline or (candidate, other) not in pairs or (other, candidate) in done:
                    continue
                if other not in controls and firsts.get(candidate) != other:
                    continue
                done.add((candidate, other))
                sides = Sides(
                    baseline=[theirs for _, theirs in pairs[candidate, other]],
                    candidate=[mine for mine, _ in pairs[candidate, other]],
                    cost=cost,
                    budget=budget,
                    event=study.system.observables.event,
                    reference=study.reference,
                    reweighted=reweighted if known else None,
                    rmsd_axis=getattr(study.system.observables, "rmsd_axis", None),
                    seed=seed,
                )
                papers = cost == study.cost and other == study.baseline
                found += compare_policies(sides, candidate, other, papers=papers)
    return found
