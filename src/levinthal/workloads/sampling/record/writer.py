"""The only writer of a campaign's record: data first, then the row, both on the disk before the campaign goes on."""

from __future__ import annotations

import os
import sqlite3
import time
from dataclasses import replace
from pathlib import Path
from types import TracebackType

import numpy as np
import numpy.typing as npt

from levinthal.errors import DataError, UsageError, WriteError
from levinthal.files.writing import as_write_error, lock, whole_path, write_failure
from levinthal.workloads.sampling.record.reader import (
    DATABASE,
    FRAMES,
    STATES,
    CampaignHeader,
    check_whole,
    mapped,
    read_header,
)
from levinthal.workloads.sampling.record.rows import (
    FORMAT_VERSION,
    ChunkRow,
    DecisionRow,
    FailureRow,
    ModelRow,
    SessionRow,
    create_tables,
    insert,
    select,
    upgrade,
)

_LOCK = "campaign.lock"


class CampaignWriter:
    """Appends to a record; use as a context manager.

    The database is in WAL mode, so that others read while this writes, and `synchronous` is FULL: with the data
    flushed before their row, a chunk that was committed survives a power cut and not only a killed process. All of it
    is under a millisecond a chunk on a local disk.

    Parameters
    ----------
    folder : Path
        Made where there is none.
    header : CampaignHeader
        Must be that of the record if there is one.
    resume : bool
        Go on with the record that is there; without it there must be none.
    durable : bool
        Whether what was committed survives a power cut too; without it, only a killed process. Small systems make
        chunks faster than a disk is flushed.

    Attributes
    ----------
    n_frames, n_chunks, n_decisions, n_failures : int
        On record.

    Raises
    ------
    UsageError
        A record is there and `resume` is false, or the other way round.
    DataError
        A record of another campaign, a damaged one, or one that another process is writing.
    WriteError
        The folder cannot be written.
    """

    def __init__(self, folder: Path, header: CampaignHeader, *, resume: bool, durable: bool = True) -> None:
        self.folder, self.header, self._durable = folder, header, durable
        self._open: list[int] = []
        with as_write_error(self.folder):
            self.folder.mkdir(parents=True, exist_ok=True)
            self._lock = os.open(folder / _LOCK, os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, 0o666)
        self._open.append(self._lock)
        try:
            with as_write_error(self.folder):
                self._begin(resume)
        except BaseException:
            self.close()
            raise

    def _begin(self, resume: bool) -> None:
        lock(self._lock, self.folder)
        path = self.folder / DATABASE
        if path.exists() and not resume:
            raise UsageError(f"{self.folder} holds a campaign already: resume it, or choose another folder")
        if not path.exists():
            if resume:
                raise UsageError(f"{self.folder} holds no campaign that could be resumed: name the folder of one")
            self._create(path)
        try:
            self._database = sqlite3.connect(path, isolation_level=None)
            self._database.execute("PRAGMA journal_mode=WAL")
            self._database.execute(f"PRAGMA synchronous={'FULL' if self._durable else 'OFF'}")
            upgrade(self._database)
            found = read_header(self._database, self.folder)
            if found != self.header:
                different = [
                    name
                    for name in CampaignHeader.__dataclass_fields__
                    if getattr(found, name) != getattr(self.header, name)
                ]
                raise DataError(
                    f"{self.folder} holds another campaign, its {different[0]} is {getattr(found, different[0])!r} "
                    f"and not {getattr(self.header, different[0])!r}: resume it as it was, or choose another folder"
                )
            chunks, decisions = select(self._database, ChunkRow), select(self._database, DecisionRow)
            self.n_failures = len(select(self._database, FailureRow))
            n_sessions = len(select(self._database, SessionRow))
        except sqlite3.DatabaseError as error:
            raise write_failure(error, path) or DataError(f"{path} is damaged ({error}): restore the file") from None
        self.n_chunks, self.n_decisions = len(chunks), len(decisions)
        self.n_frames = chunks[-1].first_frame + chunks[-1].n_frames if chunks else 0
        check_whole(self.folder, self.header, self.n_frames)
        flags = os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC
        self._frames = os.open(self.folder / FRAMES, flags, 0o666)
        self._states = os.open(self.folder / STATES, flags, 0o666)
        self._open += [self._frames, self._states]
        os.ftruncate(self._frames, self.n_frames * 4 * int(np.prod(self.header.frame_shape)))
        os.ftruncate(self._states, self.n_frames * 8 * self.header.state_width)
        self._session = SessionRow(n_sessions, time.time(), None, f"{os.uname().nodename}:{os.getpid()}")
        self.add(self._session)

    def _create(self, path: Path) -> None:
        """Make the database under another name, so that a record is there whole or not at all."""
        with whole_path(path, sqlite3.OperationalError) as draft:
            database = sqlite3.connect(draft, isolation_level=None)
            database.execute("BEGIN")
            database.execute("CREATE TABLE meta (key TEXT PRIMARY KEY, value TEXT NOT NULL)")
            database.executemany(
                "INSERT INTO meta VALUES (?, ?)",
                [("version", str(FORMAT_VERSION)), ("header", self.header.to_json())],
            )
            create_tables(database)
            database.execute("COMMIT")
            database.close()

    def __enter__(self) -> CampaignWriter:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            self.add(SessionRow(self._session.number, self._session.began, time.time(), self._session.process))
        except WriteError:
            if kind is None:
                raise
        finally:
            self.close()

    def close(self) -> None:
        """Release the files."""
        if hasattr(self, "_database"):
            self._database.close()
        while self._open:
            os.close(self._open.pop())

    @property
    def frames(self) -> npt.NDArray[np.float32]:
        """All frames on record, memory-mapped."""
        return mapped(self.folder / FRAMES, "<f4", self.n_frames, self.header.frame_shape)

    @property
    def states(self) -> npt.NDArray[np.float64]:
        """The full states of all frames on record, memory-mapped."""
        return mapped(self.folder / STATES, "<f8", self.n_frames, (self.header.state_width,))

    def state(self, frame: int) -> npt.NDArray[np.float64]:
        """Return the full state at a frame."""
        width = self.header.state_width
        with (self.folder / STATES).open("rb") as file:
            file.seek(frame * width * 8)
            return np.frombuffer(file.read(width * 8), "<f8").astype(np.float64)

    def history(
        self,
    ) -> tuple[list[ChunkRow], list[DecisionRow], list[ModelRow], list[FailureRow], list[SessionRow]]:
        """Return all that is on record, each table in its order."""
        database = self._database
        return (
            list(select(database, ChunkRow)),
            list(select(database, DecisionRow)),
            list(select(database, ModelRow)),
            list(select(database, FailureRow)),
            list(select(database, SessionRow)),
        )

    def append(self, row: ChunkRow, frames: npt.NDArray[np.float32], states: npt.NDArray[np.float64]) -> ChunkRow:
        """Commit a chunk: on return it is on the disk. Returns its row with the time at which its data were there.

        Raises
        ------
        WriteError
            The disk is full or the folder is gone; the record is as it was.
        """
        with as_write_error(self.folder):
            _write(self._frames, np.ascontiguousarray(frames, "<f4").tobytes(), self._durable)
            _write(self._states, np.ascontiguousarray(states, "<f8").tobytes(), self._durable)
        row = replace(row, committed=time.time())
        self.add(row)
        self.n_frames += row.n_frames
        return row

    def add(self, *rows: ChunkRow | DecisionRow | ModelRow | FailureRow | SessionRow) -> None:
        """Commit rows, all or none.

        Raises
        ------
        WriteError
            The disk is full or the folder is gone.
        """
        with as_write_error(self.folder, sqlite3.OperationalError):
            if len(rows) > 1:
                self._database.execute("BEGIN")
            for row in rows:
                insert(self._database, row)
            if len(rows) > 1:
                self._database.execute("COMMIT")
        for row in rows:
            self.n_chunks += isinstance(row, ChunkRow)
            self.n_decisions += isinstance(row, DecisionRow)
            self.n_failures += isinstance(row, FailureRow)


def _write(file: int, content: bytes, durable: bool) -> None:
    left = memoryview(content)
    while left:
        left = left[os.write(file, left) :]
    if durable:
        os.fsync(file)
