"""Tasks on any `concurrent.futures.Executor` that a file of the user's makes: Dask's, Parsl's, mpi4py's, a thread pool.

FILE.py is run, as `python FILE.py` would run it. It defines:

- `make_executor()`, which returns the executor; it is called again when that one broke;
- `n_workers`, how many tasks it runs at a time, unless the executor says so itself as those of the standard library do;
- `make_training_executor()`, where training is to have an executor of its own; without it a process here trains.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import BrokenExecutor, Executor, Future
from contextlib import suppress
from pathlib import Path
from pickle import PicklingError
from typing import Any

from levinthal.errors import LevinthalError, UsageError
from levinthal.harness.engines.built_in.local import LocalEngine
from levinthal.harness.engines.contract import EngineKind, WorkerLostError
from levinthal.harness.engines.queueing import Task, Workers, call
from levinthal.harness.engines.user_file import check_file, run_file

_WHAT = "your file that makes an executor"


class ExecutorEngine:
    """The workers behind an executor of the user's; made at the first use, and again when it broke.

    Parameters
    ----------
    path : Path
        The user's file.

    Raises
    ------
    UsageError
        The file cannot be used; the message says why.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        module = run_file(path, _WHAT)
        make = getattr(module, "make_executor", None)
        if not callable(make):
            raise UsageError(f"{path} has no function make_executor: define one that returns an executor")
        self._make: Callable[[], Any] = make
        self._make_training: Callable[[], Any] | None = getattr(module, "make_training_executor", None)
        self._asked: Any = getattr(module, "n_workers", None)
        self._lock = threading.RLock()
        self._workers: _UserWorkers | None = None
        self._training: _UserWorkers | LocalEngine | None = None

    @property
    def n_workers(self) -> int:
        """Tasks that run at a time."""
        found = self._asked
        if found is None:
            found = getattr(self._running().executor_of_user, "_max_workers", None)
        if not isinstance(found, int) or isinstance(found, bool) or found < 1:
            given = "does not say how many tasks run at a time" if found is None else f"has n_workers = {found!r}"
            raise UsageError(f"{self._path} {given}: set n_workers to a whole number from 1 on")
        return found

    def _running(self) -> _UserWorkers:
        with self._lock:
            if self._workers is None or self._workers.broken is not None:
                self._workers = _UserWorkers(self._made(self._make, "make_executor"), self._workers)
            return self._workers

    def _made(self, make: Callable[[], Any], name: str) -> Executor:
        try:
            executor = make()
        except LevinthalError:
            raise
        except Exception as error:  # whatever the user's program raises
            raise UsageError(
                f"{self._path}: {name}() failed with {type(error).__name__}: {error}: fix {_WHAT}"
            ) from error
        if not isinstance(executor, Executor):
            raise UsageError(
                f"{self._path}: {name}() returned a {type(executor).__name__}: return a concurrent.futures.Executor"
            )
        return executor

    def executor(self) -> Executor:
        """Return a handle on the executor that `make_executor` made."""
        n_workers = self.n_workers
        return self._running().executor(n_workers)

    def training_executor(self) -> Executor:
        """Return a handle on what `make_training_executor` made, on a process beside this one where there is none."""
        with self._lock:
            training = self._training
            if self._make_training is None:
                training = training or LocalEngine(1)
            elif not isinstance(training, _UserWorkers) or training.broken is not None:
                made = self._made(self._make_training, "make_training_executor")
                training = _UserWorkers(made, training if isinstance(training, _UserWorkers) else None)
            self._training = training
        return training.training_executor() if isinstance(training, LocalEngine) else training.executor(1)

    def close(self) -> None:
        """Shut the executors down."""
        for each in (self._workers, self._training):
            if each is not None:
                each.close()
        self._workers = self._training = None


class _UserWorkers(Workers):
    """An executor of the user's; the one before it, which broke, is shut down."""

    def __init__(self, executor: Executor, before: _UserWorkers | None) -> None:
        super().__init__()
        self.executor_of_user = executor
        if before is not None and before.executor_of_user is not executor:
            before.close()

    def hand_on(self, task: Task) -> Future[tuple[Any, float]]:
        try:
            return self.executor_of_user.submit(call, task)
        except (TypeError, AttributeError, PicklingError):  # the task cannot be sent: its own fault
            raise
        except Exception as error:  # shut down, broken, or its scheduler is out of reach: each library says it its way
            raise BrokenExecutor(f"{type(self.executor_of_user).__name__} takes no task: {error}") from error

    def translated(self, error: BaseException) -> BaseException:
        error = super().translated(error)
        if isinstance(error, BrokenExecutor) and not isinstance(error, WorkerLostError):
            self.fail(str(error) or type(error).__name__)
        return error

    def close(self) -> None:
        self.fail("the engine was closed")
        # What it holds is gone or broken; that it cannot be shut down once more is nobody's loss.
        with suppress(Exception):
            self.executor_of_user.shutdown(wait=False)


ENGINE = EngineKind(
    usage="executor:FILE.py (your own concurrent.futures.Executor)",
    about="any concurrent.futures.Executor that your file makes, Dask's or Parsl's for example; see docs/engines.md",
    parse=lambda argument: check_file("executor", argument, _WHAT),
    open=lambda argument, folder: ExecutorEngine(Path(argument)),
    runs_file=True,
)
