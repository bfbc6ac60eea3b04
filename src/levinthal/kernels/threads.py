"""Threads for the compiled loops, which release the interpreter's lock; torch keeps to one thread meanwhile."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from functools import partial
from itertools import pairwise
from typing import TypeVar

T = TypeVar("T")


class _Thread(threading.local):
    is_ours: bool = False
    count: int | None = None


_thread = _Thread()
_pools: dict[int, ThreadPoolExecutor] = {}
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_pools.clear)  # threads do not survive a fork


def n_compute_threads() -> int:
    """Return how many threads the loops use: those of `compute_threads`, else as many as torch uses."""
    if _thread.count:
        return _thread.count
    import torch

    return torch.get_num_threads()


@contextmanager
def compute_threads(count: int | None = None) -> Iterator[None]:
    """Run the loops on `count` threads (default: as many as torch uses) and torch's own operations on one.

    Threads of torch's own pool go on spinning for some milliseconds after each operation, beside the loops.
    """
    import torch

    before, torch_before = _thread.count, torch.get_num_threads()
    _thread.count = count or n_compute_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        _thread.count = before
        torch.set_num_threads(torch_before)


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


def shares(n: int, parts: int | None = None, multiple: int = 1) -> list[int]:
    """Return the bounds of consecutive parts of range(n), as even as multiples of some number can be.

    They depend on these numbers alone, so that sums over the parts are the same each time.

    Parameters
    ----------
    n : int
        Items.
    parts : int, optional
        The most parts there may be (default: one for each thread of `n_compute_threads`); never more than fit, and at
        least one.
    multiple : int
        Every part but the last gets a multiple of it.
    """
    count = max(1, min(n_compute_threads() if parts is None else parts, -(-n // multiple)))
    return [*(n * k // count // multiple * multiple for k in range(count)), n]


def in_parts(work: Callable[[int, int], T], bounds: Sequence[int]) -> list[T]:
    """Return ``work(bounds[k], bounds[k + 1])`` for each k, one thread for each.

    Parameters
    ----------
    work : callable
        Gets the first item and the one after the last.
    bounds : sequence of int
        At least two, rising; `shares` makes them.
    """
    return run_together([partial(work, first, last) for first, last in pairwise(bounds)])


def together(tasks: Sequence[Callable[[], None]]) -> None:
    """Call all tasks, dealt in turn to the threads of `n_compute_threads`; an error of any is raised."""
    with compute_threads():
        count = min(len(tasks), n_compute_threads())
        run_together([partial(_run, tasks[first::count]) for first in range(count)])


def _run(tasks: Sequence[Callable[[], None]]) -> None:
    import torch

    torch.set_num_threads(1)  # it belongs to the calling thread
    for task in tasks:
        task()
