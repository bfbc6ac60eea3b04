"""Better, faster, greater: campaigns of a policy against those of a baseline, paired by seed, at equal budgets."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from levinthal.harness.study import pairs_along
from levinthal.simulation.analysis.ratios import PolicyRatio, better, faster, greater
from levinthal.workloads.sampling.study.evaluation import (
    Cost,
    budget_to_cover,
    coverage_at,
    first_arrival,
)
from levinthal.workloads.sampling.study.guard import attempt
from levinthal.workloads.sampling.study.outcome import Outcome
from levinthal.workloads.sampling.study.result import POLICY, Divergences, StudyResult


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

    @property
    def unit(self) -> str:
        """The unit of the cost: `core-second` or `step`."""
        return self.cost.removesuffix("s")


def _ratio(make: Callable[[], PolicyRatio | str]) -> tuple[PolicyRatio | None, str]:
    """Return a ratio, or why there is none."""
    made, why = attempt(make)
    if made is None:
        return None, why
    if isinstance(made, str):
        return None, made
    return (None, made.method) if math.isnan(made.value) else (made, "")


def compare_policies(
    outcomes: Mapping[str, Sequence[Outcome]],
    candidate: str,
    baseline: str,
    cost: Cost,
    budget: float,
    *,
    event: str,
    reweighted: Mapping[str, Sequence[float]] | None,
    seed: int = 0,
) -> list[PolicyComparison]:
    """Return the three ratios and the effective-sampling ratio of a policy against a baseline.

    The level of the effective-sampling ratio is the number of cells that the median replica of the baseline has seen
    at the end of the budget.

    Parameters
    ----------
    outcomes : mapping of str to sequence of Outcome
        By policy, replicas in the same order.
    candidate, baseline : str
        Policies.
    cost : {"core-seconds", "steps"}
        What is equal.
    budget : float
        Of each campaign.
    event : str
        In words, empty where none was declared.
    reweighted : mapping of str to sequence of float, or None
        Reweighted divergence to the reference of each replica, by policy; None where there is no reference.
    seed : int
        Of the bootstrap.
    """
    before, after = outcomes[baseline], outcomes[candidate]
    if not before:
        names, why = ("effective sampling", "faster", "greater", "better"), "no pair of campaigns was done"
        return [PolicyComparison(name, candidate, baseline, cost, budget, None, why) for name in names]
    level = int(np.median([coverage_at(outcome, cost, budget) for outcome in before]))

    def within(price_of: Callable[[Outcome], float], side: Sequence[Outcome]) -> list[float]:
        prices = [price_of(outcome) for outcome in side]
        return [price if price <= budget else math.inf for price in prices]

    def effective() -> PolicyRatio:
        def price(outcome: Outcome) -> float:
            return budget_to_cover(outcome, cost, level)

        words = ("more effective", "less effective")
        return faster(
            within(price, before), within(price, after), budget, name="effective sampling", words=words, seed=seed
        )

    def faster_event() -> PolicyRatio | str:
        def price(outcome: Outcome) -> float:
            return first_arrival(outcome, cost)

        if not event:
            return "no event was declared for this system"
        return faster(within(price, before), within(price, after), budget, seed=seed)

    def greater_coverage() -> PolicyRatio:
        covered = [[float(coverage_at(outcome, cost, budget)) for outcome in side] for side in (before, after)]
        return greater(covered[0], covered[1], seed=seed)

    def better_populations() -> PolicyRatio | str:
        if reweighted is None:
            return "there is no reference distribution: set reference_steps"
        return better(reweighted[baseline], reweighted[candidate], seed=seed)

    made = {
        "effective sampling": effective,
        "faster": faster_event,
        "greater": greater_coverage,
        "better": better_populations,
    }
    found = []
    for name, make in made.items():
        ratio, reason = _ratio(make)
        found.append(PolicyComparison(name, candidate, baseline, cost, budget, ratio, reason))
    return found


def compare_all(study: StudyResult, divergence: Mapping[Cost, Divergences], seed: int) -> list[PolicyComparison]:
    """Return the ratios of every policy to the baseline and to every other control, at either cost.

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
    others = tuple(dict.fromkeys((study.baseline, *study.controls)))
    pairs = {
        (str(each.candidate[POLICY]), other): each.values
        for other in others
        for each in pairs_along(study.plan, study.at_points(), POLICY, other)
    }
    for cost, budget in study.budgets.items():
        done: set[tuple[str, str]] = set()
        for candidate in study.outcomes:
            for other in others:
                if candidate == study.baseline or (candidate, other) not in pairs or (other, candidate) in done:
                    continue
                done.add((candidate, other))
                sides = {
                    candidate: [mine for mine, _ in pairs[candidate, other]],
                    other: [theirs for _, theirs in pairs[candidate, other]],
                }
                known = divergence[cost]
                found += compare_policies(
                    sides,
                    candidate,
                    other,
                    cost,
                    budget,
                    event=study.system.observables.event,
                    reweighted={
                        policy: [known[policy][each.replica][1] for each in side] for policy, side in sides.items()
                    }
                    if known
                    else None,
                    seed=seed,
                )
    return found
