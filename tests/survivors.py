"""Find the processes that a test has started, whoever started them: by a mark in the environment that they inherit."""

from __future__ import annotations

import contextlib
import time
import uuid

import psutil

_NAME = "LEVINTHAL_TEST_MARK"


class Mark:
    """A mark for the environment of a program, and whatever carries it."""

    def __init__(self) -> None:
        self._value = uuid.uuid4().hex

    @property
    def environment(self) -> dict[str, str]:
        """What to add to the program's environment."""
        return {_NAME: self._value}

    def living(self) -> list[psutil.Process]:
        """Return the processes that carry it, zombies apart."""
        found = []
        for process in psutil.process_iter():
            with contextlib.suppress(psutil.Error):
                if process.status() != psutil.STATUS_ZOMBIE and process.environ().get(_NAME) == self._value:
                    found.append(process)
        return found

    def end(self) -> None:
        """Kill whatever carries it."""
        for process in self.living():
            with contextlib.suppress(psutil.Error):
                process.kill()

    def left_after(self, patience_s: float) -> list[list[str]]:
        """Return the commands of those that live on for so long; empty as soon as none does."""
        deadline = time.monotonic() + patience_s
        while (left := self.living()) and time.monotonic() < deadline:
            time.sleep(0.05)
        commands = []
        for process in left:
            with contextlib.suppress(psutil.Error):
                commands.append(process.cmdline())
        return commands
