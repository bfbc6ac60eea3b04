"""The file system: a file for each message, under its name when it is whole, read and removed by the receiver."""

from __future__ import annotations

import os
import time
from pathlib import Path
from typing import ClassVar

from levinthal.errors import DataError
from levinthal.files.writing import as_write_error
from levinthal.metrics.transfer.route import HEADER_BYTES, PATIENCE_S, Load, find_address, leave_address

_LOOK_S = 0.0005
_MOST_WAITING = 64
"""Files that a sender leaves before it waits for the receiver."""


class Files:
    """A folder as a mailbox."""

    name: ClassVar[str] = "files"
    medium: ClassVar[str] = "files"
    sends: ClassVar[bool] = True

    def receiver(self, load: Load) -> _Mailbox:
        """Return the receiver."""
        return _Mailbox(load)

    def sender(self, load: Load, number: int) -> _Letters:
        """Return a sender."""
        return _Letters(load, number)


class _Letters:
    def __init__(self, load: Load, number: int) -> None:
        self._box, self._number, self._k = Path(find_address(load)), number, 0

    def send(self, head: bytes, body: memoryview) -> None:
        name = f"{self._k:012d}-{self._number}"
        draft = self._box / f".{name}"
        with as_write_error(draft), draft.open("wb") as file:
            file.write(head)
            file.write(body)
        draft.rename(self._box / name)
        self._k += 1
        if self._k % _MOST_WAITING == 0:
            self._wait_for_fewer()

    def _wait_for_fewer(self) -> None:
        end = time.monotonic() + PATIENCE_S
        while sum(name.endswith(f"-{self._number}") for name in os.listdir(self._box)) > _MOST_WAITING:  # noqa: PTH208
            if time.monotonic() > end:
                raise DataError("nobody takes the messages: the receiver stopped")
            time.sleep(_LOOK_S)

    def close(self) -> None:
        pass


class _Mailbox:
    def __init__(self, load: Load) -> None:
        self._box = Path(load.folder) / "mailbox"
        self._box.mkdir(exist_ok=True)
        self._waiting: list[str] = []
        self._read: Path | None = None
        leave_address(load, str(self._box.absolute()))

    def receive(self) -> tuple[memoryview, memoryview] | None:
        if self._read is not None:
            self._read.unlink()  # it is on record by now
        end = time.monotonic() + PATIENCE_S
        while not self._waiting:
            self._waiting = sorted((n for n in os.listdir(self._box) if not n.startswith(".")), reverse=True)  # noqa: PTH208
            if not self._waiting:
                if time.monotonic() > end:
                    raise DataError("no message came: its sender did not start, or stopped")
                time.sleep(_LOOK_S)
        self._read = self._box / self._waiting.pop()
        whole = memoryview(self._read.read_bytes())
        return whole[:HEADER_BYTES], whole[HEADER_BYTES:]

    def close(self) -> None:
        if self._read is not None:
            self._read.unlink(missing_ok=True)


ROUTE = Files
