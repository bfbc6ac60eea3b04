"""What an engine is: it gives out executors, handles on workers that stay warm."""

from __future__ import annotations

from concurrent.futures import BrokenExecutor, Executor
from typing import Protocol

__all__ = ["Engine", "WorkerLostError"]


class WorkerLostError(BrokenExecutor):
    """A task's worker died; the executor itself goes on, so that the task may be submitted to it again."""


class Engine(Protocol):
    """What runs tasks. Executors are handles on it: many may be taken, and ended, one after another or side by side.

    Attributes
    ----------
    n_workers : int
        Tasks that an executor runs at a time.
    """

    @property
    def n_workers(self) -> int:
        """Tasks that run at a time."""
        ...

    def executor(self) -> Executor:
        """Return a handle on the workers, fresh ones where the last ones broke."""
        ...

    def training_executor(self) -> Executor:
        """Return a handle on what trains beside the workers, one task at a time."""
        ...

    def close(self) -> None:
        """End the workers; what has not begun is dropped."""
        ...
