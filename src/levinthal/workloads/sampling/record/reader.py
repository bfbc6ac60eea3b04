"""A campaign's record, as any process may read it, also while it is being written.

::

    campaign.db     SQLite: what the campaign is, its chunks, decisions, models, failures, sessions
    frames.f32      float32 (n_frames, *frame_shape)
    states.f64      float64 (n_frames, state_width): the full state at each frame

A frame's id is its place in these files and never changes. The data of a chunk are written first, its row last: a
frame without a row does not exist, so whatever a killed coordinator left behind is not seen by readers, and the next
one cuts it off. Records of earlier versions are read as well; see `versions`.
"""

from __future__ import annotations

import json
import math
import sqlite3
import warnings
import zlib
from collections.abc import Sequence
from contextlib import closing
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from levinthal.arrays import Doubles, Integers, Singles
from levinthal.errors import DataError
from levinthal.files.reading import refused
from levinthal.files.writing import write_failure
from levinthal.workloads.sampling.record.rows import (
    FORMAT_VERSION,
    ChunkRow,
    DecisionRow,
    FailureRow,
    ModelRow,
    SessionRow,
    select,
    upgrade,
)

DATABASE, FRAMES, STATES = "campaign.db", "frames.f32", "states.f64"
_MOST, _LARGEST_FRAME = 2**63, 10**9


@dataclass(frozen=True)
class CampaignHeader:
    """What decides a campaign; one that is resumed must have the same.

    Attributes
    ----------
    system, system_sha256 : str
        What is simulated.
    frame_shape : tuple of int
        Of a frame.
    state_width : int
        Numbers in a full state.
    n_walkers, chunk_steps, frame_interval, seed : int
        How it is simulated.
    policy, learner : str
        Names; an empty learner is none.
    """

    system: str
    system_sha256: str
    frame_shape: tuple[int, ...]
    state_width: int
    n_walkers: int
    chunk_steps: int
    frame_interval: int
    seed: int
    policy: str
    learner: str

    def to_json(self) -> str:
        """Return it as JSON text."""
        return json.dumps(asdict(self))


def read_header(database: sqlite3.Connection, folder: Path) -> CampaignHeader:
    """Return what the database says of its campaign; a `DataError` where it is not one, or of a later version."""
    try:
        found = dict(database.execute("SELECT key, value FROM meta"))
        header = json.loads(found["header"])
        version = int(found["version"])
    except (sqlite3.DatabaseError, KeyError, ValueError) as error:
        raise DataError(
            f"{folder / DATABASE} is not the record of a campaign ({error}): name a folder of one"
        ) from None
    if version != FORMAT_VERSION:
        raise DataError(
            f"{folder} has the record version {version}, this Levinthal reads {FORMAT_VERSION}: "
            "take the release that wrote it"
        )
    if not isinstance(header, dict) or set(header) != {field.name for field in fields(CampaignHeader)}:
        raise DataError(f"{folder / DATABASE} is damaged: its header lacks a key; restore the file")
    shape, kinds = header["frame_shape"], {"str": str, "int": int}
    whole = isinstance(shape, list) and all(type(n) is int and n >= 0 for n in shape)
    whole = whole and math.prod(shape) < _LARGEST_FRAME
    for field in fields(CampaignHeader) if whole else ():
        value, kind = header[field.name], kinds.get(str(field.type), list)
        whole = whole and type(value) is kind and not (isinstance(value, int) and not -1 < value < _MOST)
    if not whole:
        raise DataError(f"{folder / DATABASE} is damaged: its header has a value of another type; restore the file")
    return CampaignHeader(**{**header, "frame_shape": tuple(shape)})


def mapped(path: Path, dtype: str, n: int, shape: tuple[int, ...]) -> npt.NDArray[Any]:
    """Map the first n records of a file of numbers; they cannot be written."""
    if n == 0 or 0 in shape:
        return np.zeros((n, *shape), dtype)
    return np.memmap(path, dtype, "r", shape=(n, *shape))


def checksum(frames: Singles, states: Doubles) -> int:
    """Return the CRC-32 of a chunk's frames and states as they lie on disk."""
    return zlib.crc32(np.ascontiguousarray(states, "<f8").tobytes(), zlib.crc32(_packed(frames)))


def _packed(frames: Singles) -> bytes:
    return np.ascontiguousarray(frames, "<f4").tobytes()


class CampaignRecord:
    """What a campaign had on record when this was made; the arrays are memory-mapped and cannot be written.

    Parameters
    ----------
    folder : str or Path
        Of a campaign, finished or running.

    Attributes
    ----------
    header : CampaignHeader
        What the campaign is.
    chunks, decisions, models, failures, sessions : sequences of rows
        In order; see `record_rows`.

    Raises
    ------
    DataError
        Not the record of a campaign, one of a later version, or a damaged one.

    Examples
    --------
    >>> from pathlib import Path
    >>> import levinthal
    >>> from levinthal.sampling import CampaignRecord
    >>> result = levinthal.run("sampling", {"policies": ("random",)}, size="smoke", precision="fp32", out="r1")
    >>> record = CampaignRecord(next(Path("r1").glob("repeats/*/kept/campaigns/random-*")))
    >>> record.header.n_walkers, record.frames.shape[1:]
    (2, (33, 3))
    """

    chunks: Sequence[ChunkRow]
    decisions: Sequence[DecisionRow]
    models: Sequence[ModelRow]
    failures: Sequence[FailureRow]
    sessions: Sequence[SessionRow]

    def __init__(self, folder: str | Path) -> None:
        self.folder = Path(folder)
        path = self.folder / DATABASE
        if not path.is_file():
            raise DataError(f"{self.folder} has no {DATABASE}: name the folder of a sampling campaign")
        with refused(DataError, path, "is damaged", "restore the file"):
            self._read(path)
        self._check_order()
        check_whole(self.folder, self.header, len(self))

    def _check_order(self) -> None:
        """Refuse chunks that do not lie one after the other, or go on from frames to come."""
        expected = 0
        for chunk in self.chunks:
            parent = chunk.parent_frame
            if chunk.first_frame != expected or chunk.n_frames < 1 or not (parent is None or 0 <= parent < expected):
                raise DataError(f"{self.folder / DATABASE} is damaged in chunk {chunk.number}: restore the file")
            expected += chunk.n_frames

    def _read(self, path: Path) -> None:
        try:
            with (
                closing(sqlite3.connect(path.resolve().as_uri() + "?mode=ro", uri=True)) as file,
                closing(sqlite3.connect(":memory:", isolation_level=None)) as database,
            ):
                file.backup(database)  # one snapshot of all tables, which may be of an earlier version
                upgrade(database)
                self.header = read_header(database, self.folder)
                self.chunks = select(database, ChunkRow)
                self.decisions = select(database, DecisionRow)
                self.models = select(database, ModelRow)
                self.failures = select(database, FailureRow)
                self.sessions = select(database, SessionRow)
        except sqlite3.DatabaseError as error:
            raise write_failure(error, path) or DataError(f"{path} is damaged ({error}): restore the file") from None

    def __len__(self) -> int:
        return self.chunks[-1].first_frame + self.chunks[-1].n_frames if self.chunks else 0

    @property
    def frames(self) -> Singles:
        """All frames, shape `(n_frames, *frame_shape)`."""
        return mapped(self.folder / FRAMES, "<f4", len(self), self.header.frame_shape)

    @property
    def states(self) -> Doubles:
        """The full state at each frame, shape (n_frames, state_width)."""
        return mapped(self.folder / STATES, "<f8", len(self), (self.header.state_width,))

    def per_frame(self, column: str) -> Integers:
        """Return a column of the chunks for each frame, shape (n_frames,): `walker`, `segment`, `number`."""
        counts = np.array([chunk.n_frames for chunk in self.chunks], np.int64)
        return np.repeat(np.array([getattr(chunk, column) for chunk in self.chunks], np.int64), counts)

    @property
    def weights(self) -> Doubles:
        """The weight of each frame, shape (n_frames,), NaN where the policy keeps none; see `ChunkRow`."""
        counts = np.array([chunk.n_frames for chunk in self.chunks], np.int64)
        each = [math.nan if chunk.weight is None else chunk.weight for chunk in self.chunks]
        return np.repeat(np.array(each, np.float64), counts)

    @property
    def steps(self) -> Integers:
        """The segment's step at each frame, shape (n_frames,)."""
        interval = self.header.frame_interval
        parts = [
            chunk.first_step + interval * np.arange(1, chunk.n_frames + 1, dtype=np.int64) for chunk in self.chunks
        ]
        return np.concatenate(parts) if parts else np.zeros(0, np.int64)

    def walker_frames(self, walker: int) -> Integers:
        """Return the ids of a walker's frames in the order in which it made them.

        Raises
        ------
        DataError
            There is no such walker.
        """
        if not 0 <= walker < self.header.n_walkers:
            raise DataError(f"{self.folder} has the walkers 0 to {self.header.n_walkers - 1}, not {walker}")
        own = sorted((chunk for chunk in self.chunks if chunk.walker == walker), key=lambda chunk: chunk.position)
        return _ids([(chunk.first_frame, chunk.first_frame + chunk.n_frames) for chunk in own])

    def slot_frames(self, walker: int) -> Integers:
        """Return `walker_frames` by its name of version 0.1."""
        warnings.warn("slot_frames is now walker_frames: use that name", FutureWarning, stacklevel=2)
        return self.walker_frames(walker)

    def lineage(self, frame: int) -> Integers:
        """Return the ids of the frames that led to one, from its walker's start on, itself the last.

        Across restarts this is one trajectory without a jump: each part begins in the full state where the one before
        ends.

        Raises
        ------
        DataError
            There is no such frame.
        """
        if not 0 <= frame < len(self):
            raise DataError(f"{self.folder} has the frames 0 to {len(self) - 1}, not {frame}")
        firsts = np.array([chunk.first_frame for chunk in self.chunks])
        parts: list[tuple[int, int]] = []
        at: int | None = frame
        while at is not None:
            chunk = self.chunks[int(np.searchsorted(firsts, at, side="right")) - 1]
            parts.append((chunk.first_frame, at + 1))
            at = chunk.parent_frame
        return _ids(parts[::-1])

    def verify(self) -> None:
        """Read everything and compare the check sums.

        Raises
        ------
        DataError
            A chunk's data are not what was written, or its place is not that after the one before.
        """
        frames, states, expected = self.frames, self.states, 0
        for chunk in self.chunks:
            part = slice(chunk.first_frame, chunk.first_frame + chunk.n_frames)
            if part.start != expected or checksum(frames[part], states[part]) != chunk.crc32:
                raise DataError(
                    f"{self.folder} is damaged: chunk {chunk.number} (frames {part.start} to {part.stop - 1}) "
                    "is not what was written; restore the folder"
                )
            expected = part.stop


def _ids(parts: Sequence[tuple[int, int]]) -> Integers:
    return np.concatenate([np.zeros(0, np.int64), *(np.arange(first, end, dtype=np.int64) for first, end in parts)])


def check_whole(folder: Path, header: CampaignHeader, n_frames: int) -> None:
    """Raise a `DataError` unless both files of numbers hold all frames that have a row."""
    for name, size in ((FRAMES, 4 * int(np.prod(header.frame_shape))), (STATES, 8 * header.state_width)):
        path = folder / name
        found = path.stat().st_size if path.exists() else 0
        if found < n_frames * size:
            raise DataError(
                f"{path} is damaged: it holds {found} bytes and {n_frames} frames need {n_frames * size}; "
                "restore the file"
            )
