"""The systems of a study, each with what is done and known of it; a study of one system is a panel of one."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field, replace
from pathlib import Path

from levinthal.harness import Run
from levinthal.harness.study import StudyPlan
from levinthal.workloads.sampling.policies.view import Answer
from levinthal.workloads.sampling.study.campaigns import CampaignFailure
from levinthal.workloads.sampling.study.outcome import Outcome
from levinthal.workloads.sampling.study.reference import Reference
from levinthal.workloads.sampling.study.result import SYSTEM, StudyResult, study_plan, study_result
from levinthal.workloads.sampling.study.settings import CampaignSettings, ComparisonSettings
from levinthal.workloads.sampling.study.tasks import CampaignTask, campaign_tasks, entries_of
from levinthal.workloads.sampling.systems.system import System

Found = Outcome | CampaignFailure


@dataclass(frozen=True, eq=False)
class PanelSystem:
    """A system of a study.

    Attributes
    ----------
    name : str
        As it was asked for; empty where it is the only one, which needs no label.
    system : System
        What is sampled.
    campaign, comparison
        The settings that hold of it.
    folder : Path
        Of the records of its campaigns.
    seeds : tuple of int
        One a replica.
    workers : tuple of (int, str)
        Workers of each campaign, and where models are trained.
    is_built_in : bool
        Whether it is one whose cost is known, and needs no estimate.
    reference : Reference or None
        What sampling is held against.
    tasks : tuple of CampaignTask
        Its campaigns, those of one seed together.
    """

    name: str
    system: System
    campaign: CampaignSettings
    comparison: ComparisonSettings
    folder: Path
    seeds: tuple[int, ...]
    workers: tuple[int, str]
    is_built_in: bool = True
    reference: Reference | None = None
    tasks: tuple[CampaignTask, ...] = field(default=())

    def labelled(self, run: Run) -> AbstractContextManager[None]:
        """Give what is recorded meanwhile the label of the system, where there are several."""
        return run.labelled(**{SYSTEM: self.name}) if self.name else nullcontext()

    def with_tasks(self, answer: Answer | None = None) -> PanelSystem:
        """Return the same with its campaigns; errors as for `campaign_tasks`."""
        policies = self.comparison.chosen_policies
        tasks = campaign_tasks(self.campaign, policies, self.system, self.folder, self.seeds, *self.workers, answer)
        return replace(self, tasks=tuple(tasks))

    def result(self, found: Sequence[Found], price_s: float | None) -> StudyResult:
        """Return what came of its campaigns; errors as for `study_result`."""
        own_price_s = None if self.is_all_atom else price_s
        return study_result(
            self.system, found, entries_of(self.tasks), self.reference, self.campaign, self.comparison, self.folder,
            own_price_s,
        )  # fmt: skip

    @property
    def is_all_atom(self) -> bool:
        """Whether its steps are those of all atoms, and cost what they cost."""
        return self.system.molecule is not None and not self.system.reduced_units


def folder_of(system: str) -> str:
    """Return the name of the folder of a system's campaigns in a panel; no two names share one."""
    plain = re.sub(r"[^\w.+-]+", "_", system).strip(".")
    return f"{plain}-{hashlib.sha256(system.encode()).hexdigest()[:6]}"


def plan_of(systems: Sequence[PanelSystem]) -> StudyPlan:
    """Return the study as a grid, with an axis of systems where there are several."""
    entries = {each.name: entries_of(each.tasks) for each in systems}
    shares = any(entry.declared.is_ceiling for own in entries.values() for entry in own.values())
    comparison = systems[0].comparison
    return study_plan(
        {name: tuple(own) for name, own in entries.items()}, comparison.replicas, comparison.baseline, shares=shares
    )


def in_turn(systems: Sequence[PanelSystem]) -> list[CampaignTask]:
    """Return all campaigns in the order in which they are begun: of each seed those of all systems, one after another.

    So what is done of a study that is killed, or of a machine that slows down, is alike for all.
    """
    return sorted((task for each in systems for task in each.tasks), key=lambda task: task.replica)


def by_system(
    systems: Sequence[PanelSystem], tasks: Sequence[CampaignTask], found: Sequence[Found]
) -> Iterator[tuple[PanelSystem, list[Found]]]:
    """Yield each system with what came of its campaigns."""
    for each in systems:
        own = {id(task) for task in each.tasks}
        yield each, [one for task, one in zip(tasks, found, strict=True) if id(task) in own]


def those_that_hold(
    run: Run, systems: Sequence[PanelSystem], make: Callable[[PanelSystem], PanelSystem]
) -> list[PanelSystem]:
    """Return systems made ready; one of several that cannot be is left out and named.

    Raises
    ------
    LevinthalError
        That of the only system, or of the first where none is left.
    """
    from levinthal.errors import Interrupted, LevinthalError, WriteError

    kept, errors = [], []
    for each in systems:
        try:
            kept.append(make(each))
        except (Interrupted, WriteError):
            raise
        except LevinthalError as error:
            errors.append(error)
            if len(systems) > 1:
                with each.labelled(run):
                    run.warn(f"left out, the other systems stand; {error}.")
    if not kept:
        raise errors[0]
    return kept
