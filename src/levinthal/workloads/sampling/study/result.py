"""All campaigns of a study and what they are held against."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from levinthal.harness.study import Axis, Drawing, Point, StudyPlan
from levinthal.workloads.sampling.policies.registry import Declared
from levinthal.workloads.sampling.study.evaluation import Cost, common_budget, divergences
from levinthal.workloads.sampling.study.outcome import Outcome
from levinthal.workloads.sampling.study.settings import CampaignSettings, ComparisonSettings
from levinthal.workloads.sampling.systems.system import System

POLICY, _REPLICA = "policy", "replica"
Divergences: TypeAlias = Mapping[str, Sequence[tuple[float, float]]]


@dataclass(frozen=True, eq=False)
class StudyResult:
    """All campaigns of a repeat and what they are held against.

    Attributes
    ----------
    system : System
        What was sampled.
    outcomes : mapping of str to sequence of Outcome
        By policy, replicas in order.
    declared : mapping of str to Declared
        What each policy says of itself.
    baseline : str
        What other policies are compared with.
    budgets : mapping of str to float
        What each campaign had, by cost; what was found is told at the first.
    reference : ndarray, shape (n_cells,), or None
        Populations to compare with.
    lag : int
        Of Markov state models, in frames.
    """

    system: System
    outcomes: Mapping[str, Sequence[Outcome]]
    declared: Mapping[str, Declared]
    baseline: str
    budgets: Mapping[Cost, float]
    reference: npt.NDArray[np.float64] | None
    lag: int

    @property
    def cost(self) -> Cost:
        """The cost at which is told what campaigns found."""
        return next(iter(self.budgets))

    @property
    def controls(self) -> tuple[str, ...]:
        """The policies that others have to beat."""
        return tuple(policy for policy in self.outcomes if self.declared[policy].is_control)

    @property
    def leader(self) -> str:
        """The policy that the pictures of a single campaign are of: the first that is not a control."""
        return next((policy for policy in self.outcomes if policy not in self.controls), list(self.outcomes)[-1])

    @property
    def plan(self) -> StudyPlan:
        """The study as a grid."""
        return study_plan(list(self.outcomes), max(map(len, self.outcomes.values())), self.baseline)

    def at_points(self) -> dict[Point, Outcome]:
        """Return the outcome of each point of the grid."""
        return {
            point: self.outcomes[str(point[POLICY])][int(point[_REPLICA])]
            for point in self.plan.points()
            if int(point[_REPLICA]) < len(self.outcomes[str(point[POLICY])])
        }

    def divergences(self, cost: Cost) -> Divergences:
        """Return the divergences of all campaigns to the reference at the end of the budget; empty without it."""
        if self.reference is None:
            return {}
        return {
            policy: [divergences(each, self.reference, self.lag, cost, self.budgets[cost]) for each in side]
            for policy, side in self.outcomes.items()
        }


def study_plan(policies: Sequence[str], n_replicas: int, baseline: str) -> StudyPlan:
    """Return policies by replicas: those of one seed together, which are the pairs in which policies are compared."""
    return StudyPlan(
        kind="sampling",
        axes=(
            Axis(name=_REPLICA, values=tuple(range(n_replicas)), repeats=True),
            Axis(name=POLICY, values=tuple(policies), baseline=baseline if baseline in policies else None),
        ),
        drawing=Drawing(
            title="Policies",
            lead="What each policy found at the same cost: medians over its campaigns, which all policies began alike.",
            figures=("cells seen",),
        ),
    )


def study_result(
    system: System,
    outcomes: Sequence[Outcome],
    declared: Mapping[str, Declared],
    reference: npt.NDArray[np.float64] | None,
    campaign: CampaignSettings,
    comparison: ComparisonSettings,
) -> StudyResult:
    """Put the outcomes of a study together by policy, at the budgets that its settings ask for.

    In deterministic mode that is steps alone: core-seconds are not the same twice.
    """
    by_policy = {policy: [each for each in outcomes if each.policy == policy] for policy in declared}
    steps = 0.0 if campaign.core_seconds else campaign.steps
    asked: dict[Cost, float] = {"core-seconds": campaign.core_seconds, "steps": steps}
    if campaign.deterministic:
        del asked["core-seconds"]
    budgets = {cost: common_budget(outcomes, cost, amount) for cost, amount in asked.items()}
    return StudyResult(system, by_policy, declared, comparison.baseline, budgets, reference, comparison.lag)
