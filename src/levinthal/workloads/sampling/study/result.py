"""All campaigns of a study and what they are held against."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TypeAlias

from levinthal.errors import DataError, SimulationError
from levinthal.harness.study import Axis, Drawing, Point, StudyPlan
from levinthal.workloads.sampling.policies.registry import Declared
from levinthal.workloads.sampling.study.campaigns import CampaignFailure
from levinthal.workloads.sampling.study.evaluation import Cost, common_budget, divergences, frames_within
from levinthal.workloads.sampling.study.outcome import Outcome
from levinthal.workloads.sampling.study.reference import Reference
from levinthal.workloads.sampling.study.settings import CampaignSettings, ComparisonSettings
from levinthal.workloads.sampling.study.tasks import Entry
from levinthal.workloads.sampling.systems.system import System

POLICY, _REPLICA, SYSTEM = "policy", "replica", "system"
HEADLINE = "share of the possible"
Divergences: TypeAlias = Mapping[str, Mapping[int, tuple[float, float]]]
"""To the reference, of frames as they come and reweighted, by policy and replica."""


@dataclass(frozen=True, eq=False)
class StudyResult:
    """All campaigns of a repeat and what they are held against.

    Attributes
    ----------
    system : System
        What was sampled.
    outcomes : mapping of str to sequence of Outcome
        By policy, those of its replicas that were done, in order; a policy without any is not among them.
    failures : tuple of CampaignFailure
        The campaigns that could not be done.
    n_replicas : int
        How many of each policy there were to be.
    entries : mapping of str to Entry
        What takes part, by policy.
    folder : Path
        Where the records of its campaigns are.
    baseline : str
        What other policies are compared with.
    budgets : mapping of str to float
        What each campaign had, by cost; what was found is told at the first.
    reference : Reference or None
        Populations to compare with.
    lag : int
        Of Markov state models, in frames.
    headline : str
        The policy that the headline is of, as declared beforehand; empty where the first is meant.
    limit : str
        The cost that ended the campaigns.
    """

    system: System
    outcomes: Mapping[str, Sequence[Outcome]]
    failures: tuple[CampaignFailure, ...]
    n_replicas: int
    entries: Mapping[str, Entry]
    folder: Path
    baseline: str
    budgets: Mapping[Cost, float]
    reference: Reference | None
    lag: int
    headline: str = ""
    limit: Cost = "core-seconds"

    @property
    def cost(self) -> Cost:
        """The cost at which is told what campaigns found."""
        return next(iter(self.budgets))

    @property
    def declared(self) -> dict[str, Declared]:
        """What each policy says of itself."""
        return {name: entry.declared for name, entry in self.entries.items()}

    @property
    def controls(self) -> tuple[str, ...]:
        """The policies that others have to beat."""
        return tuple(policy for policy in self.outcomes if self.declared[policy].is_control)

    @property
    def ceilings(self) -> tuple[str, ...]:
        """The policies that know the answer and show what is possible."""
        return tuple(policy for policy in self.outcomes if self.declared[policy].is_ceiling)

    @property
    def leader(self) -> str:
        """The policy of the headline, and of pictures of a single campaign: declared, else no control or ceiling."""
        aside = (*self.controls, *self.ceilings)
        declared = [policy for policy in self.outcomes if self.entries[policy].kind == self.headline]
        return next(iter((*declared, *(each for each in self.outcomes if each not in aside))), list(self.outcomes)[-1])

    def without_a_frame(self, cost: Cost) -> int:
        """Return how many campaigns had nothing yet at the end of the budget of that cost."""
        every = (each for side in self.outcomes.values() for each in side)
        return sum(not frames_within(each, cost, self.budgets[cost]) for each in every)

    @property
    def plan(self) -> StudyPlan:
        """The study as a grid."""
        return study_plan({"": list(self.entries)}, self.n_replicas, self.baseline, shares=bool(self.ceilings))

    def at_points(self) -> dict[Point, Outcome]:
        """Return the outcome of each point of the grid whose campaign was done."""
        found = {(policy, each.replica): each for policy, side in self.outcomes.items() for each in side}
        keys = {point: (str(point[POLICY]), int(point[_REPLICA])) for point in self.plan.points()}
        return {point: found[key] for point, key in keys.items() if key in found}

    def divergences(self, cost: Cost) -> Divergences:
        """Return the divergences of all campaigns to the reference at the end of the budget; empty without it."""
        if self.reference is None:
            return {}
        return {
            policy: {
                each.replica: divergences(each, self.reference.populations, self.lag, cost, self.budgets[cost])
                for each in side
            }
            for policy, side in self.outcomes.items()
        }


def study_plan(
    policies: Mapping[str, Sequence[str]], n_replicas: int, baseline: str, *, shares: bool = False
) -> StudyPlan:
    """Return policies by replicas: those of one seed together, which are the pairs in which policies are compared.

    Parameters
    ----------
    policies : mapping of str to sequence of str
        By system; a single one has no axis.
    n_replicas : int
    baseline : str
        What other policies are compared with.
    shares : bool
        Whether there are shares of the possible to be drawn.
    """
    every = tuple(dict.fromkeys(each for own in policies.values() for each in own))
    panel = len(policies) > 1
    axes = (
        Axis(name=_REPLICA, values=tuple(range(n_replicas)), repeats=True),
        *((Axis(name=SYSTEM, values=tuple(policies)),) if panel else ()),
        Axis(name=POLICY, values=every, baseline=baseline if baseline in every else None),
    )
    return StudyPlan(
        kind="sampling",
        axes=axes,
        parts=tuple({SYSTEM: (system,), POLICY: tuple(own)} for system, own in policies.items()) if panel else (),
        drawing=Drawing(
            title="Policies",
            lead="What each policy found at the same cost: medians over its campaigns, which all policies began alike"
            + shares * ", and its share of the possible, from plain simulation (0) to those who know the answer (1)"
            + ".",
            figures=(HEADLINE if shares else "cells seen",),
        ),
    )


def study_result(
    system: System,
    found: Sequence[Outcome | CampaignFailure],
    entries: Mapping[str, Entry],
    reference: Reference | None,
    campaign: CampaignSettings,
    comparison: ComparisonSettings,
    folder: Path,
    all_atom_step_s: float | None = None,
) -> StudyResult:
    """Put the campaigns of a study together by policy, at the budgets that its settings ask for.

    In deterministic mode that is steps alone: core-seconds are not the same twice. Else, where a price of an all-atom
    step is given, campaigns are compared at equal core-seconds of that kind, too.

    Raises
    ------
    DataError, SimulationError
        No campaign could be done; the reason is that of the first.
    """
    failures = tuple(each for each in found if isinstance(each, CampaignFailure))
    outcomes = [each for each in found if isinstance(each, Outcome)]
    if not outcomes:
        kind = DataError if failures[0].mistake else SimulationError
        raise kind(f"no campaign could be done; the first, of {failures[0].policy}: {failures[0].reason}")
    asked: dict[Cost, float] = {
        "core-seconds": campaign.core_seconds,
        "steps": 0.0 if campaign.core_seconds else campaign.steps,
    }
    if campaign.deterministic:
        del asked["core-seconds"]
    elif all_atom_step_s is not None:
        outcomes = [replace(each, all_atom_step_s=all_atom_step_s) for each in outcomes]
        asked["all-atom core-seconds"] = 0.0
    by_policy = {policy: [each for each in outcomes if each.policy == policy] for policy in entries}
    by_policy = {policy: side for policy, side in by_policy.items() if side}
    budgets = {cost: common_budget(outcomes, cost, amount) for cost, amount in asked.items()}
    return StudyResult(
        system,
        by_policy,
        failures,
        comparison.replicas,
        entries,
        folder,
        comparison.baseline,
        budgets,
        reference,
        comparison.lag,
        comparison.headline,
        "core-seconds" if campaign.core_seconds else "steps",
    )
