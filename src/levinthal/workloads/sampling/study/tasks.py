"""The campaigns of a study as tasks: every policy with every replica's seed, those of one seed together."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from levinthal.errors import UsageError
from levinthal.workloads.sampling.learners.learner import LEARNERS, Learner, make_learner
from levinthal.workloads.sampling.loop.plan import CampaignPlan
from levinthal.workloads.sampling.policies.registry import POLICIES, Declared, declared_by, make_policy
from levinthal.workloads.sampling.policies.view import Answer, Policy
from levinthal.workloads.sampling.study.answer import Arrives
from levinthal.workloads.sampling.study.settings import CampaignSettings
from levinthal.workloads.sampling.systems.system import System


@dataclass(frozen=True, eq=False)
class CampaignTask:
    """A campaign to be done, as it travels to a worker.

    Attributes
    ----------
    system : System
        What is sampled.
    policy, learner : str
        Names; an empty learner is none. A ceiling is named with its strategy, and where there are several learners a
        policy that needs one with its learner.
    kind : str
        The policy's name in the registry.
    answer : Answer or None
        What a policy is given that wants the answer.
    policy_options, learner_options : mapping
        Their settings.
    replica : int
        Its number among those of its policy.
    plan : CampaignPlan
        Budget, seed and so on.
    folder : Path
        Of its record.
    keep_record : bool
        Whether the record stays when it was measured.
    """

    system: System
    policy: str
    kind: str
    policy_options: Mapping[str, Any]
    learner: str
    learner_options: Mapping[str, Any]
    replica: int
    plan: CampaignPlan
    folder: Path
    keep_record: bool
    answer: Answer | None = None

    @property
    def outcome(self) -> Path:
        """The file of what came of it."""
        return self.folder / "outcome.npz"

    def make_policy(self) -> Policy:
        """Return the policy; one that wants a target is given the system's."""
        options = dict(self.policy_options)
        if self.system.target is not None and POLICIES.declared(self.kind, "wants_target"):
            options.setdefault("target", self.system.target)
        if POLICIES.declared(self.kind, "wants_answer"):
            options["answer"] = self.answer
        if POLICIES.declared(self.kind, "wants_event"):
            if not self.system.observables.event:
                raise UsageError(f"policy {self.kind} is for the rate of an event: {self.system.name} declares none")
            options["event"] = Arrives(self.system.observables)
        return make_policy(self.kind, **options)

    def make_learner(self) -> Learner | None:
        """Return the learner, if there is one."""
        return make_learner(self.learner, **self.learner_options) if self.learner else None


def campaign_folder(folder: Path, policy: str, replica: int) -> Path:
    """Return where the record of a campaign lies."""
    return folder / f"{policy}-{replica:03d}"


def read_options(options: Sequence[str]) -> dict[str, dict[str, Any]]:
    """Read NAME.KEY=VALUE settings of policies and learners, by name; those of one that is not used lie idle.

    Raises
    ------
    UsageError
        One that is not of this form, or of a policy or learner that does not exist.
    """
    found: dict[str, dict[str, Any]] = {name: {} for name in (*POLICIES.names(), *LEARNERS.names())}
    for option in options:
        name, _, rest = option.partition(".")
        key, sign, value = rest.partition("=")
        if not sign or not key:
            raise UsageError(f"option {option!r} is not of the form NAME.KEY=VALUE, as dbscan.outliers=100")
        if name not in found:
            raise UsageError(f"option {option!r}: {name!r} is not a policy or learner: there are {', '.join(found)}")
        try:
            found[name][key] = json.loads(value)
        except ValueError:
            found[name][key] = value
    return found


def learner_options(settings: CampaignSettings, learner: str, system: System, device: str = "cpu") -> dict[str, Any]:
    """Return the settings of a learner; errors as for `read_options`."""
    options = read_options(settings.options)[learner]
    if LEARNERS.declared(learner, "wants_device"):
        options = {"deterministic": settings.deterministic, "device": device, **options}
    if LEARNERS.declared(learner, "wants_coordinates"):
        options = {"coordinates": system.true_coordinates, **options}
    return options


def campaign_tasks(
    settings: CampaignSettings,
    policies: Sequence[str],
    system: System,
    folder: Path,
    seeds: Sequence[int],
    n_workers: int,
    device: str = "cpu",
    answer: Answer | None = None,
) -> list[CampaignTask]:
    """Return all campaigns of a study, those of one seed together.

    Parameters
    ----------
    settings : CampaignSettings
        How each runs.
    policies : sequence of str
        Their policies.
    system : System
        What to sample.
    folder : Path
        Where records go.
    seeds : sequence of int
        One a replica.
    n_workers : int
        Workers of each campaign.
    device : str
        Where models are trained.
    answer : Answer, optional
        What is given to policies that want it; a ceiling becomes a policy for each strategy that it allows.

    Raises
    ------
    UsageError
        An unknown option, or one out of range.
    """
    options = read_options(settings.options)
    plan = CampaignPlan(
        n_walkers=settings.walkers,
        chunk_steps=settings.chunk_steps,
        frame_interval=settings.frame_interval,
        seed=seeds[0],
        n_workers=n_workers,
        max_steps=settings.steps or None,
        max_core_seconds=settings.core_seconds or None,
        first_training_frames=settings.first_training_frames,
        training_growth=settings.training_growth,
        refresh_growth=settings.refresh_growth,
    )
    first = []
    for policy in policies:
        task = CampaignTask(
            system, policy, policy, options[policy], "", {}, 0, plan, folder, keep_record=True, answer=answer
        )
        # mistakes are reported before anything long begins
        made = task.make_policy()
        first += _with_learners(task, settings, device) if declared_by(made).needs_model else _strategies(task, made)
    return [
        replace(
            task,
            replica=replica,
            plan=replace(plan, seed=seed),
            folder=campaign_folder(folder, task.policy, replica),
            keep_record=settings.keep_records or replica == 0,
        )
        for replica, seed in enumerate(seeds)
        for task in first
    ]


def _with_learners(task: CampaignTask, settings: CampaignSettings, device: str) -> list[CampaignTask]:
    """Return a policy that needs a learner with each that is asked for; its mistakes are told, too."""
    found = []
    for learner in settings.chosen_learners:
        options = learner_options(settings, learner, task.system, device)
        name = f"{task.policy}-{learner}" if settings.learners else task.policy
        found.append(replace(task, policy=name, learner=learner, learner_options=options))
        found[-1].make_learner()
    return found


def _strategies(task: CampaignTask, policy: Policy) -> list[CampaignTask]:
    """Return a ceiling once for each strategy that the answer allows, unless one is asked for; any other as it is."""
    if not declared_by(policy).is_ceiling or task.answer is None or "strategy" in task.policy_options:
        return [task]
    return [
        replace(task, policy=f"{task.kind}-{each}", policy_options={**task.policy_options, "strategy": each})
        for each in policy.strategies(task.answer)  # type: ignore[attr-defined]
    ]


@dataclass(frozen=True)
class Entry:
    """A policy as it takes part in a study: what it says of itself, its kind, and the learner that it is run with.

    Attributes
    ----------
    kind, learner : str
        Names in the registries; an empty learner is none.
    declared : Declared
    first : str
        The same policy on the first of several learners, which it is compared with; empty where there is none other.
    """

    kind: str
    learner: str
    declared: Declared
    first: str = ""


def entries_of(tasks: Sequence[CampaignTask]) -> dict[str, Entry]:
    """Return what takes part in a study by its name there, in their order."""
    firsts: dict[str, str] = {}
    found = {}
    for task in tasks:
        if task.replica == 0 and task.policy not in found:
            first = firsts.setdefault(task.kind, task.policy) if task.learner else task.policy
            other = first if first != task.policy else ""
            found[task.policy] = Entry(task.kind, task.learner, declared_by(task.make_policy()), other)
    return found


def seeds_of(seed_for: Callable[..., int], n_replicas: int) -> list[int]:
    """Return a campaign's seed for each replica."""
    return [seed_for(f"replica {k}", bits=31) for k in range(n_replicas)]
