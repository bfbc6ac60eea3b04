"""An exact Markov chain as a system: the same interface as a simulation, and every answer known beforehand."""

from __future__ import annotations

import hashlib
import threading
from collections import OrderedDict
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, cast

import numpy as np
import numpy.typing as npt
from scipy import sparse

from levinthal.arrays import Doubles
from levinthal.errors import DataError
from levinthal.files.numbers import check_archive, read_array
from levinthal.files.reading import refused
from levinthal.kernels.choice import chosen
from levinthal.simulation.dynamics.frames import check_chunk, frame_blocks, frame_steps

_ROW_SUM_TOLERANCE = 1e-8
_STEPS_A_BLOCK = 1 << 20
_KEPT_TABLES = 4


@dataclass(frozen=True)
class ChainState:
    """Where a walker is.

    Attributes
    ----------
    microstate : int
        Index of the state.
    step : int
        Steps made so far.
    lineage : tuple of int
        The seeds that led here.
    """

    microstate: int
    step: int = 0
    lineage: tuple[int, ...] = ()


@dataclass(frozen=True, eq=False)
class ChainFrames:
    """What is kept of a walk.

    Attributes
    ----------
    microstate : ndarray of int32, shape (n_frames,)
        Where the walker was.
    step : ndarray of int64, shape (n_frames,)
        Its step at each frame.
    """

    microstate: npt.NDArray[np.int32]
    step: npt.NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.step)


@dataclass(frozen=True, eq=False)
class MarkovChain:
    """A chain in discrete time over a finite number of states; made by `markov_chain` or `load_markov_chain`.

    Attributes
    ----------
    name : str
        For reports.
    row_start : ndarray of int64, shape (n_states + 1,)
        Compressed sparse rows of the transition matrix: where each row begins.
    column : ndarray of int32, shape (n_nonzero,)
        Where each transition leads.
    probability : ndarray of float64, shape (n_nonzero,)
        Its probability.
    embedding : ndarray of float64, shape (n_states, n_dimensions)
        A coordinate for each state, for policies that look at distances; n_dimensions may be 0.
    sha256 : str
        Of the matrix.
    """

    name: str
    row_start: npt.NDArray[np.int64]
    column: npt.NDArray[np.int32]
    probability: Doubles
    embedding: Doubles
    sha256: str = field(repr=False)

    @property
    def n_states(self) -> int:
        """How many states there are."""
        return len(self.row_start) - 1

    @property
    def transition_matrix(self) -> sparse.csr_array:
        """The transition matrix, shape (n_states, n_states): row i holds the probabilities to go from i."""
        return sparse.csr_array((self.probability, self.column, self.row_start), shape=(self.n_states,) * 2)

    def start(self, microstate: int) -> ChainState:
        """Return a walker at step 0.

        Raises
        ------
        DataError
            There is no such state.
        """
        if not 0 <= microstate < self.n_states:
            raise DataError(f"{self.name} has no state {microstate}: its states are 0 to {self.n_states - 1}")
        return ChainState(int(microstate))

    def embed(self, frames: ChainFrames) -> Doubles:
        """Return the coordinates of frames, shape (n_frames, n_dimensions)."""
        return np.asarray(self.embedding[frames.microstate], np.float64)

    def advance(
        self, state: ChainState, n_steps: int, seed: int, *, frame_interval: int = 1
    ) -> tuple[ChainState, ChainFrames]:
        """Walk for some steps; the same arguments give the same frames.

        Parameters
        ----------
        state : ChainState
            Where to go on from; not changed.
        n_steps : int
            How many steps, at least 1.
        seed : int
            Of the draws; not negative. Take another for each chunk.
        frame_interval : int
            A frame is taken whenever the walker's step is a multiple of this, so that chunks join without a seam.

        Returns
        -------
        state : ChainState
            After `n_steps`.
        frames : ChainFrames
            At the multiples of `frame_interval` in (state.step, state.step + n_steps].

        Raises
        ------
        DataError
            A state that the chain does not have.
        UsageError
            Numbers that make no sense.
        """
        check_chunk(n_steps, frame_interval, seed)
        self.start(state.microstate)
        from levinthal.kernels import markov_chain as loops

        walk = chosen(loops.walk)
        keep, target, other = _alias_tables(self)
        rng = np.random.default_rng(seed)
        steps = frame_steps(state.step, n_steps, frame_interval)
        visited = np.empty(len(steps), np.int32)
        microstate = state.microstate
        for begin, end, block in frame_blocks(state.step, n_steps, frame_interval, _STEPS_A_BLOCK):
            microstate = walk(
                self.row_start,
                keep,
                target,
                other,
                rng.random(end - begin),
                microstate,
                frame_interval - begin % frame_interval,
                frame_interval,
                visited[block],
            )
        lineage = (*state.lineage, seed)
        return ChainState(int(microstate), state.step + n_steps, lineage), ChainFrames(visited, steps)


_kept: OrderedDict[str, tuple[Doubles, npt.NDArray[np.int32], npt.NDArray[np.int32]]] = OrderedDict()
_kept_lock = threading.Lock()


def _alias_tables(chain: MarkovChain) -> tuple[Doubles, npt.NDArray[np.int32], npt.NDArray[np.int32]]:
    """Return the chain's alias tables; a process keeps those of the last few chains."""
    from levinthal.kernels import markov_chain as loops

    with _kept_lock:
        tables = _kept.pop(chain.sha256, None)
        if tables is None:
            tables = (
                np.empty_like(chain.probability),
                np.empty_like(chain.column),
                np.empty_like(chain.column),
            )
            chosen(loops.alias_tables)(chain.row_start, chain.column, chain.probability, *tables)
        _kept[chain.sha256] = tables
        while len(_kept) > _KEPT_TABLES:
            _kept.popitem(last=False)
    return tables


def markov_chain(
    name: str,
    transition_matrix: npt.NDArray[np.floating[Any]] | sparse.sparray | sparse.spmatrix,
    embedding: npt.NDArray[np.floating[Any]] | None = None,
) -> MarkovChain:
    """Return a chain with a given transition matrix.

    Parameters
    ----------
    name : str
        For reports.
    transition_matrix : ndarray or scipy.sparse array, shape (n_states, n_states)
        Row i holds the probabilities to go from i; rows sum to 1.
    embedding : ndarray, shape (n_states, n_dimensions) or (n_states,), optional
        A coordinate for each state. One that is made from the transition matrix itself tells a policy the answer.

    Raises
    ------
    DataError
        A matrix that is not a transition matrix, or an embedding that does not fit it.

    Examples
    --------
    >>> import numpy as np
    >>> from levinthal.simulation import markov_chain
    >>> chain = markov_chain("two states", np.array([[0.9, 0.1], [0.2, 0.8]]))
    >>> state, frames = chain.advance(chain.start(0), 100, seed=1)
    >>> chain.n_states, state.step
    (2, 100)
    """
    _check_entries(name, transition_matrix)
    matrix: Any = sparse.csr_array(cast(Any, transition_matrix))
    if matrix.ndim != 2 or matrix.shape[0] < 1 or matrix.shape[1] != matrix.shape[0]:
        raise DataError(f"the transition matrix of {name} has the shape {matrix.shape}: it must be square")
    matrix = matrix.astype(np.float64)
    matrix.sum_duplicates()
    matrix.eliminate_zeros()
    n_states = matrix.shape[0]
    if not np.isfinite(matrix.data).all() or matrix.data.min(initial=0.0) < 0.0:
        raise DataError(f"the transition matrix of {name} has an entry that is negative or not finite")
    sums = np.asarray(matrix.sum(axis=1)).ravel()
    worst = int(np.abs(sums - 1.0).argmax())
    if abs(sums[worst] - 1.0) > _ROW_SUM_TOLERANCE:
        raise DataError(f"row {worst} of the transition matrix of {name} sums to {sums[worst]:.9g}: it must be 1")
    points = np.zeros((n_states, 0)) if embedding is None else np.array(embedding, np.float64)
    if points.ndim == 1:
        points = points[:, None]
    if points.ndim != 2 or len(points) != n_states or not np.isfinite(points).all():
        raise DataError(
            f"the embedding of {name} has the shape {points.shape} or is not finite: "
            f"expected a finite coordinate for each of the {n_states} states"
        )
    row_start, column = matrix.indptr.astype(np.int64), matrix.indices.astype(np.int32)
    digest = hashlib.sha256()
    for part in (row_start, column, matrix.data):
        digest.update(np.ascontiguousarray(part).tobytes())
    return MarkovChain(name, row_start, column, np.asarray(matrix.data, np.float64), points, digest.hexdigest())


def _check_entries(name: str, matrix: Any) -> None:
    """Refuse what scipy's loops, which trust a matrix, would read beyond its arrays, and what is not real numbers."""
    is_sparse = bool(sparse.issparse(matrix))
    if (matrix if is_sparse else np.asarray(matrix)).dtype.kind not in "fiub":
        raise DataError(f"the transition matrix of {name} is not of real numbers: give probabilities")
    if not is_sparse:
        return
    if matrix.nnz < matrix.shape[0]:
        raise DataError(f"the transition matrix of {name} has rows without an entry: each must sum to 1")
    if hasattr(matrix, "check_format"):
        with refused(DataError, f"the transition matrix of {name}", "is damaged", "write it again"):
            matrix.check_format(full_check=True)


def load_markov_chain(path: Path, embedding: npt.NDArray[np.floating[Any]] | None = None) -> MarkovChain:
    """Read a transition matrix that scipy.sparse.save_npz or numpy.save wrote; nothing in it is executed.

    Parameters
    ----------
    path : Path
        A file `.npz` (sparse) or `.npy` (dense).
    embedding : ndarray, optional
        As for `markov_chain`.

    Raises
    ------
    DataError
        The file is missing, damaged, or holds no transition matrix.
    """
    fix = "write it by scipy.sparse.save_npz or numpy.save"
    if path.suffix == ".npy":
        matrix: Any = read_array(path, fix)
    else:
        check_archive(path, fix)
        with refused(DataError, path, "holds no transition matrix", fix):
            matrix = sparse.load_npz(path)
    with refused(DataError, path, "holds no transition matrix", fix):
        return markov_chain(path.stem, matrix, embedding)
