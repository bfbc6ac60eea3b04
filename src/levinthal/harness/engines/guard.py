"""A program under guard: it ends with the process that starts it, and with it ends all that it started.

``python -m levinthal.harness.engines.guard PARENT PIPE MODULE ARGUMENTS`` is ``python -m MODULE ARGUMENTS``, in a fork
made before anything heavy is imported. The process that forked stays as its guard. It watches PIPE, which closes when
PARENT ends, however that ends; it inherits the program's orphans (Linux), so that pools, ranks and clusters of the
user's own are ended too, whatever sessions they made for themselves; and it ends last, with the program's status. What
it holds open (the lock of a run folder) is held as long as anything is left that may write.

With ``-`` for PIPE there is no guard: the program dies with PARENT.
"""

from __future__ import annotations

import os
import resource
import runpy
import select
import signal
import sys
import time
from collections.abc import Sequence
from contextlib import suppress

from levinthal.harness.engines.processes import END, UNGUARDED, ask_kernel, die_with_parent

_PR_SET_CHILD_SUBREAPER = 36  # linux/prctl.h
_LOOK_MS = 1000
_PATIENCE_S = 10.0


def main(words: Sequence[str]) -> None:
    """Run a program, guarded or not; returns in the process that is to be the program once that has ended."""
    parent, pipe, module, *arguments = words
    if pipe == UNGUARDED:
        die_with_parent(int(parent))
    else:
        if os.getppid() != int(parent):
            os._exit(1)
        ask_kernel(_PR_SET_CHILD_SUBREAPER, 1)
        guard = os.getpid()
        if program := os.fork():
            _guard(program, int(parent), int(pipe))
        die_with_parent(guard)
        os.close(int(pipe))
    sys.argv = [module, *arguments]
    runpy.run_module(module, run_name="__main__")


def _guard(program: int, parent: int, pipe: int) -> None:
    """Watch over a program and whatever it starts until it ends, or its parent does; never returns."""
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))  # the program's own core tells more than its guard's
    woken, wake = os.pipe()
    os.set_blocking(wake, False)
    os.set_blocking(woken, False)
    told_to_end = False

    def end(*_: object) -> None:
        nonlocal told_to_end
        told_to_end = True

    signal.set_wakeup_fd(wake, warn_on_full_buffer=False)
    signal.signal(signal.SIGCHLD, lambda *_: None)
    signal.signal(END, end)
    for each in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):  # the program answers them
        signal.signal(each, signal.SIG_IGN)
    watched = select.poll()
    watched.register(pipe, select.POLLIN)
    watched.register(woken, select.POLLIN)
    status = None
    while not told_to_end and (status := _reap(program)) is None:
        ready = [descriptor for descriptor, _ in watched.poll(_LOOK_MS)]
        if pipe in ready or os.getppid() != parent:
            break
        with suppress(BlockingIOError):
            os.read(woken, 4096)
    if status is None:
        with suppress(ProcessLookupError):
            os.kill(program, signal.SIGKILL)
        status = signal.SIGKILL
    _end_descendants()
    code = os.waitstatus_to_exitcode(status)
    if code < 0:  # it died of a signal: so does its guard, for whoever asks
        with suppress(OSError, ValueError):  # SIGKILL has no handler
            signal.signal(-code, signal.SIG_DFL)
        os.kill(os.getpid(), -code)
    os._exit(code)


def _reap(program: int) -> int | None:
    """Take note of children that have ended; return the status of the program, where it is one of them."""
    found = None
    with suppress(ChildProcessError):
        while (ended := os.waitpid(-1, os.WNOHANG))[0]:
            if ended[0] == program:
                found = ended[1]
    return found


def _end_descendants() -> None:
    """Kill what is left below this process until nothing is."""
    deadline = time.monotonic() + _PATIENCE_S
    while time.monotonic() < deadline:
        try:
            while os.waitpid(-1, os.WNOHANG)[0]:
                pass
        except ChildProcessError:  # without a child there is no descendant
            return
        import psutil

        for each in psutil.Process().children(recursive=True):
            with suppress(psutil.Error):
                each.kill()
        time.sleep(0.01)


if __name__ == "__main__":
    main(sys.argv[1:])
