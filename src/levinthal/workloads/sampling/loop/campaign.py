"""The loop: as each chunk comes back its frames are kept, embedded, and the policy says what that walker does next.

Nothing waits for anything else. Chunks run on any executor, training on another; while more chunks are in flight than
there are workers, a walker's next chunk is submitted after the decision about it, otherwise before, so that no worker
waits for the coordinator and the decision holds one chunk later. What was decided on which data is on record.

With one worker (or the executor that runs inline) and training inline the same seed gives the same decisions.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from concurrent.futures import Executor
from contextlib import ExitStack, closing
from pathlib import Path

from levinthal.harness.engines.built_in.inline import InlineExecutor
from levinthal.workloads.sampling.learners.learner import Learner
from levinthal.workloads.sampling.loop.coordinator import Coordinator
from levinthal.workloads.sampling.loop.flight import WorkerPool
from levinthal.workloads.sampling.loop.plan import CampaignPlan, CampaignResult
from levinthal.workloads.sampling.loop.retraining import FrameFile, Retraining
from levinthal.workloads.sampling.policies.view import Policy
from levinthal.workloads.sampling.record.reader import FRAMES, CampaignHeader
from levinthal.workloads.sampling.record.rows import ChunkRow
from levinthal.workloads.sampling.record.writer import CampaignWriter
from levinthal.workloads.sampling.systems.dynamics import Dynamics

__all__ = ["CampaignPlan", "CampaignResult", "run_campaign"]


def run_campaign(
    dynamics: Dynamics,
    policy: Policy,
    learner: Learner | None,
    folder: str | Path,
    plan: CampaignPlan,
    *,
    make_executor: Callable[[], Executor] = InlineExecutor,
    make_learner_executor: Callable[[], Executor] = InlineExecutor,
    resume: bool = False,
    on_chunk: Callable[[ChunkRow], None] | None = None,
    clock: Callable[[], float] = time.monotonic,
    durable: bool = True,
) -> CampaignResult:
    """Sample until the budget is spent.

    A campaign that was killed goes on by `resume`: every chunk that was committed is there, what was in flight is made
    again with the same seed from the same frame. Its model is trained again, on all frames.

    Parameters
    ----------
    dynamics : Dynamics
        The system.
    policy : Policy
        Says what each walker does next.
    learner : Learner or None
        Makes the model that embeds frames; without one the policy sees an embedding without columns.
    folder : str or Path
        Of the record.
    plan : CampaignPlan
        How, and how much.
    make_executor : callable
        Gives the executor for the simulations, and another one when it breaks; it is shut down at the end.
    make_learner_executor : callable
        The same for training; without it training is done inline.
    resume : bool
        Go on with what `folder` holds.
    on_chunk : callable, optional
        Called in this thread with the row of each chunk as it is committed.
    clock : callable
        Seconds in which the budget is counted, times the plan's cores; `budget.own_seconds` where all of the
        campaign is done in this thread.
    durable : bool
        Whether a power cut, and not only a kill, is survived; see `CampaignWriter`.

    Raises
    ------
    SimulationError
        Nothing can be simulated any more, or the workers die again and again; what was committed is on record.
    UsageError, DataError, ResultError
        As for `CampaignWriter`; a policy that chose what is not there.
    """
    folder = Path(folder).absolute()  # workers elsewhere have another current folder
    header = CampaignHeader(
        system=dynamics.name,
        system_sha256=dynamics.sha256,
        frame_shape=dynamics.frame_shape,
        state_width=dynamics.state_width,
        n_walkers=plan.n_walkers,
        chunk_steps=plan.chunk_steps,
        frame_interval=plan.frame_interval,
        seed=plan.seed,
        policy=policy.name,
        learner="" if learner is None else learner.name,
    )
    with ExitStack() as stack:
        record = stack.enter_context(CampaignWriter(folder, header, resume=resume, durable=durable))
        pool = stack.enter_context(closing(WorkerPool(make_executor, plan.n_workers)))
        retraining = None
        if learner is not None:
            frames = FrameFile(folder / FRAMES, dynamics.frame_shape)
            retraining = Retraining(learner, frames, make_learner_executor, plan, _last_version(record))
            stack.callback(retraining.close)
        coordinator = Coordinator(dynamics, policy, plan, record, pool, retraining, on_chunk, clock)
        stack.callback(coordinator.close)
        coordinator.run()
        return coordinator.result()


def _last_version(record: CampaignWriter) -> int:
    models = record.history()[2]
    return models[-1].version if models else 0
