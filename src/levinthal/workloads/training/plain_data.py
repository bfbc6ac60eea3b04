"""Settings from plain data, as it comes from a JSON file that somebody wrote."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, fields
from typing import Any, ClassVar, Self

from levinthal.errors import UsageError


class PlainData:
    """A dataclass that goes to plain data and comes back.

    Attributes
    ----------
    described : str
        How it is called in messages.
    """

    described: ClassVar[str]

    def to_dict(self) -> dict[str, Any]:
        """Return plain data that JSON can hold."""
        values = asdict(self)  # type: ignore[call-overload]
        return {name: list(value) if isinstance(value, tuple) else value for name, value in values.items()}

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Self:
        """Rebuild from `to_dict`.

        Raises
        ------
        UsageError
            A key that is unknown or missing, or a value of the wrong type or out of range.
        """
        known = [field.name for field in fields(cls)]  # type: ignore[arg-type]
        try:
            if unknown := sorted(set(data) - set(known)):
                raise UsageError(
                    f"{cls.described} has unknown keys {', '.join(unknown)}: the keys are {', '.join(known)}"
                )
            return cls(**data)
        except (TypeError, ValueError) as error:
            raise UsageError(f"{cls.described} is incomplete or has a value of the wrong type: {error}") from None
