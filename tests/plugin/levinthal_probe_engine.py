"""An engine of somebody else's: N threads of the calling process."""

from __future__ import annotations

from concurrent.futures import Executor, ThreadPoolExecutor
from pathlib import Path

from levinthal.errors import UsageError
from levinthal.harness.engines.contract import EngineKind


class ThreadsEngine:
    """Threads in place of processes."""

    def __init__(self, n_workers: int) -> None:
        self.n_workers = n_workers

    def executor(self) -> Executor:
        """Return a pool of threads."""
        return ThreadPoolExecutor(self.n_workers)

    training_executor = executor

    def close(self) -> None:
        """Each pool is ended by its user."""


def _parse(argument: str) -> str | None:
    if argument.isdigit() and int(argument) > 64:
        raise UsageError(f"engine threads:{argument}: that is too many: take at most 64")
    return argument if argument.isdigit() else None


def _open(argument: str, folder: Path) -> ThreadsEngine:
    return ThreadsEngine(int(argument))


ENGINE = EngineKind(usage="threads:N", about="N threads of the calling process", parse=_parse, open=_open)
