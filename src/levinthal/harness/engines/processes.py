"""Processes that do not outlive who started them, and their share of the machine's cores.

`guarded_command` is how the harness starts a program of its own: what it starts ends with it, and so does all that the
program starts in turn. `die_with_parent` is for a process that something else starts (a pool, torchrun).
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import signal
import sys
import threading
import time
from collections.abc import Sequence
from functools import cache
from pathlib import Path

from levinthal.files.places import cache_variables

GUARD = "levinthal.harness.engines.guard"
"""The program that runs another one under guard."""

UNGUARDED = "-"
"""Instead of a pipe, for `GUARD`: the program only dies with its parent."""

END = signal.SIGUSR1
"""Tells a guard to end all that it guards at once."""

_PR_SET_PDEATHSIG = 1  # linux/prctl.h
_LOOK_S = 0.5


def die_with_parent(parent: int | None = None) -> None:
    """Have this process killed when its parent dies, however the parent dies.

    On Linux the kernel does it; elsewhere a thread looks twice a second whether the parent is still there. Give the
    parent's process id where it is known: it may have died before this process could ask who it was.
    """
    parent = os.getppid() if parent is None else parent
    if not ask_kernel(_PR_SET_PDEATHSIG, signal.SIGKILL):
        threading.Thread(target=_die_after, args=(parent,), name="levinthal-parent", daemon=True).start()
    if os.getppid() != parent:  # it died before the call
        os._exit(1)


def child_environment() -> dict[str, str]:
    """Return the environment for a Python process of ours: it finds this package, and no module in the current folder.

    `python -m` looks for modules where the user happens to stand, which may be a folder from elsewhere.
    """
    environment = {**os.environ, "PYTHONSAFEPATH": "1", **cache_variables()}
    root = str(Path(__file__).resolve().parents[3])
    if root not in map(os.path.realpath, sys.path[1:]):  # it was found in the current folder alone
        environment["PYTHONPATH"] = os.pathsep.join(filter(None, [root, os.environ.get("PYTHONPATH")]))
    return environment


def _die_after(parent: int) -> None:
    while os.getppid() == parent:
        time.sleep(_LOOK_S)
    os._exit(1)


def ask_kernel(option: int, value: int) -> bool:
    """Set an option of prctl(2) for this process; return whether that was possible."""
    with contextlib.suppress(OSError, AttributeError):
        return bool(ctypes.CDLL(None, use_errno=True).prctl(option, value, 0, 0, 0) == 0)
    return False


def guarded_command(module: str, arguments: Sequence[str], pipe: int) -> list[str]:
    """Return the command of a module's program that ends with this process, and with it all that it starts.

    Start it in a session of its own, with `pipe` among its `pass_fds`. Signals to its process group reach the program;
    its status is the program's. Once it has ended, nothing that it started is left.

    Parameters
    ----------
    module : str
        As after ``python -m``.
    arguments : sequence of str
        The program's.
    pipe : int
        What `lifeline` returns.
    """
    return [sys.executable, "-m", GUARD, str(os.getpid()), str(pipe), module, *arguments]


def bound_arguments(module: str, arguments: Sequence[str] = ()) -> list[str]:
    """Return what follows ``python -m`` for a program that this process, or a library within it, starts as its child.

    It dies with this process, before it has imported anything heavy already; nobody guards what it starts.
    """
    return [GUARD, str(os.getpid()), UNGUARDED, module, *arguments]


def lifeline() -> int:
    """Return the end to read of a pipe whose other end closes when this process ends."""
    return _pipe_of(os.getpid())


@cache
def _pipe_of(process: int) -> int:
    del process  # a fork has a pipe of its own
    return os.pipe()[0]  # nobody reads or writes; the other end stays open as long as the process lives


def available_cores() -> tuple[int, ...]:
    """Return the cores this process may run on, by number."""
    if hasattr(os, "sched_getaffinity"):
        return tuple(sorted(os.sched_getaffinity(0)))
    return tuple(range(os.cpu_count() or 1))
