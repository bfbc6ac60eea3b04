"""Energy maps of a receptor on a grid, for one or more conformations, and their making.

A map holds, for one type of ligand atom, the energy that such an atom has at each node of the grid; the score of a pose
is the sum of what its atoms find between the nodes. Nodes carry the table's energies, softened where they are positive
(`exact.soften`), so that every map lies below `curl`.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from levinthal.errors import DataError
from levinthal.kernels.choice import kernels_allowed
from levinthal.workloads.docking.molecules.atom_types import VINA_TYPES
from levinthal.workloads.docking.molecules.molecule import Box, Ligand, Receptor
from levinthal.workloads.docking.scoring.exact import soften
from levinthal.workloads.docking.scoring.functions import (
    BINS,
    BINS_PER_SQUARE_ANGSTROM,
    CUTOFF_ANGSTROM,
    FunctionName,
    pair_table,
    scoring_function,
)

if TYPE_CHECKING:
    from levinthal.workloads.docking.scoring.compiled_score import Records

SEARCH_CURL = 10.0

_MOST_NODES = 200_000_000


@dataclass(frozen=True, eq=False)
class GridMaps:
    """Maps of K receptor conformations for T types of ligand atoms.

    Attributes
    ----------
    energies_kcal_mol : Tensor of float32, shape (K, T, X, Y, Z)
        At the nodes.
    types : tuple of int
        The T Vina types, rising.
    low_angstrom : tuple of float
        Where the first node stands.
    spacing_angstrom : float
    box : Box
        What was asked for; the nodes reach at least as far.
    function : str
    curl : float
        In kcal/mol; no node is above it.
    outside_slope : float
        What an atom outside the nodes pays, in kcal/mol/A, beside the energy of the nearest place inside.
    receptor_energies_kcal_mol : Tensor of float32, shape (K,)
        Of the conformations; not part of any score.
    """

    energies_kcal_mol: Tensor
    types: tuple[int, ...]
    low_angstrom: tuple[float, float, float]
    spacing_angstrom: float
    box: Box
    function: FunctionName
    curl: float
    outside_slope: float
    receptor_energies_kcal_mol: Tensor

    @property
    def n_conformations(self) -> int:
        """How many receptor conformations there are, K."""
        return len(self.energies_kcal_mol)

    @cached_property
    def records(self) -> Records:
        """The maps as the compiled loops read them; made at the first call, on a CPU only."""
        from levinthal.workloads.docking.scoring.compiled_score import make_records

        return make_records(
            self.energies_kcal_mol.numpy(), self.low_angstrom, self.spacing_angstrom, self.outside_slope
        )

    @property
    def device(self) -> torch.device:
        """Where the maps are."""
        return self.energies_kcal_mol.device

    def to(self, device: torch.device | str) -> GridMaps:
        """Return the maps on another device."""
        return replace(
            self,
            energies_kcal_mol=self.energies_kcal_mol.to(device),
            receptor_energies_kcal_mol=self.receptor_energies_kcal_mol.to(device),
        )

    def map_of_atoms(self, ligand: Ligand) -> npt.NDArray[np.int64]:
        """Return which map each heavy atom of a ligand reads, shape (h,).

        Raises
        ------
        DataError
            An atom's type has no map.
        """
        place = {kind: k for k, kind in enumerate(self.types)}
        missing = sorted({VINA_TYPES[kind] for kind in ligand.scored_types if int(kind) not in place})
        if missing:
            raise DataError(f"the maps lack the types {', '.join(missing)} of ligand {ligand.name}: build them with it")
        return np.array([place[int(kind)] for kind in ligand.scored_types], np.int64)


def build_grids(
    receptors: Receptor | Sequence[Receptor],
    ligand_types: Iterable[Any],
    box: Box,
    function: FunctionName = "vina",
    *,
    spacing_angstrom: float = 0.375,
    curl: float = SEARCH_CURL,
    outside_slope: float = 10.0,
    device: torch.device | str = "cpu",
) -> GridMaps:
    """Make the maps of receptor conformations.

    Parameters
    ----------
    receptors : Receptor or sequence of Receptor
        Conformations, stacked in their order.
    ligand_types : iterable of int
        Vina types that will be docked, in any order, repeats welcome: `ligand.scored_types`, or those of many ligands.
    box : Box
    function : {"vina", "vinardo"}
    spacing_angstrom : float
        Between nodes; 0.375 is Vina's.
    curl, outside_slope : float
        See `GridMaps`.
    device : torch.device or str

    Raises
    ------
    DataError
        No receptor, no type, or more nodes than 200 million.

    Examples
    --------
    >>> from pathlib import Path
    >>> from levinthal.docking import Box, build_grids, prepare_ligand, prepare_receptor
    >>> from levinthal.simulation import capped_peptide
    >>> size = Path("helix.pdb").write_text(capped_peptide("helix", "AKAEA", ("helix",))[0].topology_pdb)
    >>> receptor = prepare_receptor("helix.pdb")
    >>> box = Box.around(receptor.coordinates_angstrom, 2.0)
    >>> build_grids(receptor, prepare_ligand("Cc1ccc(C)cc1").scored_types, box).n_conformations
    1
    """
    scoring_function(function)
    device = torch.device(device)
    stack = [receptors] if isinstance(receptors, Receptor) else list(receptors)
    types = tuple(sorted({int(kind) for kind in ligand_types} - {-1}))
    if not stack or not types:
        raise DataError("maps need at least one receptor and one type of ligand atom")
    if not (math.isfinite(spacing_angstrom) and spacing_angstrom > 0):
        raise DataError(f"the spacing of the maps is {spacing_angstrom} A: it must be above 0")
    cells = [max(1, math.ceil(size / spacing_angstrom)) for size in box.size_angstrom]
    shape = (len(stack), len(types), *(n + 1 for n in cells))
    if math.prod(shape) > _MOST_NODES:
        raise DataError(
            f"maps of the shape {shape} do not fit: take a smaller box, a wider spacing or fewer conformations"
        )
    low = [centre - n * spacing_angstrom / 2 for centre, n in zip(box.centre_angstrom, cells, strict=True)]
    nodes = _Nodes(low, spacing_angstrom, shape[2:])
    energies = torch.stack([_maps(receptor, types, nodes, function, device) for receptor in stack])
    return GridMaps(
        energies_kcal_mol=soften(energies, curl),
        types=types,
        low_angstrom=(low[0], low[1], low[2]),
        spacing_angstrom=spacing_angstrom,
        box=box,
        function=function,
        curl=curl,
        outside_slope=outside_slope,
        receptor_energies_kcal_mol=torch.tensor([one.energy_kcal_mol for one in stack], device=device),
    )


class _Nodes(NamedTuple):
    """Where the first node stands, the distance between nodes, in A, and how many there are, (X, Y, Z)."""

    low: Sequence[float]
    spacing: float
    shape: tuple[int, ...]


_Atoms = tuple[npt.NDArray[np.float64], npt.NDArray[np.int64]]
"""Positions in A, shape (n, 3), and Vina types."""


def _maps(
    receptor: Receptor, types: tuple[int, ...], nodes: _Nodes, function: FunctionName, device: torch.device
) -> Tensor:
    """Return the maps of one conformation before they are softened, shape (T, X, Y, Z)."""
    scored = receptor.vina_types >= 0
    places, kinds = receptor.coordinates_angstrom[scored], receptor.vina_types[scored].astype(np.int64)
    low = np.array(nodes.low)
    reach = low + nodes.spacing * (np.array(nodes.shape) - 1) + CUTOFF_ANGSTROM
    near = ((places > low - CUTOFF_ANGSTROM) & (places < reach)).all(axis=1)
    summed = _maps_compiled if device.type == "cpu" and kernels_allowed() else _maps_by_planes
    return summed((places[near], kinds[near]), types, nodes, function, device)


def _maps_compiled(
    atoms: _Atoms, types: tuple[int, ...], nodes: _Nodes, function: FunctionName, _device: torch.device
) -> Tensor:
    from levinthal.kernels.docking.maps import LANES, sum_maps
    from levinthal.kernels.threads import in_parts, shares

    (places, kinds), shape = atoms, nodes.shape
    maps = np.empty((len(types), *shape), np.float32)
    near_first = places.astype(np.float32)[np.argsort(places[:, 2], kind="stable")]
    kinds = kinds[np.argsort(places[:, 2], kind="stable")]
    bounds = shares(shape[0], torch.get_num_threads())
    for first in range(0, len(types), LANES):
        group = list(types[first : first + LANES])
        rows = np.zeros((len(VINA_TYPES), BINS, LANES), np.float32)
        rows[:, :, : len(group)] = pair_table(function)[:, group].swapaxes(1, 2)
        out = np.zeros((*shape, LANES), np.float32)

        def work(start: int, stop: int, rows: Any = rows, out: Any = out) -> None:
            sum_maps(
                near_first, kinds, rows.ravel(), BINS, float(BINS_PER_SQUARE_ANGSTROM), np.array(nodes.low, np.float32),
                nodes.spacing, CUTOFF_ANGSTROM, shape, start, stop, out.ravel(),
            )  # fmt: skip

        in_parts(work, bounds)
        maps[first : first + LANES] = np.moveaxis(out[..., : len(group)], -1, 0)
    return torch.from_numpy(maps)


def _maps_by_planes(
    atoms: _Atoms, types: tuple[int, ...], nodes: _Nodes, function: FunctionName, device: torch.device
) -> Tensor:
    x, y, z = (
        torch.arange(n, dtype=torch.float32, device=device) * nodes.spacing + start
        for n, start in zip(nodes.shape, nodes.low, strict=True)
    )
    places = torch.as_tensor(atoms[0], dtype=torch.float32, device=device)
    kind = torch.as_tensor(atoms[1], device=device)
    table = torch.as_tensor(
        pair_table(function)[:, list(types)].swapaxes(1, 2).copy(), dtype=torch.float32, device=device
    )
    rows = torch.cat([table, table.new_zeros(len(table), 1, len(types))], dim=1).flatten(0, 1)
    result = torch.zeros(len(types), *nodes.shape, device=device)
    for i, here in enumerate(x):
        near = (places[:, 0] - here).abs() < CUTOFF_ANGSTROM
        row = kind[near] * (BINS + 1)
        flat = (here - places[near, 0]).square() + (y[:, None] - places[near, 1]).square()
        rise = (z[:, None] - places[near, 2]).square()
        for j, beside in enumerate(flat):
            bins = ((beside + rise) * BINS_PER_SQUARE_ANGSTROM).long().clamp(max=BINS)
            result[:, i, j] = rows[row + bins].sum(dim=1).T
    return result
