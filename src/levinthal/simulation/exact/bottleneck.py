"""Two rooms and a long corridor between them, one state wide: an exact chain whose barrier is one of entropy alone."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from levinthal.arrays import Doubles
from levinthal.simulation.exact.grid_walk import grid_walk
from levinthal.simulation.exact.markov_chain import MarkovChain, markov_chain

_ROOM, _CORRIDOR = 16, 24


@dataclass(frozen=True, eq=False)
class Bottleneck:
    """A chain and what is known of it.

    Attributes
    ----------
    chain : MarkovChain
        Its embedding is the place on the grid, in grid spacings.
    start : int
        The state in the corner of the first room that is furthest from the corridor.
    far_room : ndarray of int64
        States of the second room.
    """

    chain: MarkovChain
    start: int
    far_room: npt.NDArray[np.int64]

    @property
    def stationary(self) -> Doubles:
        """The stationary distribution, shape (n_states,): all are as likely."""
        return np.full(self.chain.n_states, 1.0 / self.chain.n_states)


def bottleneck() -> Bottleneck:
    """Return two rooms of 16 by 16 states joined by a corridor of 24: 536 states without any energy between them.

    A walker finds the door seldom and turns back in the corridor most of the time: from the corner of the first room it
    takes 27,900 steps in the mean to the second.

    Examples
    --------
    >>> from levinthal.simulation.exact.bottleneck import bottleneck
    >>> rooms = bottleneck()
    >>> rooms.chain.n_states, len(rooms.far_room)
    (536, 256)
    """
    energy = np.full((2 * _ROOM + _CORRIDOR, _ROOM), np.inf)
    energy[:_ROOM], energy[-_ROOM:], energy[:, _ROOM // 2] = 0.0, 0.0, 0.0
    places = np.argwhere(np.isfinite(energy)).astype(np.float64)
    return Bottleneck(
        chain=markov_chain("two rooms and a corridor", grid_walk(energy), embedding=places),
        start=0,
        far_room=np.flatnonzero(places[:, 0] >= _ROOM + _CORRIDOR),
    )
