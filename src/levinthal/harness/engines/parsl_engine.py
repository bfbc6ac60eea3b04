"""Tasks on Parsl: its HighThroughputExecutor as a `concurrent.futures.Executor` whose tasks can be cancelled.

Parsl cannot take a task back. So only as many are handed to it as there are workers, and a few for the way; the others
wait here, where cancelling them is easy. A task whose worker died fails with `WorkerLostError`; when Parsl itself is
gone, all fail with `BrokenExecutor`, and the next executor that is asked for starts it anew.

A worker that is killed while it waits for a task may leave its pool's queue locked for ever: then the pool holds tasks
and none comes back, without a word from Parsl. So an executor that is silent for much longer than its tasks take, while
its pools hold some, counts as gone too.
"""

from __future__ import annotations

import concurrent.futures
import threading
import time
from collections import Counter, deque
from collections.abc import Callable
from concurrent.futures import BrokenExecutor, Executor, Future
from pathlib import Path
from typing import TYPE_CHECKING, Any, ParamSpec, TypeVar

from levinthal.errors import UsageError
from levinthal.harness.engines.local import LocalEngine
from levinthal.harness.engines.parsl_configuration import (
    TRAINING,
    executors_of,
    load_configuration,
    make_ready,
    workers_of,
)

if TYPE_CHECKING:
    from parsl.dataflow.dflow import DataFlowKernel

__all__ = ["ParslEngine"]

P = ParamSpec("P")
T = TypeVar("T")

_LOOK_S = 1.0
_CLEANUP_S = 60.0
# So long, and so many times the longest task, silence means nothing.
_SILENCE_S = 60.0
_SILENCE_TASKS = 10.0
# Tasks handed to Parsl beyond its workers, so that a worker need not wait for the way there and back.
_WORKERS_AN_EXTRA_TASK = 8


class ParslEngine:
    """The workers that a Parsl configuration describes; started at the first use.

    Parameters
    ----------
    path : Path
        The configuration.
    folder : Path
        For Parsl's logs, unless the configuration names a place.

    Raises
    ------
    UsageError
        The configuration cannot be used; the message says why.
    """

    def __init__(self, path: Path, folder: Path) -> None:
        self._path, self._folder = path, folder
        self._lock = threading.RLock()
        self._kernel: _Kernel | None = None
        self._training: LocalEngine | None = None
        self.n_workers = workers_of(executors_of(load_configuration(path), path)[0], path)

    def _running(self) -> _Kernel:
        with self._lock:
            if self._kernel is None or self._kernel.broken is not None:
                if self._kernel is not None:
                    self._kernel.close()
                self._kernel = _Kernel(self._path, self._folder)
            return self._kernel

    def executor(self) -> Executor:
        """Return a handle on the executor labelled `simulation`, or the first one."""
        kernel = self._running()
        return _Handle(kernel, kernel.simulation, self.n_workers)

    def training_executor(self) -> Executor:
        """Return a handle on the executor labelled `training`, or on a process beside this one where there is none."""
        kernel = self._running()
        if kernel.training_workers:
            return _Handle(kernel, TRAINING, kernel.training_workers)
        if self._training is None:
            self._training = LocalEngine(1)
        return self._training.training_executor()

    def close(self) -> None:
        """End Parsl and its workers."""
        if self._kernel is not None:
            self._kernel.close()
            self._kernel = None
        if self._training is not None:
            self._training.close()


class _Pulse:
    """When an executor was last heard of, and how long each kind of task takes on a worker."""

    def __init__(self) -> None:
        self._heard = 0.0
        self._longest_s: dict[str, float] = {}
        self._under_way: Counter[str] = Counter()

    def handed(self, kind: str) -> None:
        if not self._under_way:
            self._heard = time.monotonic()
        self._under_way[kind] += 1

    def returned(self, kind: str, duration_s: float | None) -> None:
        self._under_way -= Counter([kind])
        self._heard = time.monotonic()
        if duration_s is not None:
            self._longest_s[kind] = max(self._longest_s.get(kind, 0.0), duration_s)

    def silent_s(self) -> float:
        """Return for how long it is silent beyond what its tasks explain; 0 while one is of a kind never seen."""
        kinds = list(self._under_way)
        if not kinds or not all(kind in self._longest_s for kind in kinds):
            return 0.0
        silence_s = time.monotonic() - self._heard
        patience_s = max(_SILENCE_S, _SILENCE_TASKS * max(self._longest_s[kind] for kind in kinds))
        return silence_s if silence_s > patience_s else 0.0


class _Kernel:
    """A DataFlowKernel, watched: Parsl itself does not notice when its interchange is gone."""

    def __init__(self, path: Path, folder: Path) -> None:
        from parsl.dataflow.dflow import DataFlowKernel

        config = load_configuration(path)
        make_ready(config, path, folder)
        self._executors = executors_of(config, path)
        simulation, *others = self._executors
        self.lock = threading.RLock()
        self.handles: list[_Handle] = []
        self.broken: str | None = None
        self.pulses = {each.label: _Pulse() for each in self._executors}
        self.simulation = simulation.label
        self.training_workers = sum(workers_of(each, path) for each in others if each.label == TRAINING)
        try:
            self._kernel: DataFlowKernel = DataFlowKernel(config)
        except Exception as error:  # Parsl raises whatever its providers do
            raise UsageError(f"Parsl cannot start with {path}: {type(error).__name__}: {error}: mend it") from error
        self._ended = threading.Event()
        threading.Thread(target=self._watch, name="parsl-watch", daemon=True).start()

    def submit(self, label: str, fn: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]) -> Future[Any]:
        future: Future[Any] = self._kernel.submit(
            call, (fn, args, kwargs), executors=[label], cache=False, ignore_for_cache=None, app_kwargs={}
        )
        return future

    def _watch(self) -> None:
        while not self._ended.wait(_LOOK_S):
            for executor in self._executors:
                process = executor.interchange_proc
                if process is not None and process.poll() is not None and not self._ended.is_set():
                    self.fail(
                        f"the interchange of Parsl's executor {executor.label!r} ended with status {process.returncode}"
                    )
                    return
                with self.lock:
                    silent_s = self.pulses[executor.label].silent_s()
                if silent_s and any(pool["tasks"] for pool in executor.connected_managers()):
                    self.fail(f"no task came back from Parsl's executor {executor.label!r} for {silent_s:.0f} s")
                    return

    def fail(self, message: str) -> None:
        """Fail whatever is under way."""
        with self.lock:
            self.broken = self.broken or message
            handles = list(self.handles)
        for handle in handles:
            handle.fail(message)

    def close(self) -> None:
        if self._ended.is_set():
            return
        self._ended.set()
        whole = self.broken is None
        self.fail("Parsl was shut down")
        # Without its interchange Parsl's own way of ending waits for an answer for ever.
        cleanup = threading.Thread(target=self._kernel.cleanup, name="parsl-cleanup", daemon=True)
        if not whole:
            self._cancel_blocks()
        cleanup.start()
        cleanup.join(_CLEANUP_S if whole else 0.0)

    def _cancel_blocks(self) -> None:
        """End the jobs that hold workers, past the interchange."""
        for executor in self._executors:
            jobs = list(executor.blocks_to_job_id.values())
            if jobs and executor.provider is not None:
                executor.provider.cancel(jobs)


def call(fn: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]) -> tuple[Any, float]:
    """Call on a worker; return what `fn` does and how long that took (s)."""
    began = time.monotonic()
    result = fn(*args, **kwargs)
    return result, time.monotonic() - began


class _Handle(Executor):
    """One user's executor on a kernel."""

    def __init__(self, kernel: _Kernel, label: str, n_workers: int) -> None:
        self._kernel, self._label = kernel, label
        self._width = n_workers + -(-n_workers // _WORKERS_AN_EXTRA_TASK)
        self._waiting: deque[tuple[Future[Any], Callable[..., Any], tuple[Any, ...], dict[str, Any]]] = deque()
        self._handed: dict[Future[Any], tuple[Future[Any], str]] = {}
        self._closed = False
        with kernel.lock:
            kernel.handles.append(self)

    def submit(self, fn: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> Future[T]:
        """Submit; the future can be cancelled until a worker is near."""
        future: Future[T] = Future()
        with self._kernel.lock:
            if self._kernel.broken is not None:
                raise BrokenExecutor(self._kernel.broken)
            if self._closed:
                raise RuntimeError("this executor was shut down: take another from the engine")
            self._waiting.append((future, fn, args, kwargs))
        self._hand_on()
        return future

    def _hand_on(self) -> None:
        with self._kernel.lock:
            while self._waiting and len(self._handed) < self._width and self._kernel.broken is None:
                future, fn, args, kwargs = self._waiting.popleft()
                if not future.set_running_or_notify_cancel():
                    continue
                try:
                    handed = self._kernel.submit(self._label, fn, args, kwargs)
                except Exception as error:  # Parsl's way of saying that it cannot
                    future.set_exception(_translated(error))
                    continue
                kind = getattr(fn, "__qualname__", repr(fn))
                self._handed[handed] = future, kind
                self._kernel.pulses[self._label].handed(kind)
                handed.add_done_callback(self._returned)

    def _returned(self, handed: Future[Any]) -> None:
        error = handed.exception()
        result, duration_s = handed.result() if error is None else (None, None)
        with self._kernel.lock:
            future, kind = self._handed.pop(handed, (None, ""))
            if future is not None:
                self._kernel.pulses[self._label].returned(kind, duration_s)
        self._hand_on()  # first of all: a worker is waiting
        if future is None:
            return
        if error is None:
            future.set_result(result)
        else:
            future.set_exception(_translated(error))

    def fail(self, message: str) -> None:
        """Fail all that is handed on or waits."""
        with self._kernel.lock:
            waiting = [task[0] for task in self._waiting]
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
        with self._kernel.lock:
            self._closed = True
            if cancel_futures:
                for task in self._waiting:
                    task[0].cancel()
            left = [*(future for future, _ in self._handed.values()), *(task[0] for task in self._waiting)]
        if wait:
            concurrent.futures.wait(left)


def _translated(error: BaseException) -> BaseException:
    """Return the error as users of executors know it."""
    from parsl.executors.errors import BadStateException
    from parsl.executors.high_throughput.errors import ManagerLost, WorkerLost
    from parsl.jobs.errors import TooManyJobFailuresError

    from levinthal.harness.engines.contract import WorkerLostError

    if isinstance(error, (WorkerLost, ManagerLost)):
        return WorkerLostError(str(error))
    if isinstance(error, (TooManyJobFailuresError, BadStateException)):
        return UsageError(f"Parsl's blocks all failed: {error}: mend the configuration, or look into its logs")
    return error
