"""Threads for the compiled kernels, which release the interpreter lock; torch keeps to one thread meanwhile."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

import torch

__all__ = ["compute_threads", "n_compute_threads", "together"]


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
def compute_threads(count: int | None = None) -> Iterator[None]:
    """Run the kernels on `count` threads (default: as many as torch uses) and torch's own operations on one.

    Threads of torch's own pool go on spinning for some milliseconds after each operation, beside the kernels.
    """
    before, torch_before = _local.count, torch.get_num_threads()
    _local.count = count or n_compute_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        _local.count = before
        torch.set_num_threads(torch_before)


def together(tasks: Sequence[Callable[[], None]]) -> None:
    """Call all tasks on the threads of `n_compute_threads`, this one among them; an error of any is raised."""
    with compute_threads():
        count = min(len(tasks), n_compute_threads())
        if count <= 1:
            for task in tasks:
                task()
            return
        pool = _pools.get(count)
        if pool is None:
            # torch's number of threads belongs to the calling thread
            pool = _pools[count] = ThreadPoolExecutor(
                count - 1, "levinthal-lstm", initializer=torch.set_num_threads, initargs=(1,)
            )
        waiting = [pool.submit(_run, tasks[first::count]) for first in range(1, count)]
        try:
            _run(tasks[::count])
        finally:
            errors = [future.exception() for future in waiting]
        for error in errors:
            if error is not None:
                raise error


def _run(tasks: Sequence[Callable[[], None]]) -> None:
    for task in tasks:
        task()
