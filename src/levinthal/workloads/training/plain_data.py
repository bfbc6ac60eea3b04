"""Settings from plain data, as it comes from a JSON file that somebody wrote."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields
from typing import Any, TypeVar

from levinthal.errors import UsageError

T = TypeVar("T")


def from_plain(kind: type[T], data: Mapping[str, Any], what: str) -> T:
    """Make a dataclass of its fields by name.

    Parameters
    ----------
    kind : type
        The dataclass.
    data : mapping
    what : str
        How it is called in messages.

    Raises
    ------
    UsageError
        A key that is unknown or missing, or a value of the wrong type or out of range.
    """
    known = [field.name for field in fields(kind)]  # type: ignore[arg-type]
    try:
        if unknown := sorted(set(data) - set(known)):
            raise UsageError(f"{what} has unknown keys {', '.join(unknown)}: the keys are {', '.join(known)}")
        return kind(**data)
    except (TypeError, ValueError) as error:
        raise UsageError(f"{what} is incomplete or has a value of the wrong type: {error}") from None
