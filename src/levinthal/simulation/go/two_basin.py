"""A Go model with two basins, of two structures of one protein: it goes from one to the other without unfolding."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from levinthal.arrays import Doubles
from levinthal.errors import DataError
from levinthal.proteins.similarity.fractions import rmsd
from levinthal.simulation.go.go_model import GoModel, bead_distances, go_model
from levinthal.simulation.go.heavy_atoms import read_heavy_atoms
from levinthal.simulation.go.shadow_map import shadow_map

LEAST_RMSD_NM = 0.1


@dataclass(frozen=True, eq=False)
class TwoBasinModel:
    """A Go model of the first structure, with the contacts that only the second has.

    Attributes
    ----------
    model : GoModel
        Bonds, angles and dihedrals are at rest in the first structure; `contacts` are those of both.
    second_nm : ndarray of float64, shape (n_residues, 3)
        CA atoms of the second structure.
    apart_nm : float
        RMSD between both structures.
    n_second_only : int
        Contacts that only the second has.
    """

    model: GoModel
    second_nm: Doubles
    apart_nm: float
    n_second_only: int


def two_basin_model(first: str | Path, second: str | Path, kt_over_epsilon: float) -> TwoBasinModel:
    """Make a model of two structures by mixing their contact maps (Whitford et al., J. Mol. Biol. 366:1661, 2007).

    Each contact is at rest at the shorter of its distances in both structures, so that neither is pushed apart.

    Parameters
    ----------
    first, second : str or Path
        PDB or mmCIF files with the same residues.
    kt_over_epsilon : float
        Thermal energy in units of the depth of a contact.

    Raises
    ------
    DataError
        A file that cannot be used, residues that differ, structures less than 0.1 nm apart, or no contact that only the
        second has.
    UsageError
        A temperature that is not positive.
    """
    one, _, _ = read_heavy_atoms(first)
    other, _, _ = read_heavy_atoms(second)
    names = [[residue.name for residue in each] for each in (one, other)]
    if names[0] != names[1]:
        k = next((k for k, (a, b) in enumerate(zip(*names, strict=False)) if a != b), min(map(len, names)))
        raise DataError(
            f"{first} has {len(one)} residues, {second} has {len(other)}, and they differ from residue {k + 1} on: "
            "give two structures of the same chain, cut to the same residues"
        )
    native, second_nm = (np.array([residue.atoms["CA"] for residue in each], np.float64) for each in (one, other))
    apart_nm = float(rmsd(second_nm[None], native)[0])
    if apart_nm < LEAST_RMSD_NM:
        raise DataError(f"{first} and {second} are {apart_nm:.2g} nm apart: two basins need structures that differ")
    own, others = shadow_map(one), shadow_map(other)
    known = {tuple(pair) for pair in own.tolist()}
    only = np.array([pair for pair in others.tolist() if tuple(pair) not in known], np.int64).reshape(-1, 2)
    if not len(only):
        raise DataError(f"{second} has no contact that {first} lacks: name them in the other order")
    pairs = np.concatenate([own, only])
    lengths_nm = [bead_distances(nm, pairs) for nm in (native, second_nm)]
    model = go_model(
        one,
        name=f"{Path(first).stem} and {Path(second).stem}",
        kt_over_epsilon=kt_over_epsilon,
        contacts=pairs,
        distances_nm=np.minimum(*lengths_nm),
    )
    return TwoBasinModel(model, second_nm, apart_nm, len(only))
