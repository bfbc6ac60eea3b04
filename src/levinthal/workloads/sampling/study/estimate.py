"""What the campaigns of a study will cost here, said before they begin, from a second of the real simulation."""

from __future__ import annotations

import math
from collections.abc import Sequence

from levinthal.harness import Run
from levinthal.workloads.pace import units_per_second
from levinthal.workloads.sampling.study.tasks import CampaignTask
from levinthal.workloads.sampling.systems.dynamics import Dynamics
from levinthal.workloads.sampling.systems.system import System

__all__ = ["report_estimate", "steps_per_second"]


def steps_per_second(dynamics: Dynamics, frame_interval: int) -> float:
    """Return how many steps a core makes in a second."""
    state = dynamics.start(0, 0)

    def simulate(n_steps: int) -> None:
        nonlocal state
        state = dynamics.advance(state, n_steps, 0, frame_interval, 0).end_state

    return units_per_second(simulate, frame_interval)


def report_estimate(
    run: Run, system: System, tasks: Sequence[CampaignTask], *, on_cores: bool, real_time: bool
) -> None:
    """Say how many steps and frames the campaigns will have and how long that takes, in the phase `estimate`.

    Parameters
    ----------
    run : Run
    system : System
    tasks : sequence of CampaignTask
        All campaigns; they have one budget.
    on_cores : bool
        Whether each has one core, several side by side, or all workers, one after another.
    real_time : bool
        Whether the time of a step is a protein's; that of a Go model is not.
    """
    plan, n_workers = tasks[0].plan, run.n_workers
    with run.phase("estimate", doing="a second of this system on every worker"):
        # all at once, as later: neighbours share caches, clocks and memory
        timed = [run.executor.submit(steps_per_second, system.dynamics, plan.frame_interval) for _ in range(n_workers)]
        rate = min(each.result() for each in timed)
    at_once = min(n_workers, len(tasks)) if on_cores else 1
    cores = 1 if on_cores else n_workers
    by_time = math.inf if plan.max_core_seconds is None else plan.max_core_seconds * rate
    steps = min(by_time, plan.max_steps or math.inf)
    duration_s = math.ceil(len(tasks) / at_once) * steps / (rate * cores)
    simulated = f" ({1e-3 * system.time_step_ps * steps:.3g} ns)" if real_time and system.time_step_ps else ""
    run.estimate(
        f"{len(tasks)} campaign(s) of {steps:,.0f} steps{simulated}, {len(tasks) * steps / plan.frame_interval:,.0f} "
        f"frames in all, at {rate:,.0f} steps/s a core; trainings come on top",
        duration_s=duration_s,
    )
    if steps < plan.chunk_steps:
        enough_s = math.ceil(10 * plan.n_walkers * plan.chunk_steps / rate)
        run.warn(
            f"A chunk of {plan.chunk_steps:,} steps takes more than the budget of {plan.max_core_seconds:g} "
            f"core-seconds here: set core_seconds={enough_s}, or lower chunk_steps."
        )
