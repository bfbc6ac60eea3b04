"""A walk between neighbours of a grid whose stationary distribution is known: what exact landscapes are made of."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from scipy import sparse

from levinthal.arrays import Doubles


def grid_walk(energy_kt: Doubles) -> sparse.csr_array:
    """Return the transition matrix of a walk in which steps to the four neighbours are tried with probability 1/4 each.

    They are accepted after Metropolis et al. (J. Chem. Phys. 21:1087, 1953), so the chain is reversible and its
    stationary distribution is exp(-energy), normalised.

    Parameters
    ----------
    energy_kt : ndarray of float64, shape (n_x, n_y)
        Infinite where there is no state; the others are numbered row by row.

    Examples
    --------
    >>> import numpy as np
    >>> from levinthal.simulation.exact.grid_walk import grid_walk
    >>> grid_walk(np.array([[0.0, np.inf], [0.0, np.log(2.0)]])).toarray()
    array([[0.75 , 0.25 , 0.   ],
           [0.25 , 0.625, 0.125],
           [0.   , 0.25 , 0.75 ]])
    """
    there_is = np.isfinite(energy_kt)
    index = np.full(energy_kt.shape, -1)
    index[there_is] = np.arange(np.count_nonzero(there_is))
    flat = energy_kt[there_is]
    here: list[npt.NDArray[np.int64]] = []
    there: list[npt.NDArray[np.int64]] = []
    for a, b in ((index[:-1], index[1:]), (index[:, :-1], index[:, 1:])):
        both = (a >= 0) & (b >= 0)
        here += [a[both], b[both]]
        there += [b[both], a[both]]
    rows, columns = np.concatenate(here), np.concatenate(there)
    accepted = 0.25 * np.minimum(1.0, np.exp(flat[rows] - flat[columns]))
    moves = sparse.csr_array((accepted, (rows, columns)), shape=(flat.size, flat.size))
    return sparse.csr_array(moves + sparse.diags_array(1.0 - moves.sum(axis=1)))
