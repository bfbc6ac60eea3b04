"""What a campaign's record says of each chunk, decision, model and failure: one dataclass a table.

Versions of the database:

1. The first.
2. A trajectory of the ensemble is a walker; before, it was a slot.
3. Chunks and decisions have a weight.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Sequence
from dataclasses import astuple, dataclass, fields
from typing import Any, TypeVar

START = -1
"""As a decision's frame: not a frame but the walker's own start, drawn again."""


@dataclass(frozen=True)
class ChunkRow:
    """A chunk whose frames are on record; times are seconds since 1970 by the clock of where it happened.

    Attributes
    ----------
    number : int
        Chunks count from 0 in order of commitment.
    walker, position : int
        The `position`-th chunk of a walker, from 0; there is one of each.
    attempt : int
        How often it had failed before; part of its seed.
    segment : int
        Unbroken trajectory it belongs to; every restart begins one.
    parent_frame : int or None
        The frame whose full state it went on from; None at the walker's own start.
    first_frame, n_frames : int
        Ids of its frames: `first_frame` to `first_frame + n_frames - 1`.
    first_step, n_steps : int
        The segment's step before it, and the steps it made.
    frames_then, model_then : int
        Frames on record and version of the model when it was submitted.
    decision : int or None
        The decision that chose its parent; None where the walker went on without being asked.
    crc32 : int
        Of its frames and states.
    worker : str
        Host and process.
    cpu_s : float
        Processor time there.
    core_s : float
        Core-seconds that the whole campaign had spent when the chunk came back, all sessions together.
    created, submitted, received, started, simulated, ended, returned, committed : float
        Its life: made by the coordinator, handed to the executor, taken up by the worker, simulation begun, simulation
        finished, worker finished, seen by the coordinator, on record.
    weight : float or None
        Of each of its frames among those of the same round of chunks, whose weights sum to 1; None where the policy
        keeps none.
    """

    number: int
    walker: int
    position: int
    attempt: int
    segment: int
    parent_frame: int | None
    first_frame: int
    n_frames: int
    first_step: int
    n_steps: int
    frames_then: int
    model_then: int
    decision: int | None
    crc32: int
    worker: str
    cpu_s: float
    core_s: float
    created: float
    submitted: float
    received: float
    started: float
    simulated: float
    ended: float
    returned: float
    committed: float
    weight: float | None = None


@dataclass(frozen=True)
class DecisionRow:
    """What a walker is to do at a position; of several for the same position the latest holds.

    Attributes
    ----------
    number : int
        Decisions count from 0.
    walker, position : int
        The chunk it is about, the next of the walker that is not yet submitted.
    frame : int or None
        Go on from this frame's full state; None goes on, `START` begins again.
    reason : str
        In words.
    score : float or None
        The policy's own.
    policy : str
        Who decided; `quarantine` after a state that cannot be simulated.
    model_version, model_frames : int
        The model that embedded the frames, and the frames it was trained on; version 0 is none.
    n_frames : int
        Frames the policy could look at.
    refreshed_frames : int
        Frames there were when the policy last made up its mind about all of them.
    made : float
        When, in seconds since 1970.
    embed_s, refresh_s, decide_s : float
        Time of the coordinator for it.
    weight : float or None
        That the walker has from there on; None where the policy keeps none.
    """

    number: int
    walker: int
    position: int
    frame: int | None
    reason: str
    score: float | None
    policy: str
    model_version: int
    model_frames: int
    n_frames: int
    refreshed_frames: int
    made: float
    embed_s: float
    refresh_s: float
    decide_s: float
    weight: float | None = None


@dataclass(frozen=True)
class ModelRow:
    """A model that was trained beside the simulations and then used.

    Attributes
    ----------
    version : int
        From 1.
    n_frames : int
        Frames it was trained on, the first that many of the record.
    seed : int
        Of its training.
    warm : bool
        Whether it began from the one before.
    submitted, began, trained, adopted : float
        When it was asked for, begun, ready, and used for all frames; seconds since 1970.
    cpu_s : float
        Processor time of training and of embedding all frames.
    """

    version: int
    n_frames: int
    seed: int
    warm: bool
    submitted: float
    began: float
    trained: float
    adopted: float
    cpu_s: float


@dataclass(frozen=True)
class FailureRow:
    """A chunk that did not come back.

    Attributes
    ----------
    number : int
        Failures count from 0.
    walker, position, attempt : int
        Which chunk.
    kind : str
        `error` (its own: another seed is tried), `lost` (a worker died, perhaps not by its fault: the same again) or
        `quarantined` (given up).
    parent_frame : int or None
        Where it began; None is the walker's own start.
    message : str
        What was said.
    state : bytes or None
        With `quarantined`: the full state, float64 little-endian; None at the walker's own start.
    noticed : float
        Seconds since 1970.
    """

    number: int
    walker: int
    position: int
    attempt: int
    kind: str
    parent_frame: int | None
    message: str
    state: bytes | None
    noticed: float


@dataclass(frozen=True)
class SessionRow:
    """A coordinator's life; `ended` is None while it runs, and for good if it was killed."""

    number: int
    began: float
    ended: float | None
    process: str


Row = TypeVar("Row", ChunkRow, DecisionRow, ModelRow, FailureRow, SessionRow)

_TABLES: dict[type, str] = {
    ChunkRow: "chunks",
    DecisionRow: "decisions",
    ModelRow: "models",
    FailureRow: "failures",
    SessionRow: "sessions",
}
_TYPES = {"int": "INTEGER", "bool": "INTEGER", "float": "REAL", "str": "TEXT", "bytes": "BLOB"}


def create_tables(database: sqlite3.Connection) -> None:
    """Make the tables; the first column of each is its key, and a walker has one chunk at each position."""
    for row, table in _TABLES.items():
        columns = []
        for k, field in enumerate(fields(row)):
            kind, _, nothing = str(field.type).partition(" | ")
            columns.append(
                f"{field.name} {_TYPES[kind]}" + (" PRIMARY KEY" if k == 0 else "" if nothing else " NOT NULL")
            )
        extra = ", UNIQUE (walker, position)" if row is ChunkRow else ""
        database.execute(f"CREATE TABLE {table} ({', '.join(columns)}{extra})")


def insert(database: sqlite3.Connection, row: Any) -> None:
    """Add a row to its table; one with the same key is replaced only among sessions."""
    values = astuple(row)
    verb = "INSERT OR REPLACE" if isinstance(row, SessionRow) else "INSERT"
    database.execute(f"{verb} INTO {_TABLES[type(row)]} VALUES ({', '.join('?' * len(values))})", values)


def select(database: sqlite3.Connection, row: type[Row], since: int = 0) -> Sequence[Row]:
    """Return the rows of a table from a key on, in order.

    Raises
    ------
    ValueError
        A value is not of its type: SQLite would keep a text where a number belongs.
    """
    kinds = [_kinds_of(str(field.type)) for field in fields(row)]
    names = [field.name for field in fields(row)]
    query = f"SELECT {', '.join(names)} FROM {_TABLES[row]} WHERE {names[0]} >= ? ORDER BY {names[0]}"  # noqa: S608
    found = []
    for values in database.execute(query, (since,)):
        for name, value, kind in zip(names, values, kinds, strict=True):
            if not isinstance(value, kind):
                raise ValueError(f"in {_TABLES[row]} {values[0]!r} {name} is {value!r}")
        found.append(row(*values))
    return found


_PYTHON_TYPES: dict[str, tuple[type, ...]] = {
    "int": (int,), "bool": (int,), "float": (float,), "str": (str,), "bytes": (bytes,), "None": (type(None),)
}  # fmt: skip


def _kinds_of(annotation: str) -> tuple[type, ...]:
    return tuple(kind for name in annotation.split(" | ") for kind in _PYTHON_TYPES[name])


FORMAT_VERSION = 3


def upgrade(database: sqlite3.Connection) -> None:
    """Bring a database of an earlier version to the present one, whole or not at all; any other is left as it is."""
    try:
        found = dict(database.execute("SELECT key, value FROM meta"))
        header = dict(json.loads(found["header"]))
    except (sqlite3.DatabaseError, KeyError, TypeError, ValueError):
        return  # not a record: whoever reads it says so
    if found.get("version") not in ("1", "2"):
        return
    database.execute("BEGIN IMMEDIATE")
    if found["version"] == "1":
        header["n_walkers"] = header.pop("n_slots", None)
        for table in ("chunks", "decisions", "failures"):
            database.execute(f"ALTER TABLE {table} RENAME COLUMN slot TO walker")
    for table in ("chunks", "decisions"):
        database.execute(f"ALTER TABLE {table} ADD COLUMN weight REAL")
    changed = [(json.dumps(header), "header"), (str(FORMAT_VERSION), "version")]
    database.executemany("UPDATE meta SET value = ? WHERE key = ?", changed)
    database.execute("COMMIT")
