"""Where a workload's tasks run: any `concurrent.futures.Executor`, named by a short text.

- `local` or `local:N`: N worker processes, each pinned to a core of its own, one thread each;
- `inline`: in the calling process, one after the other.
"""

from __future__ import annotations

import multiprocessing
import os
from collections.abc import Callable
from concurrent.futures import Executor, Future, ProcessPoolExecutor
from typing import Any, ParamSpec, TypeVar

from levinthal.errors import UsageError
from levinthal.harness.processes import available_cores, die_with_parent

__all__ = ["InlineExecutor", "make_executor", "parse_engine", "pinned_pool"]

P = ParamSpec("P")
T = TypeVar("T")


class InlineExecutor(Executor):
    """Run each task at once, in the caller's own thread."""

    def submit(self, fn: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> Future[T]:
        """Run `fn` now and return its finished future."""
        future: Future[T] = Future()
        try:
            future.set_result(fn(*args, **kwargs))
        except Exception as error:  # it belongs to whoever asks the future
            future.set_exception(error)
        return future


def parse_engine(text: str) -> tuple[str, int]:
    """Read an engine's name.

    Returns
    -------
    tuple of (str, int)
        The kind, `local` or `inline`, and the number of workers.

    Raises
    ------
    UsageError
        An unknown kind or a number of workers below 1.
    """
    kind, _, count = text.partition(":")
    if kind == "inline" and not count:
        return "inline", 1
    if kind == "local":
        if not count:
            return "local", len(available_cores())
        if count.isdigit() and int(count) > 0:
            return "local", int(count)
    raise UsageError(f"engine {text!r} is unknown: use local, local:N (N worker processes) or inline")


def make_executor(text: str) -> Executor:
    """Return the executor that an engine's name stands for; errors as for `parse_engine`."""
    kind, count = parse_engine(text)
    return InlineExecutor() if kind == "inline" else pinned_pool(count)


def pinned_pool(n_workers: int) -> ProcessPoolExecutor:
    """Return a pool of fresh processes, each with one thread and pinned to one core.

    Small molecular systems run faster so: most of a multi-threaded step is waiting across cores. With more workers
    than cores, cores are shared in turn. Workers end with the process that made the pool.

    Parameters
    ----------
    n_workers : int
        Number of worker processes.
    """
    context = multiprocessing.get_context("spawn")
    return ProcessPoolExecutor(
        n_workers, context, initializer=_start_worker, initargs=(context.Value("i", 0), available_cores(), os.getpid())
    )


def _start_worker(started: Any, cores: tuple[int, ...], maker: int) -> None:
    die_with_parent(maker)
    for name in ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS", "OPENMM_CPU_THREADS"):
        os.environ[name] = "1"
    with started.get_lock():
        number = started.value
        started.value += 1
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, {cores[number % len(cores)]})
