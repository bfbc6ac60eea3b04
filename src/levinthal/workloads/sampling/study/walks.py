"""Long plain simulations for a reference, kept in the user's cache: asked for longer, they go on where they ended.

What is kept is named by the content of all that decides it (dynamics, starts, observables, frame interval), never by
the seed of a run: a reference belongs to the system. Files are plain arrays; one that is damaged is made again. The
walks of `small` are shipped.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, fields, is_dataclass
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

from levinthal.arrays import Doubles, Mask
from levinthal.errors import WriteError
from levinthal.files.writing import whole_file
from levinthal.workloads.sampling.loop.task import chunk_seed
from levinthal.workloads.sampling.systems.dynamics import Dynamics
from levinthal.workloads.sampling.systems.observables import Observables

Cells: TypeAlias = npt.NDArray[np.int32]

_FORMAT = "levinthal reference walk 1"
SHIPPED = Path(__file__).with_name("references")
"""Walks that come with the package, in folders named as those of the cache are, with the OpenMM they were made with."""
_NAME_DIGITS = 24
_FRAMES_AT_ONCE = 500
_PARTS_BETWEEN_FILES = 20


@dataclass(frozen=True, eq=False)
class Walk:
    """One plain simulation as the observables see it.

    Attributes
    ----------
    cell : ndarray of int32, shape (n_frames,)
        Cells.
    arrived : ndarray of bool, shape (n_frames,)
        Where the event is met.
    state : ndarray of float64
        The full state at its end.
    """

    cell: Cells
    arrived: Mask
    state: Doubles

    def __len__(self) -> int:
        return len(self.cell)


@dataclass(frozen=True, eq=False)
class WalkTask:
    """A walk to be made, as it travels to a worker.

    Attributes
    ----------
    dynamics, observables
        Of the system.
    number : int
        Which walk: it decides the start and the seed.
    n_frames, frame_interval : int
        Frames wanted, and steps between them.
    folder : Path or None
        Where walks of this content are kept; None where they are not.
    key : str
        Digest of that content.
    """

    dynamics: Dynamics
    observables: Observables
    number: int
    n_frames: int
    frame_interval: int
    folder: Path | None
    key: str


def content_key(dynamics: Dynamics, observed_by: object, frame_interval: int) -> tuple[str, bool]:
    """Return a digest of all that decides the walks, and whether it is one of the content of the observables too.

    Parameters
    ----------
    dynamics : Dynamics
        What makes them.
    observed_by : object
        The observables, and what else there is.
    frame_interval : int
        Steps between frames.
    """
    digest = hashlib.sha256(f"{_FORMAT} {dynamics.sha256} {frame_interval}".encode())
    whole = _add(digest, observed_by)
    return digest.hexdigest(), whole


def kept_folder(data: Path, key: str) -> Path:
    """Return the folder of the walks of some content in the data folder."""
    return data / "references" / key[:_NAME_DIGITS]


def shipped_folder(key: str) -> Path:
    """Return where walks of some content are if they come with the package."""
    return SHIPPED / key[:_NAME_DIGITS]


def _add(digest: Any, value: Any) -> bool:
    """Add plain data to a digest; return whether it is plain."""
    if isinstance(value, np.ndarray):
        digest.update(f"{value.dtype.str}{value.shape}".encode() + np.ascontiguousarray(value).tobytes())
        return True
    if is_dataclass(value):
        digest.update(f"{type(value).__module__}.{type(value).__qualname__}".encode())
        return all(_add(digest, (each.name, getattr(value, each.name))) for each in fields(value))
    if isinstance(value, tuple | list):
        digest.update(f"{len(value)}".encode())
        return all(_add(digest, each) for each in value)
    plain = value is None or isinstance(value, str | bool | int | float)
    digest.update(repr(value if plain else type(value).__qualname__).encode())
    return plain


def make_walk(task: WalkTask) -> Walk:
    """Return a walk of so many frames, in whatever process this is: the same whether some of it was kept or none.

    It is made in whole pieces, which are kept as it grows.
    """
    name = f"walk-{task.number}.npz"
    file = task.folder / name if task.folder is not None else None
    kept = [] if file is None else [_read(each / name, task) for each in (file.parent, shipped_folder(task.key))]
    walk = max((each for each in kept if each is not None), key=len, default=None)
    if walk is None:
        seed = chunk_seed(int(task.key[:7], 16), task.number, -1)
        walk = Walk(np.empty(0, np.int32), np.empty(0, np.bool_), task.dynamics.start(task.number, seed))
    pieces, state, n = [walk], walk.state, len(walk)
    while n < task.n_frames:
        part = n // _FRAMES_AT_ONCE
        chunk = task.dynamics.advance(
            state,
            _FRAMES_AT_ONCE * task.frame_interval,
            chunk_seed(int(task.key[:7], 16), task.number, part),
            task.frame_interval,
            n * task.frame_interval,
        )
        observed = task.observables.observe(chunk.frames, chunk.states)
        state, n = chunk.end_state, n + _FRAMES_AT_ONCE
        pieces.append(Walk(np.asarray(observed.cell, np.int32), np.asarray(observed.arrived, np.bool_), state))
        if file is not None and (n >= task.n_frames or not part % _PARTS_BETWEEN_FILES):
            _write(file, _joined(pieces))
    whole = _joined(pieces)
    return Walk(whole.cell[: task.n_frames], whole.arrived[: task.n_frames], whole.state)


def _joined(pieces: Sequence[Walk]) -> Walk:
    return Walk(
        np.concatenate([each.cell for each in pieces]),
        np.concatenate([each.arrived for each in pieces]),
        pieces[-1].state,
    )


def _write(file: Path, walk: Walk) -> None:
    """Keep a walk; a folder that cannot be written costs only the time to make it again."""
    with suppress(WriteError, OSError):
        file.parent.mkdir(parents=True, exist_ok=True)
        with whole_file(file) as opened:
            np.savez_compressed(opened, cell=walk.cell, arrived=walk.arrived, state=walk.state)


def _read(file: Path, task: WalkTask) -> Walk | None:
    """Return what was kept of a walk, or nothing where that is not one."""
    try:
        with np.load(file, allow_pickle=False) as opened:
            walk = Walk(opened["cell"], opened["arrived"], opened["state"])
    except Exception:  # whatever is wrong with a file of the cache, it is made again
        return None
    kinds = [each.dtype.str for each in (walk.cell, walk.arrived, walk.state)]
    shapes = [each.shape for each in (walk.cell, walk.arrived, walk.state)]
    if kinds != ["<i4", "|b1", "<f8"] or shapes != [(len(walk),), (len(walk),), (task.dynamics.state_width,)]:
        return None
    within = not len(walk) or (walk.cell.min() >= 0 and walk.cell.max() < task.observables.n_cells)
    return walk if within and not len(walk) % _FRAMES_AT_ONCE and np.isfinite(walk.state).all() else None
