"""Points measured once and kept: a record for each, written whole or not at all, so that a kill costs only one."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Generic, TypeVar

from pydantic import BaseModel

from levinthal.errors import LevinthalError, WriteError
from levinthal.files.writing import as_write_error, write_whole
from levinthal.harness.results.grid import Point
from levinthal.harness.results.store import read_json, validated

R = TypeVar("R")
M = TypeVar("M", bound=BaseModel)


@dataclass(frozen=True)
class Kept(Generic[R]):
    """Where the records of points lie.

    Attributes
    ----------
    files : mapping of Point to Path
        The file of each point; one that exists is whole.
    read, write : callable
        How a record is read from its file, and written whole or not at all.
    """

    files: Mapping[Point, Path]
    read: Callable[[Path], R]
    write: Callable[[R, Path], None]

    def obtain(self, point: Point, measure: Callable[[Path], R]) -> R:
        """Return the record of a point: as it was kept, else measured and kept.

        Parameters
        ----------
        point : Point
        measure : callable
            Takes the file and returns the record. It may leave the file itself, where another process measures.
        """
        file = self.files[point]
        if file.exists():
            return self.read(file)
        with as_write_error(file):
            file.parent.mkdir(parents=True, exist_ok=True)
        record = measure(file)
        if not file.exists():
            self.write(record, file)
        return record


def kept_as_json(kind: type[M], files: Mapping[Point, Path]) -> Kept[M]:
    """Return the keeping of typed records as JSON."""
    return Kept(
        files,
        read=lambda file: validated(kind, read_json(file), file),
        write=lambda record, file: write_whole(file, record.model_dump_json(indent=1) + "\n"),
    )


@dataclass
class Measured(Generic[R]):
    """What came of the points: the records of those that were measured, and why the others were not."""

    records: dict[Point, R] = field(default_factory=dict)
    failures: dict[Point, str] = field(default_factory=dict)


def measure_in_turn(
    points: Iterable[Point],
    obtain: Callable[[Point], R],
    on_failure: Callable[[Point, LevinthalError], None],
) -> Measured[R]:
    """Measure points one after the other; one that fails is noted with its reason and costs no other.

    Parameters
    ----------
    points : iterable of Point
    obtain : callable
        Takes a point and returns its record, or raises a `LevinthalError`.
    on_failure : callable
        Told of each point that fails.

    Raises
    ------
    WriteError
        A record cannot be written; those that were are kept.
    """
    measured: Measured[R] = Measured()
    for point in points:
        try:
            measured.records[point] = obtain(point)
        except WriteError:  # no point's doing: what is measured is kept, the rest is measured when there is space
            raise
        except LevinthalError as error:
            measured.failures[point] = str(error)
            on_failure(point, error)
    return measured
