"""What an engine is: it gives out executors, handles on workers that stay warm; and how one is declared."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import BrokenExecutor, Executor
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol


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


@dataclass(frozen=True)
class EngineKind:
    """How an engine is named on the command line, ``KIND`` or ``KIND:ARGUMENT``, and opened.

    Attributes
    ----------
    usage : str
        What to type, for messages: `local, local:N (N worker processes)`.
    about : str
        A sentence for `levinthal list engines`.
    parse : callable
        From the argument as typed, empty where there is none, its canonical form, which the plan of a run keeps; None
        where it is not of the right form. It starts nothing; it raises `UsageError` for what it can say more about.
    open : callable
        From the canonical argument, and a folder for the engine's own files, the engine. Mistakes are `UsageError`s.
    runs_file : bool
        The argument is a Python file of the user's, which is run.
    """

    usage: str
    about: str
    parse: Callable[[str], str | None]
    open: Callable[[str, Path], Engine]
    runs_file: bool = False
