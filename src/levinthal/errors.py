"""What can go wrong for a user of Levinthal, as one exception tree.

Each message is one line that says what is wrong, where, and how to fix it. The command line prints that line and
ends with exit status 2; nothing else is ever shown to a user who made a mistake. Any other exception that reaches the
command line is a fault of Levinthal's own (see `levinthal.commands.ending`).

::

    LevinthalError
    ├── UsageError            an unknown workload, setting, size, device; a value of the wrong type
    ├── ResultError           a result file that cannot be read, written or compared
    │   └── WriteError        a file that cannot be written (it is a DataError too)
    ├── DataError             an input file that is missing, damaged, or not what it claims to be
    ├── MissingExtraError     an optional package is not installed
    └── SimulationError       a simulation that exploded (NaN, runaway energy)
"""

from __future__ import annotations

import json
from pathlib import Path

_LONGEST, _HEAD, _TAIL = 1000, 700, 250
"""Characters of a message, and what is left of a longer one: its end says how to fix it."""


class LevinthalError(Exception):
    """A mistake a user can fix; the message is one line: what, where, and how to fix it.

    Attributes
    ----------
    whole : str
        The message as it was before it was cut to a length that a person reads; the command line logs it.
    """

    def __init__(self, message: str) -> None:
        text = " ".join(str(message).split())
        if not text.isprintable():  # escape sequences, halves of characters: names of files may hold them
            text = "".join(each if each.isprintable() else ascii(each)[1:-1] for each in text)
        self.whole = text
        super().__init__(text if len(text) <= _LONGEST else f"{text[:_HEAD]} ... {text[-_TAIL:]}")


class UsageError(LevinthalError):
    """What was asked for does not exist or has the wrong type."""


class ResultError(LevinthalError):
    """A result cannot be read, written or compared."""


class DataError(LevinthalError):
    """An input file is missing, damaged or not what it claims to be."""


class WriteError(ResultError, DataError):
    """A file cannot be written: no permission, no such folder, a full disk.

    What is on record stays: a run that ends so goes on with `levinthal resume`. It is a `DataError` too, as it always
    was where a data set, a model or a checkpoint is written.
    """


class SimulationError(LevinthalError):
    """A simulation left the range of physics: a position is NaN or the energy ran away."""


class MissingExtraError(LevinthalError):
    """An optional package is needed that is not installed.

    Parameters
    ----------
    package : str
        The package that could not be imported.
    extra : str
        The extra of Levinthal that brings it.
    purpose : str
        What it was needed for.
    """

    def __init__(self, package: str, extra: str, purpose: str) -> None:
        super().__init__(f"{purpose} needs the package {package}: pip install 'levinthal[{extra}]'")
        self._parts = (package, extra, purpose)

    def __reduce__(self) -> tuple[type[MissingExtraError], tuple[str, str, str]]:
        """Survive the way back from a worker process, which makes the error again from its parts."""
        return type(self), self._parts


_SENT = "levinthal_error"


def to_line(error: LevinthalError) -> str:
    """Return an error as one line, for a pipe to the process that started this one."""
    names = [kind.__name__ for kind in type(error).__mro__ if issubclass(kind, LevinthalError)]
    return json.dumps({_SENT: names, "message": error.whole, "parts": getattr(error, "_parts", None)})


def from_line(line: str, *kinds: type[LevinthalError]) -> LevinthalError | None:
    """Return the error that a line of `to_line` holds, of one of `kinds` where it is; None where it is another line."""
    try:
        found = json.loads(line)
    except (ValueError, RecursionError):
        return None
    names = found.get(_SENT) if isinstance(found, dict) else None
    if not isinstance(names, list):
        return None
    if names[:1] == [MissingExtraError.__name__] and found.get("parts"):
        return MissingExtraError(*map(str, found["parts"]))
    known = {kind.__name__: kind for kind in (*_KINDS, *kinds)}
    made = next((known[name] for name in names if name in known), UsageError)
    return made(str(found.get("message")))


_KINDS: tuple[type[LevinthalError], ...] = (UsageError, ResultError, DataError, WriteError, SimulationError)


class Interrupted(Exception):  # noqa: N818 - it is not an error
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
