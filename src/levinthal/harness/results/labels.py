"""What a figure is called and what it is of: a name, and labels beside it. Together they are its identity."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from typing import Annotated, NamedTuple, TypeVar

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field

from levinthal.errors import ResultError

Label = str | int | float


class NoSuchFigureError(ResultError, KeyError):
    """A name, or a name with labels, that a result does not have; the message lists what it has."""

    __str__ = Exception.__str__


def _finite(value: float) -> float:
    if not math.isfinite(value):
        raise ValueError("must be finite: use null with a reason for a figure that was not measured")
    return value


def _plain(labels: object) -> object:
    """Turn numbers of numpy into those of Python, and refuse what cannot be a label."""
    if not isinstance(labels, Mapping):
        return labels
    plain = {key: getattr(value, "item", lambda value=value: value)() for key, value in labels.items()}
    for key, value in plain.items():
        if isinstance(value, bool) or not isinstance(value, str | int | float):
            raise ValueError(f"label {key!r} is {value!r}: give a text or a number")
    return plain


Finite = Annotated[float, AfterValidator(_finite)]
Labels = Annotated[Mapping[str, Label], BeforeValidator(_plain)]


class Record(BaseModel):
    """A part of a result: unchangeable, with the keys it names and no other."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


class Key(NamedTuple):
    """The identity of a figure; two are equal where names and labels are, in whatever order these were given."""

    name: str
    labels: tuple[tuple[str, Label], ...] = ()

    @classmethod
    def of(cls, name: str, labels: Mapping[str, Label] | None = None) -> Key:
        """Return the identity of a name with labels."""
        return cls(name, tuple(sorted((labels or {}).items())))

    def __str__(self) -> str:
        return in_words(self.name, dict(self.labels))


def in_words(name: str, labels: Mapping[str, Label]) -> str:
    """Return a figure for a reader, for example `cells seen (policy dbscan)`."""
    return f"{name} ({', '.join(label_in_words(key, value) for key, value in labels.items())})" if labels else name


_UNITS = {"angstrom": "Å", "nm": "nm", "ps": "ps", "ns": "ns", "ms": "ms"}


def label_in_words(key: str, value: Label) -> str:
    """Return a label for a reader: `policy dbscan`, and with the unit of its key `within 2 Å`.

    Examples
    --------
    >>> label_in_words("within_angstrom", 2.0)
    'within 2 Å'
    """
    word, _, unit = key.rpartition("_")
    if word and unit in _UNITS and not isinstance(value, str):
        return f"{word} {value:g} {_UNITS[unit]}"
    return f"{key} {value}"


class Labelled(Record):
    """A record with an identity.

    Attributes
    ----------
    name : str
        What it is, the same for all that may be compared.
    labels : mapping of str to str, int or float
        What it is of: a policy, a learner, a batch size.
    """

    name: str
    labels: Labels = Field(default_factory=dict)

    @property
    def key(self) -> Key:
        """Name and labels, to match and to sort into tables by."""
        return Key.of(self.name, self.labels)

    def __str__(self) -> str:
        return in_words(self.name, self.labels)


L = TypeVar("L", bound=Labelled)


def figures_of(records: Iterable[L], name: str, labels: Mapping[str, Label] | None = None) -> list[L]:
    """Return the records of a name that have these labels, others beside them or not."""
    wanted = (labels or {}).items()
    return [record for record in records if record.name == name and wanted <= record.labels.items()]


def find_figure(records: Iterable[L], name: str, labels: Mapping[str, Label] | None = None) -> L:
    """Return the one record of a name that has these labels.

    Parameters
    ----------
    records : iterable of Labelled
        Metrics, samples, gates, summaries.
    name : str
        The name.
    labels : mapping of str to str, int or float, optional
        As many as tell it from others of the name; a record with these and no other goes before all.

    Raises
    ------
    NoSuchFigureError
        There is none, or more than one; the message lists those of the name, or all.
    """
    records = list(records)
    found = figures_of(records, name, labels)
    exact = [record for record in found if len(record.labels) == len(labels or {})]
    if len(exact or found) == 1:
        return (exact or found)[0]
    asked = in_words(name, labels or {})
    there = found or figures_of(records, name)
    if there:
        what = f"there are {len(found)}" if found else "it has other labels"
        raise NoSuchFigureError(f"{asked!r}: {what}: choose among {', '.join(map(str, there))}")
    names = dict.fromkeys(record.name for record in records)
    raise NoSuchFigureError(f"there is no {asked!r} here: choose among {', '.join(names) or 'none'}")
