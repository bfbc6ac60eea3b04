"""Exact answers of a Markov chain: stationary distribution, passage times, recurrence, relaxation; no sampling."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, TypeAlias, cast

import numpy as np
import numpy.typing as npt
from scipy import sparse
from scipy.sparse import csgraph, linalg

from levinthal.arrays import Doubles
from levinthal.errors import DataError

Sparse: TypeAlias = Any
Matrix: TypeAlias = npt.NDArray[np.floating[Any]] | sparse.sparray

_DENSE_UP_TO_STATES = 1500
_ALL_EIGENVALUES_UP_TO_STATES = 150
_TOO_FAINT = (
    "the chain's parts are joined by transitions too rare for the precision of numbers: its stationary distribution "
    "cannot be found; take coarser states or more data"
)


def _square(transition_matrix: Matrix) -> Sparse:
    matrix: Any = sparse.csr_array(cast(Any, transition_matrix))
    if matrix.ndim != 2 or matrix.shape[0] != matrix.shape[1]:
        raise DataError(f"the transition matrix has the shape {matrix.shape}: it must be square")
    return cast(Sparse, matrix.astype(np.float64))


def _members(target: Sequence[int] | npt.NDArray[np.integer[Any]], n_states: int) -> npt.NDArray[np.bool_]:
    """Return a mask of the target's states."""
    indices = np.unique(np.asarray(target, np.int64))
    if not len(indices) or indices[0] < 0 or indices[-1] >= n_states:
        raise DataError(f"the target must name at least one of the states 0 to {n_states - 1}")
    mask = np.zeros(n_states, bool)
    mask[indices] = True
    return mask


def stationary_distribution(transition_matrix: Matrix) -> Doubles:
    """Return pi with pi P = pi and sum 1.

    By elimination up to 1,500 states, by the implicitly restarted Arnoldi method (ARPACK) above, the result
    checked.

    Parameters
    ----------
    transition_matrix : ndarray or scipy.sparse array, shape (n_states, n_states)
        Irreducible, or at least with one closed class.

    Returns
    -------
    ndarray of float64, shape (n_states,)

    Raises
    ------
    DataError
        There is more than one stationary distribution, or numbers are too coarse to find it.
    """
    matrix = _square(transition_matrix)
    n_states = matrix.shape[0]
    n_classes, label = csgraph.connected_components(matrix, directed=True, connection="strong")
    crossing = matrix.tocoo()
    row_label, column_label = label[crossing.row], label[crossing.col]
    leaves = np.zeros(n_classes, bool)
    leaves[row_label[(row_label != column_label) & (crossing.data > 0.0)]] = True
    if n_classes - leaves.sum() != 1:
        raise DataError(
            f"the chain has {n_classes - leaves.sum()} closed classes: its stationary distribution is not unique; "
            "take the largest connected set of states"
        )
    if n_states <= _DENSE_UP_TO_STATES:
        system = np.eye(n_states) - matrix.toarray().T
        system[-1] = 1.0
        right = np.zeros(n_states)
        right[-1] = 1.0
        try:
            vector = np.linalg.solve(system, right)
        except np.linalg.LinAlgError:
            raise DataError(_TOO_FAINT) from None
    else:
        vector = _leading_vector(matrix)
    vector = np.maximum(vector / vector.sum(), 0.0)
    if not np.isfinite(vector).all() or not vector.sum() > 0.0:
        raise DataError(_TOO_FAINT)
    for _ in range(3):  # a few power iterations polish the small entries
        vector = matrix.T @ vector
        vector /= vector.sum()
    return np.asarray(vector, np.float64)


def _leading_vector(matrix: Sparse) -> Doubles:
    """Return a vector along the stationary distribution, by ARPACK; where that does not settle, by elimination."""
    n_states = matrix.shape[0]
    try:
        _, vectors = linalg.eigs(matrix.T.tocsr(), k=1, which="LR", v0=np.full(n_states, 1.0 / n_states))
        vector = np.real(vectors[:, 0])
        vector /= vector.sum()
        if np.isfinite(vector).all() and vector.min() > -1e-9 and np.abs(matrix.T @ vector - vector).sum() < 1e-9:
            return np.asarray(vector, np.float64)
    except linalg.ArpackError:
        pass
    # With the share of the likeliest state pinned, the other equations decide.
    pinned = int(np.asarray(matrix.sum(axis=0)).argmax())
    others = np.delete(np.arange(n_states), pinned)
    transposed = sparse.csc_array(sparse.eye_array(n_states) - matrix.T)
    vector = np.ones(n_states)
    right = -np.asarray(transposed[:, [pinned]].todense()).ravel()[others]
    try:
        vector[others] = linalg.splu(transposed[others][:, others]).solve(right)
    except RuntimeError:
        raise DataError(_TOO_FAINT) from None
    return vector


def mean_first_passage_steps(
    transition_matrix: Matrix, target: Sequence[int] | npt.NDArray[np.integer[Any]]
) -> Doubles:
    """Return the mean number of steps from each state until a state of the target is first seen.

    The solution of (I - P_NN) m = 1 over the states N outside the target (Norris, Markov Chains, 1997, theorem 1.3.5).

    Parameters
    ----------
    transition_matrix : ndarray or scipy.sparse array, shape (n_states, n_states)
        Rows sum to 1.
    target : sequence of int
        States that end the passage.

    Returns
    -------
    ndarray of float64, shape (n_states,)
        0 in the target; infinite where the target cannot be reached for certain.

    Raises
    ------
    DataError
        A matrix that is not square, or a target without states.
    """
    matrix = _square(transition_matrix)
    inside = _members(target, matrix.shape[0])
    steps = np.zeros(matrix.shape[0])
    certain = ~_may_miss(matrix, inside)
    steps[~certain] = np.inf
    outside = np.flatnonzero(~inside & certain)
    if len(outside):
        rows = matrix[outside][:, outside]
        system = sparse.csc_array(sparse.eye_array(len(outside)) - rows)
        ones = np.ones(len(outside))
        if len(outside) <= _DENSE_UP_TO_STATES:
            steps[outside] = np.linalg.solve(system.toarray(), ones)
        else:
            steps[outside] = linalg.splu(system).solve(ones)
    return steps


def _may_miss(matrix: Sparse, inside: npt.NDArray[np.bool_]) -> npt.NDArray[np.bool_]:
    """Tell from which states the chain may end somewhere from where the target cannot be reached."""
    backward = matrix.T.tocsr()
    forward_of_target = _reached(backward, inside)
    stopped = sparse.diags_array((~inside).astype(np.float64)) @ matrix  # a walk ends in the target
    return _reached(stopped.T.tocsr(), ~forward_of_target)


def _reached(matrix: Sparse, begin: npt.NDArray[np.bool_]) -> npt.NDArray[np.bool_]:
    seen = begin.copy()
    front = begin.copy()
    steps = matrix.T.tocsr()
    while front.any():
        front = (steps @ front.astype(np.float64) > 0.0) & ~seen
        seen |= front
    return seen


def first_passage_survival(
    transition_matrix: Matrix,
    start: int | npt.NDArray[np.floating[Any]],
    target: Sequence[int] | npt.NDArray[np.integer[Any]],
    n_steps: int,
) -> Doubles:
    """Return the probability that the target has not been seen up to and with each step.

    Parameters
    ----------
    transition_matrix : ndarray or scipy.sparse array, shape (n_states, n_states)
        Rows sum to 1.
    start : int or ndarray, shape (n_states,)
        A state, or a distribution over states; what lies in the target has arrived at step 0.
    target : sequence of int
        States that end the passage.
    n_steps : int
        Last step.

    Returns
    -------
    ndarray of float64, shape (n_steps + 1,)
        Of steps 0 to n_steps.
    """
    matrix = _square(transition_matrix)
    outside = (~_members(target, matrix.shape[0])).astype(np.float64)
    if isinstance(start, int | np.integer):
        distribution = np.zeros(matrix.shape[0])
        distribution[int(start)] = 1.0
    else:
        distribution = np.asarray(start, np.float64)
    step_back = matrix.T.tocsr()
    distribution = distribution * outside
    survival = np.empty(n_steps + 1)
    survival[0] = distribution.sum()
    for step in range(1, n_steps + 1):
        distribution = (step_back @ distribution) * outside
        survival[step] = distribution.sum()
    return survival


def mean_recurrence_steps(stationary: npt.NDArray[np.floating[Any]], members: Sequence[int]) -> float:
    """Return the mean number of steps between two visits of a set, 1/pi(A) (Kac, Bull. Am. Math. Soc. 53:1002, 1947).

    A stay in the set counts as visits one step apart.
    """
    return 1.0 / float(np.asarray(stationary, np.float64)[_members(members, len(stationary))].sum())


def mean_time_outside_steps(transition_matrix: Matrix, members: Sequence[int]) -> float:
    """Return the mean number of steps from leaving a set to coming back: (1 - pi(A)) / flux out of A.

    With the mean stay t_res = pi(A) / flux it is t_res (1 - pi(A)) / pi(A).
    """
    matrix = _square(transition_matrix)
    stationary = stationary_distribution(matrix)
    inside = _members(members, matrix.shape[0])
    flux = float((stationary * inside) @ (matrix @ (~inside).astype(np.float64)))
    return float(stationary[~inside].sum()) / flux


def relaxation_timescales_steps(transition_matrix: Matrix, n_timescales: int) -> Doubles:
    """Return t_i = -1 / ln|lambda_i| of the largest eigenvalues below 1, slowest first, in steps.

    Parameters
    ----------
    transition_matrix : ndarray or scipy.sparse array, shape (n_states, n_states)
        Irreducible.
    n_timescales : int
        How many.

    Returns
    -------
    ndarray of float64, shape (n_timescales,)
    """
    matrix = _square(transition_matrix)
    if not 1 <= n_timescales < matrix.shape[0]:
        raise DataError(f"{n_timescales} timescales of {matrix.shape[0]} states: ask for 1 to {matrix.shape[0] - 1}")
    if matrix.shape[0] <= _ALL_EIGENVALUES_UP_TO_STATES or n_timescales > matrix.shape[0] // 4:
        values = np.linalg.eigvals(matrix.toarray())
    else:
        start = np.full(matrix.shape[0], 1.0)
        try:
            values = linalg.eigs(matrix.T.tocsr(), k=n_timescales + 1, which="LM", v0=start, return_eigenvectors=False)
        except linalg.ArpackError:
            values = np.linalg.eigvals(matrix.toarray())
    size = np.sort(np.abs(values))[::-1][1 : n_timescales + 1]
    with np.errstate(divide="ignore"):
        return np.asarray(-1.0 / np.log(np.clip(size, 0.0, np.nextafter(1.0, 0.0))), np.float64)
