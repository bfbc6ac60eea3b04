"""Processes that do not outlive who started them, and their share of the machine's cores."""

from __future__ import annotations

import contextlib
import ctypes
import os
import signal
import sys
from pathlib import Path

_PR_SET_PDEATHSIG = 1  # linux/prctl.h


def die_with_parent(parent: int | None = None) -> None:
    """Ask the kernel to kill this process when its parent dies, however the parent dies (Linux only).

    Give the parent's process id where it is known: it may have died before this process could ask who it was.
    """
    if sys.platform != "linux":
        return
    parent = os.getppid() if parent is None else parent
    with contextlib.suppress(OSError, AttributeError):
        ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
    if os.getppid() != parent:  # it died before the call
        os._exit(1)


def child_environment() -> dict[str, str]:
    """Return the environment for a Python process of ours: it finds this package, and no module in the current folder.

    `python -m` looks for modules where the user happens to stand, which may be a folder from elsewhere.
    """
    environment = {**os.environ, "PYTHONSAFEPATH": "1"}
    root = str(Path(__file__).resolve().parents[3])
    if root not in map(os.path.realpath, sys.path[1:]):  # it was found in the current folder alone
        environment["PYTHONPATH"] = os.pathsep.join(filter(None, [root, os.environ.get("PYTHONPATH")]))
    return environment


def available_cores() -> tuple[int, ...]:
    """Return the cores this process may run on, by number."""
    if hasattr(os, "sched_getaffinity"):
        return tuple(sorted(os.sched_getaffinity(0)))
    return tuple(range(os.cpu_count() or 1))
