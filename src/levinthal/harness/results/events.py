"""The journal of a run: one JSON object a line, appended as things happen, so that a killed run still tells."""

from __future__ import annotations

import json
import math
import os
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from levinthal.errors import ResultError
from levinthal.files.writing import as_write_error

EVENTS_FILE = "events.jsonl"


def _finite(value: Any) -> Any:
    """Replace what JSON cannot hold (NaN, infinity) by null, at any depth."""
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, dict):
        return {key: _finite(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_finite(item) for item in value]
    return value


class EventLog:
    """Append events to a file; each is written in one piece, so that several processes may share the file.

    Parameters
    ----------
    path : Path
        The journal, made when it is not there.

    Raises
    ------
    WriteError
        The file cannot be opened or written (no permission, full disk).
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        with as_write_error(path):
            self._descriptor = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o666)
            self._end_torn_line()

    def _end_torn_line(self) -> None:
        size = os.fstat(self._descriptor).st_size
        if size:
            with self.path.open("rb") as file:
                file.seek(size - 1)
                if file.read(1) != b"\n":
                    os.write(self._descriptor, b"\n")

    def append(self, event: str, **fields: Any) -> None:
        """Write one event with the time of now."""
        record = {"time_s": round(time.time(), 6), "event": event, **_finite(fields)}
        line = json.dumps(record, separators=(",", ":"), allow_nan=False).encode() + b"\n"
        with as_write_error(self.path, fix=f"free some space, then levinthal resume {self.path.parent}"):
            if os.write(self._descriptor, line) < len(line):
                raise OSError(28, os.strerror(28))

    def close(self) -> None:
        """Close the file; closing twice does no harm."""
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1


def read_events(path: Path) -> Iterator[dict[str, Any]]:
    """Yield the events of a journal; a line torn by a kill is passed over.

    Raises
    ------
    ResultError
        The file cannot be read.
    """
    try:
        with path.open("rb") as file:
            for line in file:
                event = _parse(line)
                if event is not None:
                    yield event
    except OSError as error:
        raise ResultError(f"cannot read {path}: {error.strerror}: name a run folder") from None


def _parse(line: bytes) -> dict[str, Any] | None:
    try:
        event = json.loads(line)
    except (ValueError, RecursionError):
        return None
    return event if isinstance(event, dict) and isinstance(event.get("event"), str) else None


class EventTail:
    """Read the events that another process appends, as they come."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._offset = path.stat().st_size if path.exists() else 0
        self._rest = b""

    def poll(self) -> list[dict[str, Any]]:
        """Return the whole events written since the last call."""
        with self._path.open("rb") as file:
            file.seek(self._offset)
            data = file.read()
        self._offset += len(data)
        *lines, self._rest = (self._rest + data).split(b"\n")
        return [event for event in map(_parse, lines) if event is not None]
