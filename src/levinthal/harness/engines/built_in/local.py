"""Worker processes on this machine, warm from one use to the next.

Importing OpenMM or torch takes a worker seconds, so pools outlive those who use them: each user gets a handle, and
shutting the handle down leaves the workers to the next.
"""

from __future__ import annotations

import concurrent.futures
import multiprocessing
import os
from collections.abc import Callable, Sequence
from concurrent.futures import BrokenExecutor, Executor, Future, ProcessPoolExecutor
from pathlib import Path
from typing import Any, ParamSpec, TypeVar

from levinthal.harness.engines.contract import EngineKind
from levinthal.harness.engines.processes import available_cores, die_with_parent

P = ParamSpec("P")
T = TypeVar("T")


def pinned_pool(n_workers: int, core_sets: Sequence[Sequence[int]] | None = None) -> ProcessPoolExecutor:
    """Return a pool of fresh processes, each with one thread and pinned to one core.

    Small molecular systems run faster so: most of a multi-threaded step is waiting across cores. With more workers
    than cores, cores are shared in turn. Workers end with the process that made the pool.

    Parameters
    ----------
    n_workers : int
        Number of worker processes.
    core_sets : sequence of sequence of int, optional
        Cores for each worker, taken in turn, and as many threads; without it each core by itself.
    """
    context = multiprocessing.get_context("spawn")
    sets = core_sets or [(core,) for core in available_cores()]
    return ProcessPoolExecutor(
        n_workers, context, initializer=_start_worker, initargs=(context.Value("i", 0), sets, os.getpid())
    )


def _start_worker(started: Any, core_sets: Sequence[Sequence[int]], maker: int) -> None:
    die_with_parent(maker)
    with started.get_lock():
        number = started.value
        started.value += 1
    cores = core_sets[number % len(core_sets)]
    for name in ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS", "OPENMM_CPU_THREADS"):
        os.environ[name] = str(len(cores))
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, cores)


class LocalEngine:
    """N pinned workers, and one process that trains: on the cores that are left over where there are any.

    Parameters
    ----------
    n_workers : int
        Worker processes.
    """

    def __init__(self, n_workers: int) -> None:
        self.n_workers = n_workers
        cores = available_cores()
        training_cores = cores[n_workers:] or cores[-1:]
        self._workers = _SharedPool(lambda: pinned_pool(n_workers), ends_running=False)
        self._trainer = _SharedPool(lambda: pinned_pool(1, [training_cores]), ends_running=True)

    def executor(self) -> Executor:
        """Return a handle on the workers."""
        return _Handle(self._workers)

    def training_executor(self) -> Executor:
        """Return a handle on the process that trains; shutting it down ends a training under way."""
        return _Handle(self._trainer)

    def close(self) -> None:
        """End all processes, after the tasks that are under way."""
        self._workers.close()
        self._trainer.close()


class _SharedPool:
    """A pool that is made when it is first wanted, and again when it broke."""

    def __init__(self, make: Callable[[], ProcessPoolExecutor], *, ends_running: bool) -> None:
        self._make, self.ends_running = make, ends_running
        self._pool: ProcessPoolExecutor | None = None

    def current(self) -> ProcessPoolExecutor:
        if self._pool is None:
            self._pool = self._make()
        return self._pool

    def forget(self, pool: ProcessPoolExecutor) -> None:
        """Have the next user get another pool than this one, which broke.

        It ends by itself. Futures tell of it in the pool's own thread, which from Python 3.12 on holds the lock that
        `shutdown` waits for.
        """
        if pool is self._pool:
            self._pool = None

    def end(self, pool: ProcessPoolExecutor) -> None:
        """Kill the pool's processes, whatever they do."""
        # Its own method for this came with Python 3.14.
        for process in list((pool._processes or {}).values()):
            process.kill()
        self.forget(pool)
        pool.shutdown(wait=False, cancel_futures=True)

    def close(self) -> None:
        pool, self._pool = self._pool, None
        if pool is not None:
            pool.shutdown(wait=True, cancel_futures=True)


class _Handle(Executor):
    """One user's executor on a shared pool."""

    def __init__(self, shared: _SharedPool) -> None:
        self._shared, self._pool = shared, shared.current()
        self._own: set[Future[Any]] = set()
        self._closed = False

    def submit(self, fn: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> Future[T]:
        """Submit to the pool; a broken one says so by `BrokenExecutor`."""
        if self._closed:
            raise RuntimeError("this executor was shut down: take another from the engine")
        try:
            future = self._pool.submit(fn, *args, **kwargs)
        except BrokenExecutor:
            self._shared.forget(self._pool)
            raise
        self._own.add(future)
        future.add_done_callback(self._done)
        return future

    def _done(self, future: Future[Any]) -> None:
        self._own.discard(future)
        if not future.cancelled() and isinstance(future.exception(), BrokenExecutor):
            self._shared.forget(self._pool)

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:
        """Take no more tasks; the workers stay for the next user."""
        self._closed = True
        if cancel_futures:
            for future in list(self._own):
                future.cancel()
        if wait:
            concurrent.futures.wait(list(self._own))
        elif self._shared.ends_running and self._own:
            self._shared.end(self._pool)


def _parse(argument: str) -> str | None:
    if not argument:
        return str(len(available_cores()))
    return str(int(argument)) if argument.isdigit() and int(argument) > 0 else None


def _open(argument: str, folder: Path) -> LocalEngine:
    del folder  # it leaves nothing
    return LocalEngine(int(argument))


ENGINE = EngineKind(
    usage="local, local:N (N worker processes)",
    about="processes on this machine, as many as cores or N, each pinned to one core, one thread each",
    parse=_parse,
    open=_open,
)
