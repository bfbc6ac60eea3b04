"""The campaigns of a study: every policy with every replica's seed, each finished one kept, however often it is killed.

A campaign is done on one core with all that belongs to it (simulating, training, embedding, selecting, recording), or
spread over all workers with training beside. On one core its budget is counted by `core_clock.own_seconds`: neighbours
take no part of it. Campaigns of one seed come one after another, so that whatever slows the machine down hits all
policies alike.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, BrokenExecutor, Executor, Future, wait
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from levinthal.errors import DataError, SimulationError, UsageError
from levinthal.harness.engines.contract import WorkerLostError
from levinthal.workloads.sampling.learners.registry import LEARNERS, make_learner
from levinthal.workloads.sampling.loop.campaign import run_campaign
from levinthal.workloads.sampling.loop.core_clock import own_seconds
from levinthal.workloads.sampling.loop.plan import CampaignPlan
from levinthal.workloads.sampling.loop.retraining import Learner
from levinthal.workloads.sampling.policies.registry import BUILT_IN, make_policy
from levinthal.workloads.sampling.policies.view import Policy
from levinthal.workloads.sampling.record.reader import DATABASE, CampaignRecord
from levinthal.workloads.sampling.settings import SamplingSettings
from levinthal.workloads.sampling.study.outcome import Outcome, load_outcome, outcome_of, save_outcome
from levinthal.workloads.sampling.systems.named import System

__all__ = [
    "CampaignTask",
    "campaign_folder",
    "campaign_tasks",
    "do_alone",
    "do_over_workers",
    "options_of_learner",
    "over_workers",
    "read_options",
    "run_on_cores",
    "seeds_of",
]

_OUTCOME = "outcome.npz"
_BREAKS = 10
# Policies that look at nothing need no model.
_BLIND = ("plain", "random")


@dataclass(frozen=True, eq=False)
class CampaignTask:
    """A campaign to be done, as it travels to a worker.

    Attributes
    ----------
    system : System
        What is sampled.
    policy, learner : str
        Names; an empty learner is none.
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
    policy_options: Mapping[str, Any]
    learner: str
    learner_options: Mapping[str, Any]
    replica: int
    plan: CampaignPlan
    folder: Path
    keep_record: bool

    def make_policy(self) -> Policy:
        """Return the policy; the directed one is told its target."""
        options = dict(self.policy_options)
        if self.policy == "directed" and self.system.target is not None:
            options.setdefault("target", self.system.target)
        return make_policy(self.policy, **options)

    def make_learner(self) -> Learner | None:
        """Return the learner, if there is one."""
        return make_learner(self.learner, **self.learner_options) if self.learner else None


def campaign_folder(folder: Path, policy: str, replica: int) -> Path:
    """Return where the record of a campaign lies."""
    return folder / f"{policy}-{replica:03d}"


def read_options(options: Sequence[str], names: Sequence[str]) -> dict[str, dict[str, Any]]:
    """Read NAME.KEY=VALUE settings of policies and learners; those of one that is not used lie idle.

    Raises
    ------
    UsageError
        One that is not of this form, or of a policy or learner that there is not.
    """
    found: dict[str, dict[str, Any]] = {name: {} for name in names}
    for option in options:
        name, _, rest = option.partition(".")
        key, sign, value = rest.partition("=")
        if not sign or not key:
            raise UsageError(f"option {option!r} is not of the form NAME.KEY=VALUE, as dbscan.outliers=100")
        if name not in found:
            raise UsageError(f"option {option!r}: {name!r} is no policy or learner: there are {', '.join(names)}")
        try:
            found[name][key] = json.loads(value)
        except ValueError:
            found[name][key] = value
    return found


def _names(settings: SamplingSettings) -> list[str]:
    return list(dict.fromkeys([*settings.chosen_policies, *BUILT_IN, *LEARNERS]))


def options_of_learner(settings: SamplingSettings, device: str = "cpu") -> dict[str, Any]:
    """Return the settings of the learner; errors as for `read_options`."""
    options = read_options(settings.options, _names(settings))[settings.learner]
    if settings.learner == "cvae":
        return {"deterministic": settings.deterministic, "device": device, **options}
    return options


def campaign_tasks(
    settings: SamplingSettings,
    system: System,
    folder: Path,
    seeds: Sequence[int],
    n_workers: int,
    device: str = "cpu",
) -> list[CampaignTask]:
    """Return all campaigns of a study, those of one seed together.

    Parameters
    ----------
    settings : SamplingSettings
        What to do.
    system : System
        What to sample.
    folder : Path
        Where records go.
    seeds : sequence of int
        One a replica.
    n_workers : int
        Workers of each campaign.
    device : str
        Where the CVAE is trained when campaigns are spread over all workers.

    Raises
    ------
    UsageError
        An unknown policy, learner or option.
    """
    policies = settings.chosen_policies
    options = read_options(settings.options, _names(settings))
    learner_options = options_of_learner(settings, device)
    tasks = []
    for replica, seed in enumerate(seeds):
        plan = CampaignPlan(
            n_walkers=settings.walkers,
            chunk_steps=settings.chunk_steps,
            frame_interval=settings.frame_interval,
            seed=seed,
            n_workers=n_workers,
            max_steps=settings.steps or None,
            max_core_seconds=settings.core_seconds or None,
            first_training_frames=settings.first_training_frames,
            training_growth=settings.training_growth,
            refresh_growth=settings.refresh_growth,
        )
        for policy in policies:
            blind = policy in _BLIND
            task = CampaignTask(
                system=system,
                policy=policy,
                policy_options=options[policy],
                learner="" if blind else settings.learner,
                learner_options={} if blind else learner_options,
                replica=replica,
                plan=plan,
                folder=campaign_folder(folder, policy, replica),
                keep_record=settings.keep_records or replica == 0,
            )
            task.make_policy(), task.make_learner()  # mistakes are told before anything long begins
            tasks.append(task)
    return tasks


def _finish(task: CampaignTask) -> Path:
    """Check and measure a campaign that is done, and keep what came of it."""
    record = CampaignRecord(task.folder)
    record.verify()
    path = task.folder / _OUTCOME
    save_outcome(outcome_of(record, task.system, task.policy, task.replica, task.plan.n_workers), path)
    if not task.keep_record:
        for each in task.folder.iterdir():
            if each.name != _OUTCOME:
                each.unlink()
    return path


def _begun(task: CampaignTask) -> bool:
    """Tell whether there is a record to go on with; what is none, or damaged by a power cut, is cleared away."""
    if (task.folder / DATABASE).exists():
        try:
            CampaignRecord(task.folder).verify()
            return True
        except DataError:
            pass
    if task.folder.exists():
        shutil.rmtree(task.folder)
    return False


def do_alone(task: CampaignTask) -> Path:
    """Do a campaign in this thread, or what is left of it; return the file of its outcome."""
    if (task.folder / _OUTCOME).exists():
        return task.folder / _OUTCOME
    _warm(task)
    run_campaign(
        task.system.dynamics,
        task.make_policy(),
        task.make_learner(),
        task.folder,
        task.plan,
        resume=_begun(task),
        clock=own_seconds,
        durable=False,
    )
    return _finish(task)


def do_over_workers(
    task: CampaignTask, make_executor: Callable[[], Executor], make_learner_executor: Callable[[], Executor]
) -> Path:
    """Do a campaign with chunks on one executor and training on another; return the file of its outcome."""
    if not (task.folder / _OUTCOME).exists():
        run_campaign(
            task.system.dynamics,
            task.make_policy(),
            task.make_learner(),
            task.folder,
            task.plan,
            make_executor=make_executor,
            make_learner_executor=make_learner_executor,
            resume=_begun(task),
        )
        _finish(task)
    return task.folder / _OUTCOME


_warmed: set[tuple[str, str]] = set()


def _warm(task: CampaignTask) -> None:
    """Import and compile what the campaign needs: a process does so once, so no campaign is to pay for it."""
    key = (task.system.dynamics.sha256, task.learner)
    if key in _warmed:
        return
    import numpy as np

    if task.learner == "cvae":
        import torch

        torch.set_num_threads(1)
    dynamics, interval = task.system.dynamics, task.plan.frame_interval
    n_frames = 64
    chunk = dynamics.advance(dynamics.start(0, 0), interval, 0, interval, 0)
    frames = np.repeat(chunk.frames[:1], n_frames, axis=0)
    frames = frames + np.random.default_rng(0).normal(0.0, 0.05, frames.shape).astype(np.float32)
    learner = task.make_learner()
    if learner is not None:
        learner.fit(frames, None, 0).embed(frames)
    _warmed.add(key)


def run_on_cores(
    tasks: Sequence[CampaignTask],
    executor: Executor,
    make_executor: Callable[[], Executor],
    on_outcome: Callable[[Outcome], None],
) -> list[Outcome]:
    """Do campaigns side by side, each in a worker; one whose worker dies goes on where its record ends.

    Parameters
    ----------
    tasks : sequence of CampaignTask
        In the order in which they are begun.
    executor : Executor
        Where they run.
    make_executor : callable
        Gives another one where it breaks.
    on_outcome : callable
        Told of each that is done.

    Returns
    -------
    list of Outcome
        In the order of the tasks.

    Raises
    ------
    SimulationError
        The workers die again and again.
    """
    outcomes: dict[int, Outcome] = {}
    pool, own = executor, False
    losses = 0
    try:
        for _ in range(_BREAKS):
            left: dict[Future[Path], int] = {}
            try:
                for k, task in enumerate(tasks):
                    if k not in outcomes:
                        left[pool.submit(do_alone, task)] = k
                while left:
                    for future in wait(left, return_when=FIRST_COMPLETED).done:
                        k = left.pop(future)
                        try:
                            outcomes[k] = load_outcome(future.result())
                        except WorkerLostError:  # the others go on
                            losses += 1
                            if losses > _BREAKS * len(tasks):
                                raise _dying(losses) from None
                            left[pool.submit(do_alone, tasks[k])] = k
                            continue
                        on_outcome(outcomes[k])
                return [outcomes[k] for k in range(len(tasks))]
            except BrokenExecutor:
                if own:
                    pool.shutdown(wait=False, cancel_futures=True)
                pool, own = make_executor(), True
        raise _dying(_BREAKS)
    finally:
        if own:
            pool.shutdown(wait=False, cancel_futures=True)


def _dying(times: int) -> SimulationError:
    return SimulationError(
        f"the workers died {times} times, perhaps for want of memory: take fewer, or smaller campaigns"
    )


def seeds_of(seed_for: Callable[..., int], n_replicas: int) -> list[int]:
    """Return a campaign's seed for each replica."""
    return [seed_for(f"replica {k}", bits=31) for k in range(n_replicas)]


def over_workers(
    tasks: Sequence[CampaignTask],
    make_executor: Callable[[], Executor],
    make_learner_executor: Callable[[], Executor],
    on_outcome: Callable[[Outcome], None],
) -> list[Outcome]:
    """Do campaigns one after another, each over all workers; returns as `run_on_cores`."""
    do = partial(do_over_workers, make_executor=make_executor, make_learner_executor=make_learner_executor)
    outcomes = []
    for task in tasks:
        outcome = load_outcome(do(task))
        outcomes.append(outcome)
        on_outcome(outcome)
    return outcomes
