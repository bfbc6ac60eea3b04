"""Compiled loops: how numba makes them, and how threads share their work.

Importing this module imports numba, which is slow: import it only where a loop is about to run.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from itertools import pairwise
from typing import Any, TypeVar

from numba import njit

__all__ = ["compiled", "in_parts", "run_together"]

T = TypeVar("T")


class _Thread(threading.local):
    is_ours: bool = False


_thread = _Thread()
_pools: dict[int, ThreadPoolExecutor] = {}
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_pools.clear)  # threads do not survive a fork


def compiled(*fastmath: str) -> Callable[[Callable[..., Any]], Any]:
    """Compile a function when it is first called; keep the machine code on disk where there is a place for it.

    The compiled function releases the interpreter's lock.

    Parameters
    ----------
    *fastmath : str
        Liberties LLVM may take with floating point: "contract" allows fused multiply-adds, "reassoc" sums in vector
        lanes.
    """
    options: dict[str, Any] = {"nogil": True, "error_model": "numpy", "fastmath": set(fastmath) or False}

    def decorate(function: Callable[..., Any]) -> Any:
        try:
            return njit(**options, cache=True)(function)
        except RuntimeError:  # numba found no folder for its cache
            return njit(**options)(function)

    return decorate


def _join() -> None:
    _thread.is_ours = True  # it must not wait for work that waits for it


def run_together(tasks: Sequence[Callable[[], T]]) -> list[T]:
    """Call each task on a thread of its own, the first on the caller's; return their results in order.

    All have ended when it returns or raises. The threads stay for the next call. A task must release the interpreter's
    lock to gain anything; a task that calls this again has its own tasks done one after the other.

    Raises
    ------
    Exception
        The first error of any task, in their order.
    """
    if len(tasks) <= 1 or _thread.is_ours:
        return [task() for task in tasks]
    others = len(tasks) - 1
    pool = _pools.get(others)
    if pool is None:
        pool = _pools[others] = ThreadPoolExecutor(others, "levinthal-loop", initializer=_join)
    waiting = [pool.submit(task) for task in tasks[1:]]
    try:
        first = tasks[0]()
    finally:
        errors = [future.exception() for future in waiting]
    for error in errors:
        if error is not None:
            raise error
    return [first, *(future.result() for future in waiting)]


def in_parts(work: Callable[[int, int], T], bounds: Sequence[int]) -> list[T]:
    """Return ``work(bounds[k], bounds[k + 1])`` for each k, one thread for each.

    Parameters
    ----------
    work : callable
        Gets the first item and the one after the last.
    bounds : sequence of int
        At least two, rising.
    """
    return run_together([partial(work, first, last) for first, last in pairwise(bounds)])
