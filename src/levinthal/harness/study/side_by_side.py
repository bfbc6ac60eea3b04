"""Points measured side by side on an executor, each kept by the worker that measured it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import FIRST_COMPLETED, BrokenExecutor, Executor, Future, wait
from pathlib import Path
from typing import TypeVar

from levinthal.errors import SimulationError
from levinthal.harness.engines.contract import WorkerLostError

R = TypeVar("R")
T = TypeVar("T")

_BREAKS = 10


def measure_side_by_side(
    tasks: Sequence[T],
    measure: Callable[[T], Path],
    read: Callable[[Path], R],
    executor: Executor,
    make_executor: Callable[[], Executor],
    on_record: Callable[[R], None],
) -> list[R]:
    """Measure points side by side, each in a worker; one whose worker dies is given to another.

    Parameters
    ----------
    tasks : sequence of T
        What travels to a worker for each point, in the order in which they are begun.
    measure : callable
        Measures a point in a worker, or goes on with it, and returns the file of its record.
    read : callable
        Reads a record from its file.
    executor : Executor
        Where they run.
    make_executor : callable
        Gives another one where it breaks.
    on_record : callable
        Called with each record as it comes.

    Returns
    -------
    list of R
        The records, in the order of the tasks.

    Raises
    ------
    SimulationError
        The workers die again and again.
    """
    records: dict[int, R] = {}
    pool, own = executor, False
    losses = 0
    try:
        for _ in range(_BREAKS):
            left: dict[Future[Path], int] = {}
            try:
                for k, task in enumerate(tasks):
                    if k not in records:
                        left[pool.submit(measure, task)] = k
                while left:
                    for future in wait(left, return_when=FIRST_COMPLETED).done:
                        k = left.pop(future)
                        try:
                            records[k] = read(future.result())
                        except WorkerLostError:  # the others go on
                            losses += 1
                            if losses > _BREAKS * len(tasks):
                                raise _dying(losses) from None
                            left[pool.submit(measure, tasks[k])] = k
                            continue
                        on_record(records[k])
                return [records[k] for k in range(len(tasks))]
            except BrokenExecutor:
                if own:
                    pool.shutdown(wait=False, cancel_futures=True)
                pool, own = make_executor(), True
        raise _dying(_BREAKS)
    finally:
        if own:
            pool.shutdown(wait=False, cancel_futures=True)


def _dying(times: int) -> SimulationError:
    return SimulationError(
        f"the workers died {times} times, perhaps for want of memory: take fewer, or smaller campaigns"
    )
