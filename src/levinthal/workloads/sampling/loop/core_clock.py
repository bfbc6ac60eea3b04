"""Time of a core that a neighbour on the same core does not lengthen: what a budget of core-seconds is counted in."""

from __future__ import annotations

import time
from pathlib import Path

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
