"""Tasks in the calling process, one after the other: for debugging, and for the same decisions from the same seed."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Executor, Future
from typing import ParamSpec, TypeVar

from levinthal.harness.engines.contract import EngineKind

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


class InlineEngine:
    """Everything in the calling thread."""

    n_workers = 1

    def executor(self) -> Executor:
        """Return an executor that needs no worker."""
        return InlineExecutor()

    training_executor = executor

    def close(self) -> None:
        """There is nothing to end."""


ENGINE = EngineKind(
    usage="inline",
    about="the calling process, one task after the other",
    parse=lambda argument: None if argument else "",
    open=lambda argument, folder: InlineEngine(),
)
