"""Where a workload's tasks run: any `concurrent.futures.Executor`, named by a short text.

- `local` or `local:N`: N worker processes, each pinned to a core of its own, one thread each;
- `inline`: in the calling process, one after the other;
- `parsl:FILE.py`: on whatever the user's own Parsl configuration describes, from one machine to a cluster. FILE.py is
  the user's program and is run as such; see `parsl_configuration`.
"""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Executor, Future
from pathlib import Path
from typing import Literal, NamedTuple, ParamSpec, TypeVar

from levinthal.errors import UsageError
from levinthal.harness.engines.contract import Engine
from levinthal.harness.engines.local import LocalEngine, pinned_pool
from levinthal.harness.engines.processes import available_cores

__all__ = [
    "EngineName",
    "InlineExecutor",
    "open_engine",
    "parse_engine",
    "pinned_pool",
]

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


class _InlineEngine:
    """Everything in the calling thread."""

    n_workers = 1

    def executor(self) -> Executor:
        return InlineExecutor()

    training_executor = executor

    def close(self) -> None:
        """There is nothing to end."""


class EngineName(NamedTuple):
    """An engine as it was named.

    Attributes
    ----------
    kind : {"local", "inline", "parsl"}
        Which one.
    n_workers : int or None
        How many workers; None where a Parsl configuration says so.
    file : Path or None
        That configuration.
    """

    kind: Literal["local", "inline", "parsl"]
    n_workers: int | None
    file: Path | None = None

    def __str__(self) -> str:
        if self.kind == "parsl":
            return f"parsl:{self.file}"
        return self.kind if self.kind == "inline" else f"local:{self.n_workers}"


def parse_engine(text: str) -> EngineName:
    """Read an engine's name; a Parsl configuration's path becomes an absolute one.

    Raises
    ------
    UsageError
        An unknown kind, a number of workers below 1, or a configuration that is not there.
    MissingExtraError
        Parsl is not installed.
    """
    kind, _, rest = text.partition(":")
    if kind == "inline" and not rest:
        return EngineName("inline", 1)
    if kind == "local":
        if not rest:
            return EngineName("local", len(available_cores()))
        if rest.isdigit() and int(rest) > 0:
            return EngineName("local", int(rest))
    if kind == "parsl" and rest:
        from levinthal.harness.engines.parsl_configuration import check_file

        return EngineName("parsl", None, check_file(Path(rest)))
    raise UsageError(
        f"engine {text!r} is unknown: use local, local:N (N worker processes), inline, or parsl:FILE.py (your own "
        "Parsl configuration)"
    )


def open_engine(text: str, folder: Path | None = None) -> Engine:
    """Return the engine of that name; errors as for `parse_engine`.

    Parameters
    ----------
    text : str
        Its name.
    folder : Path, optional
        Where an engine may leave files of its own (Parsl its logs); without it the current folder.
    """
    name = parse_engine(text)
    if name.kind == "inline":
        return _InlineEngine()
    if name.file is not None:
        from levinthal.harness.engines.parsl_engine import ParslEngine

        return ParslEngine(name.file, (folder or Path.cwd()).absolute())
    return LocalEngine(name.n_workers or 1)
