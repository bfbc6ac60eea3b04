"""The journal of a run: one JSON object a line, appended as things happen, so that a killed run still tells."""

from __future__ import annotations

import errno
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
        self._torn = False  # the last line was cut off by a full disk
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
        if self._torn:
            line = b"\n" + line
        with as_write_error(self.path, fix=f"free some space, then levinthal resume {self.path.parent}"):
            written = os.write(self._descriptor, line)
            self._torn = written < len(line)
            if self._torn:
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    def close(self) -> None:
        """Close the file; closing twice does no harm."""
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1


def read_events(path: Path) -> Iterator[dict[str, Any]]:
    """Yield the events of a journal; a line torn by a kill, or that no run can have written, is passed over.

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


_LAST_S = 32503680000.0
"""The year 3000, in seconds since 1970."""


def _parse(line: bytes) -> dict[str, Any] | None:
    """Return the event on a line: it has a name, a time that can be one, and no number that JSON lacks; else None."""
    try:
        event = json.loads(line, parse_constant=_refuse, parse_float=_finite_float)
    except (ValueError, RecursionError):
        return None
    if not isinstance(event, dict) or not isinstance(event.get("event"), str):
        return None
    time_s, index = event.get("time_s", 0.0), event.get("repeat", 0)
    if isinstance(time_s, bool) or not isinstance(time_s, int | float) or not 0 <= time_s < _LAST_S:
        return None
    return event if type(index) is int and index >= 0 else None


def _refuse(constant: str) -> float:
    raise ValueError(constant)


def _finite_float(text: str) -> float:
    value = float(text)
    if not math.isfinite(value):
        raise ValueError(text)
    return value


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
