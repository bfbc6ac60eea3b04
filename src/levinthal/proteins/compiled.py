"""Compiled loops: how numba makes them, and how threads share their work.

Importing this module imports numba, which is slow: import it only where a loop is about to run.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise
from typing import Any

from numba import njit

__all__ = ["compiled", "in_parts"]

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


def in_parts(work: Callable[[int, int], object], bounds: list[int]) -> None:
    """Call ``work(bounds[k], bounds[k + 1])`` for each k, one thread for each; the caller's thread takes the first.

    The threads stay for the next call.

    Parameters
    ----------
    work : callable
        Gets the first item and the one after the last; must release the interpreter's lock to gain anything.
    bounds : list of int
        At least two, rising.
    """
    others = len(bounds) - 2
    if others == 0:
        work(bounds[0], bounds[1])
        return
    pool = _pools.get(others)
    if pool is None:
        pool = _pools[others] = ThreadPoolExecutor(others, thread_name_prefix="levinthal-loop")
    waiting = [pool.submit(work, first, last) for first, last in pairwise(bounds[1:])]
    try:
        work(bounds[0], bounds[1])
    finally:
        errors = [future.exception() for future in waiting]
    for error in errors:
        if error is not None:
            raise error
