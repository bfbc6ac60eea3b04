"""Threads that share the frames of a batch between them; the compiled kernels release the interpreter lock."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import TypeVar

import torch

__all__ = ["compute_threads", "in_parts", "n_compute_threads", "single_threaded_torch"]

T = TypeVar("T")


class _Local(threading.local):
    count: int | None = None


_local = _Local()
_pools: dict[int, ThreadPoolExecutor] = {}
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_pools.clear)  # threads do not survive a fork


def n_compute_threads() -> int:
    """Return how many threads the kernels use: those of `compute_threads`, else as many as torch uses."""
    return _local.count or torch.get_num_threads()


@contextmanager
def single_threaded_torch() -> Iterator[None]:
    """Leave the cores to the kernels: torch's own pool would spin beside them. Its number of threads is restored."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)


@contextmanager
def compute_threads(count: int | None = None) -> Iterator[None]:
    """Run the kernels on `count` threads (default: as many as torch uses) and torch's own operations on one."""
    before = _local.count
    count = count or n_compute_threads()
    with single_threaded_torch():
        _local.count = count
        try:
            yield
        finally:
            _local.count = before


def in_parts(work: Callable[[int, int], T], n: int, n_threads: int | None = None) -> list[T]:
    """Call ``work(first, last)`` on consecutive parts of range(n), one for each thread; results in order.

    The parts depend only on `n` and the number of threads, so that sums over them are the same each time.
    """
    count = max(1, min(n_threads or n_compute_threads(), n))
    if count == 1:
        return [work(0, n)]
    bounds = [n * k // count for k in range(count + 1)]
    pool = _pools.get(count)
    if pool is None:
        pool = _pools[count] = ThreadPoolExecutor(count - 1, thread_name_prefix="levinthal-kernel")
    waiting = [pool.submit(work, bounds[k], bounds[k + 1]) for k in range(1, count)]
    try:
        first = work(0, bounds[1])
    finally:
        done = [future.exception() for future in waiting]
    for error in done:
        if error is not None:
            raise error
    return [first, *(future.result() for future in waiting)]
