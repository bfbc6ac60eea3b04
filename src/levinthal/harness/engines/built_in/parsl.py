"""Tasks on Parsl: its HighThroughputExecutor as a `concurrent.futures.Executor` whose tasks can be cancelled.

When Parsl itself is gone, all tasks fail with `BrokenExecutor`; the next executor that is asked for starts it again.

A worker that is killed while it waits for a task may leave its pool's queue locked for ever: then the pool holds tasks
and none comes back, without a word from Parsl. So an executor that is silent for much longer than its tasks take, while
its pools hold some, counts as gone too.
"""

from __future__ import annotations

import importlib.util
import threading
import time
from collections import Counter
from concurrent.futures import Executor, Future
from pathlib import Path
from typing import TYPE_CHECKING, Any

from levinthal.errors import MissingExtraError, UsageError
from levinthal.harness.engines.built_in.local import LocalEngine
from levinthal.harness.engines.contract import EngineKind
from levinthal.harness.engines.parsl_configuration import (
    TRAINING,
    executors_of,
    load_configuration,
    make_ready,
    workers_of,
)
from levinthal.harness.engines.queueing import Task, Workers, call
from levinthal.harness.engines.user_file import check_file

if TYPE_CHECKING:
    from parsl.dataflow.dflow import DataFlowKernel

_LOOK_S = 1.0
_CLEANUP_S = 60.0
# So long, and so many times the longest task, silence means nothing.
_SILENCE_S = 60.0
_SILENCE_TASKS = 10.0


class ParslEngine:
    """The workers that a Parsl configuration describes; started at the first use.

    Parameters
    ----------
    path : Path
        The configuration.
    folder : Path
        For Parsl's logs, unless the configuration names a folder.

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
            if self._kernel is None or self._kernel.simulation.broken is not None:
                if self._kernel is not None:
                    self._kernel.close()
                self._kernel = _Kernel(self._path, self._folder)
            return self._kernel

    def executor(self) -> Executor:
        """Return a handle on the executor labelled `simulation`, or the first one."""
        kernel = self._running()
        return kernel.simulation.executor(self.n_workers)

    def training_executor(self) -> Executor:
        """Return a handle on the executor labelled `training`, or on a process beside this one where there is none."""
        kernel = self._running()
        if kernel.training_workers:
            return kernel.lanes[TRAINING].executor(kernel.training_workers)
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


class _Lane(Workers):
    """One of Parsl's executors."""

    def __init__(self, kernel: _Kernel, label: str) -> None:
        super().__init__(kernel.lock)
        self._kernel, self._label = kernel, label
        self.pulse = _Pulse()

    def hand_on(self, task: Task) -> Future[tuple[Any, float]]:
        future = self._kernel.submit(self._label, task)
        self.pulse.handed(task.kind)
        return future

    def returned(self, task: Task, duration_s: float | None) -> None:
        self.pulse.returned(task.kind, duration_s)

    def translated(self, error: BaseException) -> BaseException:
        from parsl.executors.errors import BadStateException
        from parsl.jobs.errors import TooManyJobFailuresError

        if isinstance(error, (TooManyJobFailuresError, BadStateException)):
            return UsageError(f"Parsl's blocks all failed: {error}: fix the configuration, or look into its logs")
        return super().translated(error)


class _Kernel:
    """A DataFlowKernel, watched: Parsl itself does not notice when its interchange is gone."""

    def __init__(self, path: Path, folder: Path) -> None:
        from parsl.dataflow.dflow import DataFlowKernel

        config = load_configuration(path)
        make_ready(config, path, folder)
        self._executors = executors_of(config, path)
        simulation, *others = self._executors
        self.lock = threading.RLock()
        self.lanes = {each.label: _Lane(self, each.label) for each in self._executors}
        self.simulation = self.lanes[simulation.label]
        self.training_workers = sum(workers_of(each, path) for each in others if each.label == TRAINING)
        try:
            self._kernel: DataFlowKernel = DataFlowKernel(config)
        except Exception as error:  # Parsl raises whatever its providers do
            raise UsageError(f"Parsl cannot start with {path}: {type(error).__name__}: {error}: fix it") from error
        self._ended = threading.Event()
        threading.Thread(target=self._watch, name="parsl-watch", daemon=True).start()

    def submit(self, label: str, task: Task) -> Future[Any]:
        future: Future[Any] = self._kernel.submit(
            call, (task,), executors=[label], cache=False, ignore_for_cache=None, app_kwargs={}
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
                    silent_s = self.lanes[executor.label].pulse.silent_s()
                if silent_s and any(pool["tasks"] for pool in executor.connected_managers()):
                    self.fail(f"no task came back from Parsl's executor {executor.label!r} for {silent_s:.0f} s")
                    return

    def fail(self, message: str) -> None:
        """Fail whatever is under way."""
        for lane in self.lanes.values():
            lane.fail(message)

    def close(self) -> None:
        if self._ended.is_set():
            return
        self._ended.set()
        whole = self.simulation.broken is None
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


def _parse(argument: str) -> str | None:
    path = check_file("parsl", argument, "your Parsl configuration")
    if path is not None and importlib.util.find_spec("parsl") is None:
        raise MissingExtraError("parsl", "parsl", "the engine parsl:FILE.py")
    return path


ENGINE = EngineKind(
    usage="parsl:FILE.py (your own Parsl configuration)",
    about="whatever your own Parsl configuration describes, from one machine to a cluster; see docs/engines.md",
    parse=_parse,
    open=lambda argument, folder: ParslEngine(Path(argument), folder),
    runs_file=True,
)
