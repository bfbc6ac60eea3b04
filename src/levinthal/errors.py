"""What can go wrong for a user of Levinthal, as one exception tree.

Each message is one line that says what is wrong, where, and how to fix it. The command line prints that line and
ends with exit status 2; nothing else is ever shown to a user who made a mistake.

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

from pathlib import Path


class LevinthalError(Exception):
    """A mistake a user can fix; the message is one line: what, where, and how to fix it."""

    def __init__(self, message: str) -> None:
        super().__init__(" ".join(str(message).split()))


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
