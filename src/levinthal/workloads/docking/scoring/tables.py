"""Pair energies in tables over the squared distance, as the `vina` package keeps and reads them.

Vina keeps 32 nodes per A^2 and, where it does not need derivatives, takes the mean of the two nodes beside a distance,
without interpolation (`precalculate.h` of AutoDock Vina 1.2.7). Its scores are those of the table, not of the formula.
"""

from __future__ import annotations

from functools import cache

import numpy as np
import numpy.typing as npt
import torch

from levinthal.workloads.docking.molecules.atom_types import VINA_TYPES
from levinthal.workloads.docking.scoring.functions import CUTOFF_ANGSTROM, pair_energy, scoring_function

BINS_PER_SQUARE_ANGSTROM = 32
BINS = int(CUTOFF_ANGSTROM**2) * BINS_PER_SQUARE_ANGSTROM


@cache
def pair_table(function: str) -> npt.NDArray[np.float64]:
    """Return the energy of each pair of types in each bin of the squared distance.

    Parameters
    ----------
    function : {"vina", "vinardo"}

    Returns
    -------
    ndarray of float64, shape (types, types, BINS)
        Not to be written to; kcal/mol, symmetric in the types.
    """
    squares = torch.arange(BINS + 1, dtype=torch.float64) / BINS_PER_SQUARE_ANGSTROM
    kinds = torch.arange(len(VINA_TYPES))
    nodes = pair_energy(
        scoring_function(function), kinds[:, None, None], kinds[None, :, None], squares.sqrt().expand(19, 19, -1)
    )
    table: npt.NDArray[np.float64] = ((nodes[..., :-1] + nodes[..., 1:]) / 2).numpy()
    table.flags.writeable = False
    return table
