"""What a person sees while a run is under way: bars with time left on a terminal, plain lines in a pipe."""

from __future__ import annotations

import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TextIO

from levinthal.harness.results.plan import Plan
from levinthal.harness.results.result import Gate, Result
from levinthal.harness.running.watching import Watcher

_LONG_S, _AGAIN_S = 5.0, 30.0
"""After so long a phase is said to be under way, and then again."""


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


def estimate_text(sentence: str, duration_s: float | None) -> str:
    """Return what was expected, with the time."""
    return sentence if duration_s is None else f"{sentence}: about {shown_duration(duration_s)} here"


def make_watcher(stream: TextIO | None = None) -> Watcher:
    """Return bars for a terminal and lines for anything else; both write to standard error."""
    stream = stream or sys.stderr
    return BarWatcher(stream) if stream.isatty() else LineWatcher(stream)


@dataclass
class _Phase:
    """What is known of the phase under way on the main lane."""

    name: str
    doing: str
    begun_s: float
    done: int = 0
    total: int | None = None

    @property
    def description(self) -> str:
        return f"{self.name}: {self.doing}" if self.doing else self.name

    def hear(self, event: Mapping[str, Any]) -> None:
        self.done, self.total = event["done"], event["total"]
        self.doing = event.get("doing") or self.doing

    def text(self) -> str:
        """Return how far it is and how long it will still take, as far as that is known."""
        spent_s = time.monotonic() - self.begun_s
        parts = [f"{shown_duration(spent_s)} so far"]
        if self.total and self.done:
            left = shown_duration(spent_s * max(0.0, self.total / self.done - 1.0))
            parts = [f"{self.done:,} of {self.total:,}, {100 * self.done / self.total:.0f} %", *parts, f"{left} left"]
        return f"    {self.description} ... {', '.join(parts)}"


class LineWatcher:
    """A line for each thing that ends, and now and then one for a phase that takes long."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self._repeats = 0
        self._phase: _Phase | None = None
        self._next_s = 0.0

    def run_started(self, plan: Plan, folder: Path) -> None:
        """Name the workload and the folder."""
        self._repeats = len(plan.seeds)
        self._say(f"{plan.workload}, size {plan.size}: {self._repeats} repeat(s) into {shown_path(folder)}")

    def event(self, event: Mapping[str, Any]) -> None:
        """Say what ended."""
        kind = event["event"]
        if kind == "phase_start" and event["lane"] == "main":
            self._phase = _Phase(event["phase"], event.get("doing", ""), time.monotonic())
            self._next_s = self._phase.begun_s + _LONG_S
        elif kind == "progress" and self._phase is not None:
            self._phase.hear(event)
        elif kind == "repeat_stop" or (kind == "phase_stop" and event["lane"] == "main"):
            self._phase = None
        line = _line(event, self._repeats)
        if line is not None:
            self._say(line)

    def waited(self) -> None:
        """Say how far a phase is that takes long."""
        if self._phase is not None and time.monotonic() >= self._next_s:
            self._next_s = time.monotonic() + _AGAIN_S
            self._say(self._phase.text())

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
    if kind in ("warning", "estimate"):
        return f"    {kind}: {estimate_text(event['sentence'], event.get('duration_s'))}"
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
        self._phase: _Phase | None = None
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
            self._phase = _Phase(event["phase"], event.get("doing", ""), time.monotonic())
            self._task = self._progress.add_task(self._phase.description, total=None)
        elif kind == "progress" and self._task is not None and self._phase is not None:
            self._phase.hear(event)
            words = self._phase.description
            self._progress.update(self._task, completed=event["done"], total=event["total"], description=words)
        elif kind == "repeat_stop" or (kind == "phase_stop" and event["lane"] == "main"):
            self._drop_task()
        line = _line(event, self._repeats)
        if line is not None:
            self._progress.console.print(line)

    def waited(self) -> None:
        """Pass over it: the bar moves by itself."""

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
