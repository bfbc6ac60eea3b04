"""A chain of 500 states that folds: two basins, a trap that looks native, and a dial for how rare folding is."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from levinthal.arrays import Doubles
from levinthal.errors import UsageError
from levinthal.simulation.exact.grid_walk import grid_walk
from levinthal.simulation.exact.markov_chain import MarkovChain, markov_chain

_N_DEVIATIONS, _N_TWISTS = 25, 20
_DEVIATION_SPACING_NM = 0.04


@dataclass(frozen=True)
class _Basin:
    """A Gaussian well: centre and width along both coordinates, depth as a share of the landscape's."""

    deviation_nm: float
    twist: float
    deviation_width_nm: float
    twist_width: float
    depth_share: float


_NATIVE = _Basin(0.10, 0.20, 0.09, 0.13, 1.0)
_TRAP = _Basin(0.14, 0.85, 0.09, 0.12, 0.85)
_UNFOLDED = _Basin(0.75, 0.50, 0.20, 0.40, 0.55)


@dataclass(frozen=True, eq=False)
class FoldingLandscape:
    """A chain and what is known of it.

    Attributes
    ----------
    chain : MarkovChain
        Its embedding is (deviation_nm, twist).
    deviation_nm : ndarray of float64, shape (500,)
        How far each state is from native, as an RMSD would report it: small in the trap, too.
    free_energy_kt : ndarray of float64, shape (500,)
        The stationary distribution is exp(-free_energy_kt), normalised.
    native, trap : ndarray of int64
        States of the two basins of small deviation.
    unfolded_start : int
        The state in the middle of the unfolded basin.
    """

    chain: MarkovChain
    deviation_nm: Doubles
    free_energy_kt: Doubles
    native: npt.NDArray[np.int64]
    trap: npt.NDArray[np.int64]
    unfolded_start: int

    @property
    def stationary(self) -> Doubles:
        """The stationary distribution, shape (500,)."""
        weight = np.exp(self.free_energy_kt.min() - self.free_energy_kt)
        return np.asarray(weight / weight.sum(), np.float64)


def folding_landscape(depth_kt: float = 7.0) -> FoldingLandscape:
    """Return a landscape on which to measure sampling where every answer is known.

    A grid of 25 deviations from the native structure by 20 values of a second coordinate, on which `grid_walk` steps
    from neighbour to neighbour. The landscape is made up, but for what proteins have in common: a broad unfolded basin,
    a narrow native one and a misfolded trap of small deviation whose way to the native state leads through unfolding.

    Parameters
    ----------
    depth_kt : float
        Depth of the native basin. From the unfolded start folding takes 4,500 steps on average at 6 kT, 6,300 at 7,
        9,300 at 8 and 22,600 at 10.

    Raises
    ------
    UsageError
        A depth outside 1 to 30 kT.
    """
    if not 1.0 <= depth_kt <= 30.0:
        raise UsageError(f"depth_kt is {depth_kt}: choose 1 to 30; 7 is a landscape that folds in 6,300 steps")
    deviation, twist = np.meshgrid(
        (np.arange(_N_DEVIATIONS) + 0.5) * _DEVIATION_SPACING_NM,
        (np.arange(_N_TWISTS) + 0.5) / _N_TWISTS,
        indexing="ij",
    )
    energy = np.zeros_like(deviation)
    for basin in (_NATIVE, _TRAP, _UNFOLDED):
        along = (deviation - basin.deviation_nm) / basin.deviation_width_nm
        across = (twist - basin.twist) / basin.twist_width
        energy -= basin.depth_share * depth_kt * np.exp(-(along**2 + across**2) / 2.0)
    x, y, free_energy = deviation.ravel(), twist.ravel(), energy.ravel()
    chain = markov_chain(f"folding landscape, {depth_kt:g} kT", grid_walk(energy), embedding=np.stack([x, y], axis=1))
    start = np.hypot(x - _UNFOLDED.deviation_nm, y - _UNFOLDED.twist).argmin()
    return FoldingLandscape(
        chain=chain,
        deviation_nm=x,
        free_energy_kt=free_energy,
        native=np.flatnonzero((x < 0.16) & (y < 0.40)),
        trap=np.flatnonzero((x < 0.24) & (y > 0.65)),
        unfolded_start=int(start),
    )
