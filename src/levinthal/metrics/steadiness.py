"""Whether other programs disturbed this machine while something was measured on it.

A control, the same short loop on each core, is timed before and after. It says that the machine was disturbed where it
did not have a core to itself, and where it took another time at the end than at the beginning.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import NamedTuple, TypeVar

ALLOWED = 0.15
"""Share by which the control may move, and that it may lack of a core."""

_MOST_CORES = 16
_CHUNKS, _STEPS = 9, 40_000  # of some 3 ms each
_REST_S = 0.25  # pools of threads spin for a while after their work

T = TypeVar("T")


class Control(NamedTuple):
    """The loop on the core that was worst off.

    Attributes
    ----------
    seconds : float
        Median of its parts.
    share : float
        Processor time over time: what it got of the core.
    """

    seconds: float
    share: float


def measure_control() -> Control:
    """Time the loop on each core that this process may use, at most 16, one after the other; within a second."""
    time.sleep(_REST_S)
    found = []
    for core in _cores():
        with _pinned(core):
            found.append(_loop())
    return Control(max(each.seconds for each in found), min(each.share for each in found))


def disturbance(before: Control, after: Control) -> str | None:
    """Return in words how the machine was disturbed between two controls; None where it was not."""
    share = min(before.share, after.share)
    if share < 1.0 - ALLOWED:
        return f"other programs held a core: the control got {100 * share:.0f} % of it"
    moved = after.seconds / before.seconds - 1.0
    if abs(moved) > ALLOWED:
        return f"the control took {100 * abs(moved):.0f} % {'longer' if moved > 0 else 'less'} at the end"
    return None


def measured_steadily(measure: Callable[[], T]) -> tuple[T, str | None]:
    """Return what a measurement gives, made once more where the machine was disturbed, and how it was the last time.

    Parameters
    ----------
    measure : callable
        Measures and returns what was found.
    """
    for _ in range(2):
        before = measure_control()
        found = measure()
        why = disturbance(before, measure_control())
        if why is None:
            break
    return found, why


def _cores() -> list[int | None]:
    if not hasattr(os, "sched_getaffinity"):
        return [None]
    cores = sorted(os.sched_getaffinity(0))
    return list(cores[:: -(-len(cores) // _MOST_CORES)])


@contextmanager
def _pinned(core: int | None) -> Iterator[None]:
    if core is None:
        yield
        return
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {core})
    try:
        yield
    finally:
        os.sched_setaffinity(0, before)


def _loop() -> Control:
    seconds = []
    start_s, start_cpu_s = time.perf_counter(), time.thread_time()
    for _ in range(_CHUNKS):
        began_s, state = time.perf_counter(), 1
        for _ in range(_STEPS):
            state = (state * 1103515245 + 12345) & 0x7FFFFFFF
        seconds.append(time.perf_counter() - began_s)
    share = (time.thread_time() - start_cpu_s) / (time.perf_counter() - start_s)
    return Control(sorted(seconds)[len(seconds) // 2], share)
