"""The scoring functions Vina and Vinardo: parameters, and the energy of a pair of atoms by their distance.

Vina: Trott and Olson, J. Comput. Chem. 31:455, 2010. Vinardo: Quiroga and Villarreal, PLoS ONE 11:e0155183, 2016. Both
with the values of AutoDock Vina 1.2.7. With s the distance between the surfaces of two atoms, the energy within the
cutoff is the sum of Gaussians in s, a repulsion s^2 below zero, and two linear steps: one for two hydrophobic atoms,
one for a donor with an acceptor. Hydrogens count only through the types of the atoms they are bonded to.

Vina keeps its pair energies in tables over the squared distance, 32 nodes per A^2, and, where it does not need
derivatives, takes the mean of the two nodes beside a distance, without interpolation (`precalculate.h`). Its scores are
those of the table, not of the formula.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from types import MappingProxyType
from typing import Literal

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from levinthal.errors import UsageError
from levinthal.workloads.docking.molecules.atom_types import VINA_TYPES

FunctionName = Literal["vina", "vinardo"]

CUTOFF_ANGSTROM = 8.0
_TORSION_WEIGHT = 0.05846


@dataclass(frozen=True)
class ScoringFunction:
    """Parameters of a scoring function; lengths in angstrom, weights in kcal/mol (the repulsion's in kcal/mol/A^2).

    Attributes
    ----------
    name : str
    gaussians : tuple of (weight, offset, width)
    repulsion : float
    hydrophobic, hydrogen_bond : (weight, good, bad)
        The step is the whole weight below `good` and nothing above `bad`.
    radii : mapping of str to float
        By element; metals as `Met`.
    """

    name: str
    gaussians: tuple[tuple[float, float, float], ...]
    repulsion: float
    hydrophobic: tuple[float, float, float]
    hydrogen_bond: tuple[float, float, float]
    radii: Mapping[str, float]

    def radius_of_types(self) -> npt.NDArray[np.float64]:
        """Return the radius of each of `VINA_TYPES`, in angstrom."""
        return np.array([self.radii[name.partition("_")[0]] for name in VINA_TYPES])


_SAME_RADII = {"S": 2.0, "P": 2.1, "F": 1.5, "Cl": 1.8, "Br": 2.0, "I": 2.2, "Si": 2.2, "At": 2.3, "Met": 1.2}

SCORING_FUNCTIONS: Mapping[str, ScoringFunction] = MappingProxyType(
    {
        "vina": ScoringFunction(
            name="vina",
            gaussians=((-0.035579, 0.0, 0.5), (-0.005156, 3.0, 2.0)),
            repulsion=0.840245,
            hydrophobic=(-0.035069, 0.5, 1.5),
            hydrogen_bond=(-0.587439, -0.7, 0.0),
            radii=MappingProxyType({"C": 1.9, "N": 1.8, "O": 1.7, **_SAME_RADII}),
        ),
        "vinardo": ScoringFunction(
            name="vinardo",
            gaussians=((-0.045, 0.0, 0.8),),
            repulsion=0.8,
            hydrophobic=(-0.035, 0.0, 2.5),
            hydrogen_bond=(-0.600, -0.6, 0.0),
            radii=MappingProxyType({"C": 2.0, "N": 1.7, "O": 1.6, **_SAME_RADII}),
        ),
    }
)

HYDROPHOBIC = np.array([name in ("C_H", "F_H", "Cl_H", "Br_H", "I_H") for name in VINA_TYPES])
DONOR = np.array([name in ("N_D", "N_DA", "O_D", "O_DA", "Met_D") for name in VINA_TYPES])
ACCEPTOR = np.array([name in ("N_A", "N_DA", "O_A", "O_DA") for name in VINA_TYPES])


def scoring_function(name: str) -> ScoringFunction:
    """Return a scoring function by name.

    Raises
    ------
    UsageError
        There is none of that name.
    """
    if name not in SCORING_FUNCTIONS:
        raise UsageError(f"there is no scoring function {name}: choose from {', '.join(SCORING_FUNCTIONS)}")
    return SCORING_FUNCTIONS[name]


def torsion_divisor(n_torsions: float) -> float:
    """Return what the intermolecular energy is divided by for the affinity that Vina prints: 1 + 0.05846 N."""
    return 1.0 + _TORSION_WEIGHT * n_torsions


def pair_energy(function: ScoringFunction, first: Tensor, second: Tensor, distances_angstrom: Tensor) -> Tensor:
    """Return the energy of pairs of atoms in kcal/mol, zero from the cutoff on; differentiable by the distances.

    Parameters
    ----------
    function : ScoringFunction
    first, second : Tensor of int
        Indices in `VINA_TYPES`, of shapes that broadcast to that of the distances.
    distances_angstrom : Tensor
        Float; its type and device are those of the result.
    """
    device, dtype = distances_angstrom.device, distances_angstrom.dtype
    radii = torch.as_tensor(function.radius_of_types(), dtype=dtype, device=device)
    hydrophobic, donor, acceptor = (torch.as_tensor(flags, device=device) for flags in (HYDROPHOBIC, DONOR, ACCEPTOR))
    surface = distances_angstrom - radii[first] - radii[second]
    energy = function.repulsion * surface.clamp(max=0).square()
    for weight, offset, width in function.gaussians:
        energy = energy + weight * torch.exp(-((surface - offset) / width).square())
    both_hydrophobic = hydrophobic[first] & hydrophobic[second]
    bond = (donor[first] & acceptor[second]) | (acceptor[first] & donor[second])
    for applies, (weight, good, bad) in ((both_hydrophobic, function.hydrophobic), (bond, function.hydrogen_bond)):
        energy = energy + applies.to(dtype) * (weight * ((bad - surface) / (bad - good)).clamp(0, 1))
    return torch.where(distances_angstrom < CUTOFF_ANGSTROM, energy, torch.zeros_like(energy))


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
