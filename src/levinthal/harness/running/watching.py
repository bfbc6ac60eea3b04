"""What is informed while a run is under way: a terminal, for example."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Protocol

from levinthal.harness.results.plan import Plan
from levinthal.harness.results.result import Result


class Watcher(Protocol):
    """What is informed while a run is under way."""

    def run_started(self, plan: Plan, folder: Path) -> None:
        """Hear that a run begins or goes on."""
        ...

    def event(self, event: Mapping[str, Any]) -> None:
        """Hear one line of the journal."""
        ...

    def waited(self) -> None:
        """Hear, some times a second, that a repeat is under way."""
        ...

    def run_stopped(self, result: Result, folder: Path) -> None:
        """Hear that the result is written."""
        ...

    def close(self) -> None:
        """Hear that nothing more will come, for whatever reason."""
        ...


class SilentWatcher:
    """Shows nothing."""

    def run_started(self, plan: Plan, folder: Path) -> None:
        """Pass over it."""

    def event(self, event: Mapping[str, Any]) -> None:
        """Pass over it."""

    def run_stopped(self, result: Result, folder: Path) -> None:
        """Pass over it."""

    def waited(self) -> None:
        """Pass over it."""

    def close(self) -> None:
        """Hold nothing."""
