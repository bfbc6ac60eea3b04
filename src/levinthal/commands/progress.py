"""What a person sees while a run is under way: bars with time left on a terminal, plain lines in a pipe."""

from __future__ import annotations

import sys
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any, TextIO

from levinthal.harness.results.plan import Plan
from levinthal.harness.results.result import Gate, Result
from levinthal.harness.running.watching import Watcher


def shown_duration(duration_s: float) -> str:
    """Return a duration as a person reads it: `0.4 s`, `12 s`, `3 min 5 s`, `2 h 4 min`."""
    if duration_s < 10:
        return f"{duration_s:.1f} s"
    whole = round(duration_s)
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60} s"
    return f"{whole // 3600} h {whole % 3600 // 60} min"


def make_watcher(stream: TextIO | None = None) -> Watcher:
    """Return bars for a terminal and lines for anything else; both write to standard error."""
    stream = stream or sys.stderr
    return BarWatcher(stream) if stream.isatty() else LineWatcher(stream)


class LineWatcher:
    """A line for each thing that ends."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self._repeats = 0

    def run_started(self, plan: Plan, folder: Path) -> None:
        """Name the workload and the folder."""
        self._repeats = len(plan.seeds)
        self._say(f"{plan.workload}, size {plan.size}: {self._repeats} repeat(s) into {shown_path(folder)}")

    def event(self, event: Mapping[str, Any]) -> None:
        """Say what ended."""
        line = _line(event, self._repeats)
        if line is not None:
            self._say(line)

    def run_stopped(self, result: Result, folder: Path) -> None:
        """Say the verdict."""
        self._say(f"{result.workload.name}: {result.verdict}, {shown_path(folder / 'result.json')}")

    def close(self) -> None:
        """Nothing is held."""

    def _say(self, line: str) -> None:
        print(line, file=self._stream, flush=True)


def shown_path(path: Path) -> Path:
    """Return a path relative to the working directory where it lies below it."""
    return path.relative_to(Path.cwd()) if path.is_relative_to(Path.cwd()) else path


def _line(event: Mapping[str, Any], repeats: int) -> str | None:
    kind = event["event"]
    if kind == "repeat_start":
        return f"  repeat {event['repeat'] + 1}/{repeats}, seed {event['seed']}"
    if kind == "phase_stop" and event["lane"] == "main":
        rate = ""
        if event.get("items") and event["duration_s"] > 0:
            rate = f", {event['items']:,} items, {event['items'] / event['duration_s']:,.0f}/s"
        return f"    {event['phase']:<10} {shown_duration(event['duration_s'])}{rate}"
    if kind == "warning":
        return f"    warning: {event['sentence']}"
    if kind == "gate" and not event["passed"]:
        gate = Gate.model_validate({key: event[key] for key in Gate.model_fields if key in event})
        return f"    {'gate' if gate.kind == 'benchmark' else 'sanity check'} missed: {gate.words}"
    if kind == "repeat_stop" and event.get("error"):
        return f"    failed: {event['error']}"
    return None


class BarWatcher:
    """A bar for the phase under way, with the time it has left, above it the lines of what ended."""

    def __init__(self, stream: TextIO) -> None:
        from rich.console import Console
        from rich.progress import BarColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn, TimeRemainingColumn

        self._console = Console(file=stream, highlight=False, markup=False)
        self._progress = Progress(
            SpinnerColumn(),
            TextColumn("{task.description}", markup=False),
            BarColumn(),
            TextColumn("{task.percentage:>3.0f} %"),
            TimeElapsedColumn(),
            TextColumn("left"),
            TimeRemainingColumn(),
            console=self._console,
            transient=True,
        )
        self._task: Any = None
        self._repeats = 0
        self._begun_s = 0.0

    def run_started(self, plan: Plan, folder: Path) -> None:
        """Name the workload and the folder."""
        self._repeats = len(plan.seeds)
        self._begun_s = time.monotonic()
        self._console.print(f"{plan.workload}, size {plan.size}: {self._repeats} repeat(s) into {shown_path(folder)}")
        self._progress.start()

    def event(self, event: Mapping[str, Any]) -> None:
        """Move the bar, or say what ended."""
        kind = event["event"]
        if kind == "phase_start" and event["lane"] == "main":
            self._drop_task()
            self._task = self._progress.add_task(event["phase"], total=None)
        elif kind == "progress" and self._task is not None:
            self._progress.update(self._task, completed=event["done"], total=event["total"])
        elif kind in ("phase_stop", "repeat_stop"):
            self._drop_task()
        line = _line(event, self._repeats)
        if line is not None:
            self._progress.console.print(line)

    def run_stopped(self, result: Result, folder: Path) -> None:
        """Say the verdict."""
        took = shown_duration(time.monotonic() - self._begun_s)
        style = "bold green" if result.verdict == "passed" else "bold red"
        self._console.print(f"{result.workload.name}: {result.verdict} in {took}", style=style)

    def close(self) -> None:
        """Give the terminal back, also after an interrupt."""
        self._drop_task()
        self._progress.stop()

    def _drop_task(self) -> None:
        if self._task is not None:
            self._progress.remove_task(self._task)
            self._task = None
