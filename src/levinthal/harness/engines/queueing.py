"""Executors on workers that cannot give a task back.

Parsl, and many an executor, cannot cancel a task that it was given. So only as many are handed on as there are workers,
and a few for the way; the others wait here, where cancelling them is easy. A task whose worker died fails with
`WorkerLostError`; when the workers as a whole are gone, all fail with `BrokenExecutor`.
"""

from __future__ import annotations

import concurrent.futures
import itertools
import threading
import time
from abc import ABC, abstractmethod
from collections import deque
from collections.abc import Callable
from concurrent.futures import BrokenExecutor, Executor, Future
from dataclasses import dataclass
from typing import Any, ParamSpec, TypeVar

from levinthal.harness.engines.contract import WorkerLostError

P = ParamSpec("P")
T = TypeVar("T")

# Tasks handed on beyond the workers, so that a worker need not wait for the way there and back.
_WORKERS_AN_EXTRA_TASK = 8
# What libraries raise for a task whose worker died; by name, since none of them need be installed.
_LOST = {("parsl", "WorkerLost"), ("parsl", "ManagerLost"), ("distributed", "KilledWorker")}

_NUMBERS = itertools.count()


@dataclass(frozen=True, eq=False)
class Task:
    """A call that is to be made on a worker; an object, since some libraries look into the tuples they are given."""

    function: Callable[..., Any]
    args: tuple[Any, ...]
    kwargs: dict[str, Any]
    number: int
    """Different for each task, for libraries that take equal calls for the same."""

    @property
    def kind(self) -> str:
        """The function's name."""
        return getattr(self.function, "__qualname__", repr(self.function))


def call(task: Task) -> tuple[Any, float]:
    """Make a task's call, on a worker; return what it gives and how long that took (s)."""
    began = time.monotonic()
    result = task.function(*task.args, **task.kwargs)
    return result, time.monotonic() - began


class Workers(ABC):
    """What stands behind executors: it takes tasks on, and says when it is gone.

    Attributes
    ----------
    lock : RLock
        Held while its state changes.
    broken : str or None
        Why it is gone.
    """

    def __init__(self, lock: threading.RLock | None = None) -> None:
        self.lock = lock or threading.RLock()
        self.broken: str | None = None
        self._handles: list[QueueingExecutor] = []

    @abstractmethod
    def hand_on(self, task: Task) -> Future[tuple[Any, float]]:
        """Begin `call` of a task."""

    def returned(self, task: Task, duration_s: float | None) -> None:  # noqa: B027 - most need not listen
        """Hear that a task came back after so long on its worker, None where it failed; called with the lock held."""

    def translated(self, error: BaseException) -> BaseException:
        """Return an error that a task came back with as users of executors know it."""
        names = {(each.__module__.partition(".")[0], each.__name__) for each in type(error).__mro__}
        return WorkerLostError(" ".join(str(error).split())) if names & _LOST else error

    def executor(self, n_workers: int) -> QueueingExecutor:
        """Return another handle."""
        handle = QueueingExecutor(self, n_workers)
        with self.lock:
            self._handles.append(handle)
        return handle

    def fail(self, message: str) -> None:
        """Fail whatever is under way, and take nothing more."""
        with self.lock:
            self.broken = self.broken or message
            handles = list(self._handles)
        for handle in handles:
            handle.fail(message)


class QueueingExecutor(Executor):
    """One user's executor on workers.

    Parameters
    ----------
    workers : Workers
        Where tasks go.
    n_workers : int
        Tasks that run there at a time.
    """

    def __init__(self, workers: Workers, n_workers: int) -> None:
        self._workers = workers
        self._width = n_workers + -(-n_workers // _WORKERS_AN_EXTRA_TASK)
        self._waiting: deque[tuple[Future[Any], Task]] = deque()
        self._handed: dict[Future[Any], tuple[Future[Any], Task]] = {}
        self._closed = self._handing = False

    def submit(self, fn: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> Future[T]:
        """Submit; the future can be cancelled until a worker is near."""
        future: Future[T] = Future()
        with self._workers.lock:
            if self._workers.broken is not None:
                raise BrokenExecutor(self._workers.broken)
            if self._closed:
                raise RuntimeError("this executor was shut down: take another from the engine")
            self._waiting.append((future, Task(fn, args, kwargs, next(_NUMBERS))))
        self._hand_on()
        return future

    def _hand_on(self) -> None:
        with self._workers.lock:
            if self._handing:  # a task that came back at once, below this very loop, which goes on
                return
            self._handing = True
            while self._waiting and len(self._handed) < self._width and self._workers.broken is None:
                future, task = self._waiting.popleft()
                if not future.set_running_or_notify_cancel():
                    continue
                try:
                    handed = self._workers.hand_on(task)
                except Exception as error:  # a library's way of saying that it cannot
                    future.set_exception(self._workers.translated(error))
                    continue
                self._handed[handed] = future, task
                handed.add_done_callback(self._returned)
            self._handing = False

    def _returned(self, handed: Future[Any]) -> None:
        cancelled = BrokenExecutor("the executor cancelled the task by itself") if handed.cancelled() else None
        error = cancelled or handed.exception()
        result, duration_s = handed.result() if error is None else (None, None)
        with self._workers.lock:
            future, task = self._handed.pop(handed, (None, None))
            if task is not None:
                self._workers.returned(task, duration_s)
        self._hand_on()  # first of all: a worker is waiting
        if future is None:
            return
        if error is None:
            future.set_result(result)
        else:
            future.set_exception(self._workers.translated(error))

    def fail(self, message: str) -> None:
        """Fail all that is handed on or waits."""
        with self._workers.lock:
            waiting = [future for future, _ in self._waiting]
            lost = [
                *(future for future, _ in self._handed.values()),
                *(each for each in waiting if each.set_running_or_notify_cancel()),
            ]
            self._handed.clear()
            self._waiting.clear()
        for future in lost:
            future.set_exception(BrokenExecutor(message))

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:
        """Take no more tasks; the workers stay for the next user."""
        with self._workers.lock:
            self._closed = True
            if cancel_futures:
                for future, _ in self._waiting:
                    future.cancel()
            left = [*(future for future, _ in self._handed.values()), *(future for future, _ in self._waiting)]
        if wait:
            concurrent.futures.wait(left)
