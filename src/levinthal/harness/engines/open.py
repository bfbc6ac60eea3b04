"""Engines by name: where a workload's tasks run, from the calling process to a cluster.

An engine is a module of `levinthal.harness.engines.built_in`, or a plug-in that declares, in its `pyproject.toml`::

    [project.entry-points."levinthal.engines"]
    mine = "my_package:ENGINE"

Either holds an `EngineKind` under the name `ENGINE`.
"""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

from levinthal.errors import LevinthalError, UsageError
from levinthal.harness.engines.contract import Engine, EngineKind
from levinthal.plugins import Registry


def _problems(name: str, thing: object) -> list[str]:
    del name
    return [] if isinstance(thing, EngineKind) else [f"it is a {type(thing).__name__}, not an EngineKind"]


ENGINES = Registry("engine", "levinthal.engines", "levinthal.harness.engines.built_in", problems=_problems)


class EngineName(NamedTuple):
    """An engine as it was named, in its canonical form; as text it is what the plan of a run keeps.

    Attributes
    ----------
    kind : str
        Which engine.
    argument : str
        A number of workers, the absolute path of a file; empty where it takes none.
    """

    kind: str
    argument: str = ""

    def __str__(self) -> str:
        return f"{self.kind}:{self.argument}" if self.argument else self.kind


def parse_engine(text: str) -> EngineName:
    """Read an engine's name; a file's path becomes an absolute one, and nothing is run yet.

    Raises
    ------
    UsageError
        There is no such engine, or its argument is not of the right form; a file that is not there.
    MissingExtraError
        It needs an optional package.
    """
    kind, _, argument = text.partition(":")
    canonical = ENGINES.load(kind).parse(argument) if kind in ENGINES.names() else None
    if canonical is None:
        raise UsageError(f"engine {text!r} is unknown: use {', '.join(engine_usages())}")
    return EngineName(kind, canonical)


def engine_usages() -> dict[str, str]:
    """Return what to type for each engine, and a sentence about it; the error's one line where it cannot be loaded."""
    found = {}
    for name in ENGINES.names():
        try:
            kind: EngineKind = ENGINES.load(name)
        except LevinthalError as error:
            found[name] = str(error)
        else:
            found[kind.usage] = kind.about
    return found


def open_engine(text: str, folder: Path | None = None) -> Engine:
    """Return the engine of that name; errors as for `parse_engine`, and those of a user's file.

    Parameters
    ----------
    text : str
        Its name.
    folder : Path, optional
        Where an engine may leave files of its own (Parsl its logs); without it the current folder.
    """
    name = parse_engine(text)
    kind: EngineKind = ENGINES.load(name.kind)
    return kind.open(name.argument, (folder or Path.cwd()).absolute())
