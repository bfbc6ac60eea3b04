"""Typed settings of a workload: presets by size, a TOML file and `key=value` pairs become one checked object."""

from __future__ import annotations

import re
import tomllib
import warnings
from collections.abc import Iterable, Mapping
from difflib import get_close_matches
from pathlib import Path
from typing import Any, ClassVar, Self, TypeVar, get_origin

from pydantic import BaseModel, ConfigDict, ValidationError, model_validator

from levinthal.errors import UsageError
from levinthal.files.reading import read_limited, refused

SIZES = ("tiny", "small", "paper")


class Settings(BaseModel):
    """Base of every workload's settings: immutable, unknown keys refused, presets by size.

    Attributes
    ----------
    sizes : mapping of str to mapping
        For each size the values that differ from the field defaults.
    free_keys : frozenset of str
        Keys that may be changed in the closed division because they change neither model, data nor target
        (`deterministic`, for example).
    renamed : mapping of str to str
        Names of earlier versions and what each is called now; they are still read, with a warning.

    Examples
    --------
    >>> from collections.abc import Mapping
    >>> from typing import Any, ClassVar
    >>> from pydantic import Field
    >>> from levinthal.harness import Settings
    >>> class Steps(Settings):
    ...     steps: int = Field(default=5, ge=1, description="How many steps to take.")
    ...     sizes: ClassVar[Mapping[str, Mapping[str, Any]]] = {"tiny": {}, "small": {"steps": 50}, "paper": {}}
    >>> Steps(**Steps.sizes["small"]).steps
    50
    """

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)

    sizes: ClassVar[Mapping[str, Mapping[str, Any]]] = {"tiny": {}, "small": {}, "paper": {}}
    free_keys: ClassVar[frozenset[str]] = frozenset()
    renamed: ClassVar[Mapping[str, str]] = {}

    @classmethod
    def under_new_names(cls, given: Mapping[str, Any]) -> dict[str, Any]:
        """Return values by the names of today; a `FutureWarning` for each that was given by an earlier one.

        Raises
        ------
        UsageError
            A value is given by both names.
        """
        found: dict[str, Any] = {}
        for key, value in given.items():
            name = cls.renamed.get(key, key)
            if name in found or (name != key and name in given):
                raise UsageError(f"setting {name!r} is given twice, once by its earlier name {key!r}: keep one")
            if name != key:
                warnings.warn(f"setting {key!r} is now {name!r}: use that name", FutureWarning, stacklevel=3)
            found[name] = value
        return found

    @model_validator(mode="after")
    def _fits_the_machine(self) -> Self:
        """Refuse whole numbers that no array, step counter or seed can hold."""
        for key, value in self:
            for each in value if isinstance(value, tuple | list) else (value,):
                if isinstance(each, int) and abs(each) > _LARGEST:
                    raise ValueError(f"{key} is a number of {len(str(abs(each)))} digits: it must be below 2^63")
        return self

    @model_validator(mode="before")
    @classmethod
    def _split_lists(cls, values: Any) -> Any:
        """Read `1,2,1` as typed on a command line where a field holds several values."""
        if not isinstance(values, Mapping):
            return values
        values = cls.under_new_names(values)
        return {
            key: [part.strip() for part in value.split(",") if part.strip()]
            if isinstance(value, str) and key in cls.model_fields and _holds_several(cls.model_fields[key].annotation)
            else value
            for key, value in values.items()
        }


def _holds_several(annotation: Any) -> bool:
    return get_origin(annotation) in (tuple, list)


_MOST_BYTES = 1_000_000
_DEEPEST = 8
_QUOTED = re.compile(r"""\"[^"]*\"|'[^']*'|#.*""")
_LARGEST = 2**63 - 1
S = TypeVar("S", bound=Settings)


def parse_assignments(pairs: Iterable[str]) -> dict[str, str]:
    """Read `key=value` pairs as typed on the command line.

    Raises
    ------
    UsageError
        A pair without `=`, or a key given twice.
    """
    values: dict[str, str] = {}
    for pair in pairs:
        key, sign, value = pair.partition("=")
        key = key.strip()
        if not sign or not key:
            raise UsageError(f"--set {pair!r} is not of the form key=value")
        if key in values:
            raise UsageError(f"--set {key} is given twice: keep one")
        values[key] = value.strip()
    return values


def read_settings_file(path: Path) -> dict[str, Any]:
    """Read a flat TOML file of settings.

    Raises
    ------
    UsageError
        The file cannot be read or is not TOML.
    """
    with refused(UsageError, f"--config {path}", "is not TOML", "name a TOML file of key = value"):
        text = read_limited(path, _MOST_BYTES, "name a TOML file of key = value").decode()
        for number, line in enumerate(text.splitlines(), 1):
            if _QUOTED.sub("", line.partition("=")[0]).count(".") > _DEEPEST:  # Python's parser takes hours over such
                raise UsageError(f"--config {path}, line {number}: a key of many parts: settings are key = value")
        found = tomllib.loads(text)
        layer, depth = [found], 0
        while layer := [each for outer in layer for each in _members(outer)]:
            if (depth := depth + 1) > _DEEPEST:
                raise UsageError(f"--config {path} has tables or lists {depth} deep: settings are key = value")
        return found


def _members(value: Any) -> list[Any]:
    """Return the tables and lists that a table or list holds."""
    values = value.values() if isinstance(value, dict) else value
    return [each for each in values if isinstance(each, dict | list)]


def make_settings(kind: type[S], size: str, overrides: Mapping[str, Any] | None = None) -> S:
    """Build settings from the preset of a size and the values that override it.

    Parameters
    ----------
    kind : type of Settings
        The workload's settings class.
    size : str
        A key of `kind.sizes`.
    overrides : mapping, optional
        Values by field name; strings are converted to the field's type.

    Raises
    ------
    UsageError
        An unknown size or key, or a value of the wrong type; the message names the field and what it takes.
    """
    if size not in kind.sizes:
        raise UsageError(f"size {size!r} is unknown: choose one of {', '.join(kind.sizes)}")
    overrides = kind.under_new_names(overrides or {})
    known = kind.model_fields
    for key in overrides:
        if key not in known:
            near = get_close_matches(key, known, n=1)
            hint = f"did you mean {near[0]}?" if near else f"the keys are {', '.join(known)}"
            raise UsageError(f"setting {key!r} is unknown: {hint}")
    try:
        return kind.model_validate({**kind.sizes[size], **overrides}, strict=False)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        message = first["msg"].removeprefix("Value error, ")
        if not first["loc"]:
            raise UsageError(f"settings: {message}") from None
        given = overrides.get(str(first["loc"][0]))
        shown = f" (given: {given!r})" if given is not None else ""
        raise UsageError(f"setting {'.'.join(map(str, first['loc']))}: {message}{shown}") from None


def changed_words(settings: Settings, size: str) -> list[str]:
    """Return the words of a command line that make these settings from the preset of a size."""
    preset = make_settings(type(settings), size).model_dump(mode="json")
    words: list[str] = []
    for key, value in settings.model_dump(mode="json").items():
        if value != preset[key]:
            words += ["--set", f"{key}={','.join(map(str, value)) if isinstance(value, list) else value}"]
    return words


def division_of(settings: Settings, size: str) -> str:
    """Return `closed` when the settings are the preset's but for keys that are free, else `open`."""
    preset = make_settings(type(settings), size).model_dump()
    changed = {key for key, value in settings.model_dump().items() if value != preset[key]}
    return "closed" if changed <= settings.free_keys else "open"
