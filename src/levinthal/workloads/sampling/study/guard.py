"""What was measured is never lost to an analysis that fails: each figure is made on its own, and withheld with reasons.

A full disk and an interruption are not failures of an analysis: they end the repeat, which goes on by `resume`.
"""

from __future__ import annotations

import traceback
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

from levinthal.errors import Interrupted, LevinthalError, WriteError

T = TypeVar("T")


def reason_of(error: Exception) -> str:
    """Return in one line what went wrong, and of what is not a user's mistake also where."""
    text = " ".join(str(error).split())
    if isinstance(error, LevinthalError):
        return text
    frames = traceback.extract_tb(error.__traceback__)
    where = f" ({Path(frames[-1].filename).name}, line {frames[-1].lineno})" if frames else ""
    return f"{type(error).__name__}{': ' * bool(text)}{text}{where}"


def attempt(make: Callable[[], T]) -> tuple[T | None, str]:
    """Return what a function makes and no reason, or nothing and the reason why it failed."""
    try:
        return make(), ""
    except (Interrupted, WriteError):
        raise
    except Exception as error:  # whatever it is, the other figures stand
        return None, reason_of(error)
