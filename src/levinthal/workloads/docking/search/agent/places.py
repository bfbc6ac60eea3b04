"""What the maps of a pocket say of each place before any pose is scored: the numbers that starts are proposed by.

The maps of the ligand's own atom types, weighed by how often it has them, are one map of the mean atom. Around each
node of a lattice of about 1 A, in each receptor conformation, three properties of that map are averaged over cubes of
several sizes: what is gained there, how much is closed by the protein, and how much is at contact distance. They cost
no evaluation of a pose, and are the same however a ligand is turned.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn

from levinthal.workloads.docking.search.contract import Problem

_LATTICE_ANGSTROM = 1.0
_MARGIN_ANGSTROM = 1.0
_REACHES_ANGSTROM = (0.0, 1.0, 2.0, 3.5, 5.0)
_CLOSED_KCAL_MOL, _AT_CONTACT_KCAL_MOL = 0.5, -0.05
N_NUMBERS = 3 * len(_REACHES_ANGSTROM) + 2


@dataclass(frozen=True, eq=False)
class Places:
    """A lattice of places in the conformations of a pocket.

    Attributes
    ----------
    numbers : Tensor, shape (K, X, Y, Z, N_NUMBERS)
        What is known of each.
    low_angstrom : Tensor, shape (3,)
        Where the first one is.
    spacing_angstrom : float
    allowed : Tensor of bool, shape (X, Y, Z)
        Whether a ligand's centre may start there: inside the box, clear of its faces.
    """

    numbers: Tensor
    low_angstrom: Tensor
    spacing_angstrom: float
    allowed: Tensor

    @classmethod
    def of(cls, problem: Problem) -> Places:
        """Look at every place of a problem."""
        grids, ligand = problem.grids, problem.ligand
        shares = np.bincount(grids.map_of_atoms(ligand), minlength=len(grids.types)) / len(ligand.heavy_atoms)
        weights = torch.as_tensor(shares, dtype=torch.float32, device=grids.device)
        mean = torch.einsum("t,ktxyz->kxyz", weights, grids.energies_kcal_mol)
        stride = max(1, round(_LATTICE_ANGSTROM / grids.spacing_angstrom))
        spacing = stride * grids.spacing_angstrom
        properties = (mean.clamp(max=0), (mean > _CLOSED_KCAL_MOL).float(), (mean < _AT_CONTACT_KCAL_MOL).float())
        cells = nn.functional.avg_pool3d(torch.stack(properties, 1), stride)
        smooth = [_averaged(cells, round(reach / spacing)) for reach in _REACHES_ANGSTROM]
        size = cells.new_tensor([len(ligand.heavy_atoms) / 32, problem.radius_angstrom / 4])
        numbers = torch.cat((*smooth, size[None, :, None, None, None].expand(len(cells), 2, *cells.shape[2:])), 1)
        low = cells.new_tensor(grids.low_angstrom) + 0.5 * (stride - 1) * grids.spacing_angstrom
        found = cls(numbers.permute(0, 2, 3, 4, 1), low, spacing, torch.ones_like(cells[0, 0], dtype=torch.bool))
        inside = [
            (axis >= float(least) + _MARGIN_ANGSTROM) & (axis <= float(most) - _MARGIN_ANGSTROM)
            for axis, least, most in zip(found.axes(), grids.box.low_angstrom, grids.box.high_angstrom, strict=True)
        ]
        allowed = inside[0][:, None, None] & inside[1][None, :, None] & inside[2][None, None, :]
        return cls(found.numbers, low, spacing, allowed if bool(allowed.any()) else found.allowed)

    def axes(self) -> list[Tensor]:
        """Return where the places are along each axis, in A."""
        counts = self.numbers.shape[1:4]
        return [
            low + self.spacing_angstrom * torch.arange(count, device=low.device)
            for low, count in zip(self.low_angstrom, counts, strict=True)
        ]

    def index(self, centres_angstrom: Tensor, conformations: Tensor) -> Tensor:
        """Return the flat index of the place that is nearest to each centre, (N, 3), in its conformation, (N,)."""
        shape = torch.tensor(self.numbers.shape[1:4], device=centres_angstrom.device)
        cell = ((centres_angstrom - self.low_angstrom) / self.spacing_angstrom).round().long()
        x, y, z = cell.clamp(min=0).minimum(shape - 1).unbind(-1)
        return ((conformations * shape[0] + x) * shape[1] + y) * shape[2] + z

    def centres(self, index: Tensor) -> tuple[Tensor, Tensor]:
        """Return centres in A, (N, 3), and conformations, (N,), of flat indices."""
        x, y, z = self.numbers.shape[1:4]
        cells = torch.stack(((index // (y * z)) % x, (index // z) % y, index % z), -1)
        return self.low_angstrom + self.spacing_angstrom * cells, index // (x * y * z)


def _averaged(cells: Tensor, reach: int) -> Tensor:
    """Return the means over cubes of 2 reach + 1 cells, one axis after the other; what is outside does not count."""
    for axis in range(3):
        edge, pad = [1, 1, 1], [0, 0, 0]
        edge[axis], pad[axis] = 2 * reach + 1, reach
        cells = nn.functional.avg_pool3d(cells, edge, stride=1, padding=pad, count_include_pad=False)
    return cells
