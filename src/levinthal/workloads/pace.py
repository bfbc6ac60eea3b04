"""How fast something goes here, from about a second of the real thing: what estimates before long runs rest on."""

from __future__ import annotations

import time
from collections.abc import Callable

__all__ = ["units_per_second"]

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
