"""How fast something goes here, from about a second of the real thing: what estimates before long runs rest on."""

from __future__ import annotations

import time
from collections.abc import Callable

from levinthal.harness import Run

__all__ = ["estimate_after", "units_per_second"]

_TIMED_S = 1.0
_MOST_DOUBLINGS = 10


def units_per_second(work: Callable[[int], object], least: int) -> float:
    """Return how many units of work are done in a second.

    Parameters
    ----------
    work : callable
        Does so many units and waits until they are done; called once to warm up, then with growing numbers for about
        a second.
    least : int
        The fewest units that it can do at a time.
    """
    work(least)
    done, n, began_s = 0, least, time.perf_counter()
    while (spent_s := time.perf_counter() - began_s) < _TIMED_S:
        work(n)
        done, n = done + n, min(2 * n, least << _MOST_DOUBLINGS)
    return done / spent_s


def estimate_after(run: Run, first: int, n: int, what: str) -> Callable[[], None]:
    """Return what is to be called after each unit of work, all alike: it says from one of the first how long all take.

    Parameters
    ----------
    run : Run
    first : int
        Which unit is timed, from 1: the second where the first also compiles or loads. Where there are no more units
        than that, nothing is said.
    n : int
        Units of work in all.
    what : str
        What is done, for example `training of the policy, 25 updates`.
    """
    began_s, done = time.perf_counter(), 0

    def unit_done() -> None:
        nonlocal began_s, done
        now_s = time.perf_counter()
        done += 1
        if done == first < n:
            run.estimate(what, duration_s=n * (now_s - began_s))
        began_s = now_s

    return unit_done
