"""What share of the possible each policy reaches: of the log-gain of those who know the answer, over the same baseline.

The ceiling of a measure is the strategy that does best by it on other seeds: of the campaigns with even numbers it is
the one that was best on those with odd numbers, and the other way round.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

import numpy as np

from levinthal.simulation.analysis.intervals import Estimate
from levinthal.simulation.analysis.ratios import PolicyRatio
from levinthal.simulation.analysis.shares import LEAST_CEILING, Gain, share_of_possible
from levinthal.workloads.sampling.study.comparison import EVENT, STATES, TARGET, states_to_see
from levinthal.workloads.sampling.study.evaluation import Cost, budget_to_see, first_arrival, mass_at
from levinthal.workloads.sampling.study.guard import attempt
from levinthal.workloads.sampling.study.outcome import Outcome
from levinthal.workloads.sampling.study.result import Divergences, StudyResult

Kind = Literal["times", "higher", "lower"]
TELLING = (("faster", EVENT), ("faster", STATES), ("better", ""), ("greater", ""))
"""By which ratio a headline is: the first of these by which the ceiling is surely ahead."""


@dataclass(frozen=True)
class PolicyShare:
    """The share that a policy reaches by one of the three, or why it is not told.

    Attributes
    ----------
    policy : str
        Which one.
    name, labels, cost
        By which ratio, as for `PolicyComparison`.
    share : Estimate
        0 is the baseline, 1 the ceiling; NaN with the reason as its method where it is not told.
    ceiling : PolicyRatio or None
        The ceiling over the baseline.
    """

    policy: str
    name: str
    cost: Cost
    share: Estimate
    ceiling: PolicyRatio | None
    labels: Mapping[str, str] = field(default_factory=dict)

    @property
    def told(self) -> bool:
        """Whether there is a share."""
        return math.isfinite(self.share.value)

    @property
    def words(self) -> str:
        """By which ratio, for a sentence."""
        return f"{self.name} ({self.labels[TARGET]})" if TARGET in self.labels else self.name


@dataclass(frozen=True, eq=False)
class _Measure:
    name: str
    labels: dict[str, str]
    kind: Kind
    of: Callable[[Outcome], float]


def _measures(study: StudyResult, cost: Cost, known: Divergences) -> list[_Measure]:
    """Return those of the three that this system has."""
    budget, reference, found = study.budgets[cost], study.reference, []
    if reference is not None and known:
        found.append(_Measure("better", {}, "lower", lambda each: known[each.policy][each.replica][1]))
    if study.system.observables.event:
        found.append(_Measure("faster", {TARGET: EVENT}, "times", lambda each: first_arrival(each, cost)))
    if reference is not None:
        cells, populations = states_to_see(reference), reference.populations
        if len(cells):
            found.append(_Measure("faster", {TARGET: STATES}, "times", lambda each: budget_to_see(each, cost, cells)))
        found.append(_Measure("greater", {}, "higher", lambda each: mass_at(each, cost, budget, populations)))
    return found


def telling_cost(costs: Iterable[Cost], cost: Cost) -> Cost:
    """Return the cost at which headlines are told: that at the price of an all-atom step, where there is one.

    A chain's or a bead's step costs less than looking at the answer: by their core-seconds nobody would know more.
    """
    return next((each for each in costs if each.startswith("all-atom")), cost)


def headline_share(shares: Sequence[PolicyShare], policy: str, cost: Cost) -> PolicyShare | None:
    """Return the share that a policy is known by, None where no ceiling is surely ahead; see `TELLING`."""
    own = {
        (each.name, each.labels.get(TARGET, "")): each for each in shares if (each.policy, each.cost) == (policy, cost)
    }
    for ratio in TELLING:
        found = own.get(ratio)
        if found is not None and found.ceiling is None:  # what could not be made is not passed over for another
            return None
        if found is not None and found.ceiling is not None and found.ceiling.low > LEAST_CEILING:
            return found
    return None


def best_on_other_seeds(values: Mapping[str, Sequence[float]], kind: Kind, budget: float) -> list[float]:
    """Return the values of a ceiling: of each half of the campaigns those of the strategy that is best on the other.

    Parameters
    ----------
    values : mapping of str to sequence of float
        By strategy, the same campaigns in the same order.
    kind : {"times", "higher", "lower"}
        Of times less is better; of levels more or less.
    budget : float
        Of times: how long each campaign was watched.
    """

    def worth(those: np.ndarray) -> float:
        if kind == "times":
            return float((those <= budget).sum() / np.minimum(those, budget).sum())
        return float(those.mean()) * (1.0 if kind == "higher" else -1.0)

    arrays = {name: np.asarray(each, np.float64) for name, each in values.items()}
    n = len(next(iter(arrays.values())))
    ceiling = np.empty(n)
    for half in (np.arange(n) % 2 == 0, np.arange(n) % 2 == 1):
        others = ~half if (~half).any() else half
        best = max(arrays, key=lambda name, others=others: worth(arrays[name][others]))  # type: ignore[misc]
        ceiling[half] = arrays[best][half]
    return [float(each) for each in ceiling]


def shares_of(study: StudyResult, divergence: Mapping[Cost, Divergences], seed: int) -> list[PolicyShare]:
    """Return the shares of all policies at each cost; none where no ceiling takes part.

    Parameters
    ----------
    study : StudyResult
        All campaigns.
    divergence : mapping of str to mapping
        By cost what `StudyResult.divergences` gives.
    seed : int
        Of the bootstrap.
    """
    found: list[PolicyShare] = []
    ceilings = study.ceilings
    if not ceilings or study.baseline not in study.outcomes:
        return found
    for cost in study.budgets:
        for measure in _measures(study, cost, divergence[cost]):
            for policy in study.outcomes:
                if policy != study.baseline and policy not in ceilings:
                    made, why = attempt(lambda m=measure, p=policy, c=cost: _share(study, m, p, ceilings, c, seed))  # type: ignore[misc]
                    share, ceiling = made or (Estimate(math.nan, math.nan, math.nan, 0.95, why), None)
                    found.append(PolicyShare(policy, measure.name, cost, share, ceiling, measure.labels))
    return found


def _share(
    study: StudyResult, measure: _Measure, policy: str, ceilings: Sequence[str], cost: Cost, seed: int
) -> tuple[Estimate, PolicyRatio | None]:
    """Return the share of a policy by one measure, over the seeds of which all campaigns were done."""
    names = (study.baseline, policy, *ceilings)
    by_replica = {name: {each.replica: each for each in study.outcomes[name]} for name in names}
    replicas = sorted(set.intersection(*(set(each) for each in by_replica.values())))
    if not replicas:
        return Estimate(math.nan, math.nan, math.nan, 0.95, "no seed of which all campaigns were done"), None
    budget = study.budgets[cost]
    values = {name: [measure.of(by_replica[name][k]) for k in replicas] for name in names}
    if measure.kind == "times":
        values = {name: [x if x <= budget else math.inf for x in each] for name, each in values.items()}
    ceiling = best_on_other_seeds({name: values[name] for name in ceilings}, measure.kind, budget)
    gain = Gain(values[study.baseline], values[policy], ceiling, measure.kind, budget)
    return share_of_possible(gain, seed=seed)
