"""How a command ends that did not end well: a line for a person, an exit status, and a log of what fits in no line.

========= ==================================================================================================
status    what happened
========= ==================================================================================================
2         a mistake of the user's, or of the machine's: bad input, no permission, a full disk, no memory
70        an internal error: what nobody foresaw; the log has the traceback (EX_SOFTWARE of sysexits.h)
130       the user, or a signal, stopped it
========= ==================================================================================================
"""

from __future__ import annotations

import os
import sys
from contextlib import suppress
from pathlib import Path

from levinthal import __version__
from levinthal.errors import Interrupted, LevinthalError
from levinthal.files.places import state_folder

__all__ = ["INTERNAL_ERROR", "INTERRUPTED", "MISTAKE", "end", "flush_output"]

MISTAKE, INTERNAL_ERROR, INTERRUPTED = 2, 70, 130


def end(error: BaseException) -> int:
    """Say in one line on stderr why a command ended, and return the exit status."""
    if isinstance(error, Interrupted):
        kept = f"{error.finished} of {error.planned} repeats are kept"
        _print(f"interrupted: {kept}; complete the run with: levinthal resume {error.folder}")
    elif not isinstance(error, KeyboardInterrupt):
        mistake = _mistake(error)
        _print(f"levinthal: {mistake or _internal(error)}")
        return MISTAKE if mistake else INTERNAL_ERROR
    return INTERRUPTED


def _mistake(error: BaseException) -> str:
    """Return what is to be said of a mistake of the user's or the machine's; nothing where it is neither."""
    from levinthal.files.writing import write_failure

    if isinstance(error, OSError) and isinstance(error.filename, str):
        error = LevinthalError(f"{error.filename}: {error.strerror}: name another, or change it")
    elif isinstance(error, MemoryError):
        error = LevinthalError("this machine has not enough memory for that: take a smaller size, or smaller files")
    elif not isinstance(error, LevinthalError):
        error = write_failure(error, "to standard output") or error
    if not isinstance(error, LevinthalError):
        return ""
    message = str(error)
    return message if error.whole == message else f"{message} (the whole message: {_logged(error.whole)})"


def _internal(error: BaseException) -> str:
    import traceback

    log = _logged("".join(traceback.format_exception(error)))
    what = str(LevinthalError(f"{type(error).__name__}: {error}"))
    return f"internal error ({what}): the log is {log}: please report it with that file"


def flush_output() -> None:
    """Write out what was printed, so that a disk or pipe that does not take it is noticed here and not at exit.

    Raises
    ------
    OSError
        It is not taken; whatever else would be printed is dropped.
    """
    if sys.stdout is None:  # it was closed before the program began
        return
    try:
        sys.stdout.flush()
    except OSError:
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, sys.stdout.fileno())
        os.close(nowhere)
        raise


def _print(line: str) -> None:
    with suppress(OSError, ValueError, AttributeError):  # stderr may be closed, or on a full disk
        print(line, file=sys.stderr, flush=True)


def _logged(text: str) -> str:
    """Write a text to a file of its own in the user's state folder, or the temporary one; return its path in words."""
    import tempfile
    from datetime import UTC, datetime

    stamp = f"{datetime.now(UTC):%Y%m%dT%H%M%SZ}"
    head = f"levinthal {__version__}, Python {sys.version}\n{sys.argv}\n\n"
    for place in (state_folder, tempfile.gettempdir):
        with suppress(OSError, TypeError):  # there is no such place, or no room in it
            descriptor, path = tempfile.mkstemp(".log", f"{stamp}-", place())
            os.close(descriptor)
            Path(path).write_text(f"{head}{text}\n", encoding="utf-8", errors="backslashreplace")
            return path
    return "lost, since no folder can be written to"
