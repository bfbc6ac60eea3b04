"""Processes that do not outlive who started them, and their share of the machine's cores."""

from __future__ import annotations

import contextlib
import ctypes
import os
import signal
import sys
from pathlib import Path

__all__ = ["Interrupted", "available_cores", "die_with_parent"]

_PR_SET_PDEATHSIG = 1  # linux/prctl.h


class Interrupted(KeyboardInterrupt):
    """The user, or a signal, stopped the run; what was finished is on record.

    Attributes
    ----------
    folder : Path
        The run folder, for `levinthal resume`.
    finished, planned : int
        Repeats on record and asked for.
    """

    def __init__(self, folder: Path, finished: int, planned: int) -> None:
        super().__init__(f"interrupted in {folder}")
        self.folder = folder
        self.finished = finished
        self.planned = planned


def die_with_parent() -> None:
    """Ask the kernel to kill this process when its parent dies, however the parent dies (Linux only)."""
    if sys.platform != "linux":
        return
    parent = os.getppid()
    with contextlib.suppress(OSError, AttributeError):
        ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
    if os.getppid() != parent:  # it died before the call
        os._exit(1)


def available_cores() -> tuple[int, ...]:
    """Return the cores this process may run on, by number."""
    if hasattr(os, "sched_getaffinity"):
        return tuple(sorted(os.sched_getaffinity(0)))
    return tuple(range(os.cpu_count() or 1))
