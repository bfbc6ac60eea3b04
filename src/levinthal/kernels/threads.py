"""Threads for the compiled kernels, which release the interpreter lock; torch keeps to one thread meanwhile."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from typing import TypeVar

import torch

from levinthal.kernels import compiled

__all__ = ["compute_threads", "in_parts", "n_compute_threads", "together"]

T = TypeVar("T")


class _Local(threading.local):
    count: int | None = None


_local = _Local()


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


def in_parts(work: Callable[[int, int], T], n: int, n_threads: int | None = None) -> list[T]:
    """Call ``work(first, last)`` on consecutive parts of range(n), one for each thread; results in order.

    The parts depend only on `n` and the number of threads, so that sums over them are the same each time.
    """
    count = max(1, min(n_threads or n_compute_threads(), n))
    return compiled.in_parts(work, [n * k // count for k in range(count + 1)])


def together(tasks: Sequence[Callable[[], None]]) -> None:
    """Call all tasks, dealt in turn to the threads of `n_compute_threads`; an error of any is raised."""
    with compute_threads():
        count = min(len(tasks), n_compute_threads())
        compiled.run_together([partial(_run, tasks[first::count]) for first in range(count)])


def _run(tasks: Sequence[Callable[[], None]]) -> None:
    torch.set_num_threads(1)  # it belongs to the calling thread
    for task in tasks:
        task()
