"""What was measured is never lost to an analysis that fails: each figure is made on its own, and withheld with reasons.

A full disk and an interruption are not failures of an analysis: they end the repeat, which goes on by `resume`.
"""

from __future__ import annotations

import traceback
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Protocol, TypeVar

from levinthal.errors import Interrupted, LevinthalError, WriteError

T = TypeVar("T")


class Warned(Protocol):
    """Where a warning is said, as a `Run`."""

    def warn(self, sentence: str) -> None:
        """Say what is missing."""
        ...


def reason_of(error: Exception) -> str:
    """Return in one line what went wrong, and of what is not a user's mistake also where."""
    text = " ".join(str(error).split())
    if isinstance(error, LevinthalError):
        return text
    frames = traceback.extract_tb(error.__traceback__)
    where = f" ({Path(frames[-1].filename).name}, line {frames[-1].lineno})" if frames else ""
    return f"{type(error).__name__}{': ' * bool(text)}{text}{where}"


def attempt_all(run: Warned, parts: Mapping[str, Callable[[], object]]) -> None:
    """Do each of some parts of a report; what fails is named with the reason and costs no other."""
    for name, make in parts.items():
        _, why = attempt(make)
        if why:
            run.warn(f"{name}: missing, all else stands; {why}.")


def attempt(make: Callable[[], T]) -> tuple[T | None, str]:
    """Return what a function makes and no reason, or nothing and the reason why it failed."""
    try:
        return make(), ""
    except (Interrupted, WriteError):
        raise
    except Exception as error:  # whatever it is, the other figures stand
        return None, reason_of(error)
