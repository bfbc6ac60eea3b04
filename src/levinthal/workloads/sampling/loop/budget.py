"""What a campaign may spend, and what it has spent: steps and core-seconds."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

from levinthal.workloads.sampling.loop.plan import CampaignPlan

_SCHEDULER = Path("/proc/thread-self/schedstat")  # ns on a core, ns waiting for one, slices


def own_seconds() -> float:
    """Return seconds on the clock less those in which this thread was ready to run and other programs had its core.

    Work and idling count, a neighbour's work does not: so two campaigns that run at different times on a shared machine
    have the same budget. Only differences mean anything. Where the kernel does not say (it is Linux's scheduler that
    does) this is `time.monotonic`.
    """
    try:
        waited_ns = int(_SCHEDULER.read_text(encoding="ascii").split()[1])
    except (OSError, IndexError, ValueError):
        waited_ns = 0
    return time.monotonic() - 1e-9 * waited_ns


class Budget:
    """The account of a campaign.

    Parameters
    ----------
    plan : CampaignPlan
        With its limits.
    steps : int
        Already on record.
    paid_core_s : float
        Core-seconds of earlier sessions.
    clock : callable
        Seconds of each of the plan's cores; only differences count.
    """

    def __init__(self, plan: CampaignPlan, steps: int, paid_core_s: float, clock: Callable[[], float]) -> None:
        self._plan, self._claimed, self._paid_core_s, self._clock = plan, steps, paid_core_s, clock
        self._began, self._clock_began = time.monotonic(), clock()

    def wall_s(self) -> float:
        """Return the wall-clock of this session."""
        return time.monotonic() - self._began

    def core_seconds(self) -> float:
        """Return what was spent, all sessions together."""
        return self._paid_core_s + self._plan.cores * (self._clock() - self._clock_began)

    def seconds_left(self) -> float | None:
        """Return the seconds on the clock that are left, None where there is no limit."""
        if self._plan.max_core_seconds is None:
            return None
        return max(self._plan.max_core_seconds - self.core_seconds(), 0.0) / self._plan.cores

    def spent(self) -> bool:
        """Return whether no time is left; chunks that have begun are let finish."""
        return self.seconds_left() == 0.0

    def allows(self, n_steps: int) -> bool:
        """Return whether a chunk of so many steps may begin."""
        return not self.spent() and (self._plan.max_steps is None or self._claimed + n_steps <= self._plan.max_steps)

    def claim(self, n_steps: int) -> None:
        """Count steps that are about to be made; negative ones are given back."""
        self._claimed += n_steps
