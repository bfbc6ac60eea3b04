"""What all searches on our own score are given: maps, a ligand, and how its poses are evaluated and reported."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from levinthal.workloads.docking.molecules.molecule import Ligand, Receptor
from levinthal.workloads.docking.molecules.pose import Poses
from levinthal.workloads.docking.scoring import GridMaps, RigidScore, score_and_gradient, score_poses
from levinthal.workloads.docking.search.outcome import SearchOutcome, Trace

__all__ = ["Problem", "distinct"]

_ALIKE_ANGSTROM = 1.0


@dataclass(frozen=True, eq=False)
class Problem:
    """One ligand and the maps of one or more receptor conformations.

    The energy of a pose is its score plus the energy of the receptor conformation that it is in.

    Attributes
    ----------
    grids : GridMaps
    ligand : Ligand
    receptors : tuple of Receptor
        The conformations of the maps, for a search that makes its own; empty where none does.
    """

    grids: GridMaps
    ligand: Ligand
    receptors: tuple[Receptor, ...] = ()

    @property
    def n_conformations(self) -> int:
        """How many receptor conformations there are."""
        return self.grids.n_conformations

    @property
    def radius_angstrom(self) -> float:
        """Radius of gyration of the heavy atoms."""
        return float(np.sqrt((self.ligand.scored_template_angstrom**2).sum(axis=1).mean()))

    def evaluate(self, poses: Poses, conformations: Tensor) -> RigidScore:
        """Return total energies with force and torque."""
        score = score_and_gradient(self.grids, self.ligand, poses, conformations)
        return score._replace(energies_kcal_mol=score.energies_kcal_mol + self.strain(conformations))

    def energies(self, poses: Poses, conformations: Tensor) -> Tensor:
        """Return total energies alone."""
        return score_poses(self.grids, self.ligand, poses, conformations) + self.strain(conformations)

    def strain(self, conformations: Tensor) -> Tensor:
        """Return the energies of receptor conformations."""
        return self.grids.receptor_energies_kcal_mol[conformations]

    def spread(self, count: int) -> Tensor:
        """Return `count` conformations, dealt in turn."""
        return torch.arange(count, device=self.grids.device) % self.n_conformations

    def outcome(
        self, poses: Poses, conformations: Tensor, energies: Tensor, trace: Trace, n_poses: int
    ) -> SearchOutcome:
        """Return the best distinct poses as the end of a search."""
        order = torch.argsort(energies)
        template = torch.as_tensor(self.ligand.coordinates_angstrom, dtype=poses.quaternions.dtype)
        places = poses[order].to(poses.quaternions.dtype, "cpu").coordinates(template).numpy().astype(np.float64)
        found, conformation = energies[order].cpu().numpy(), conformations[order].cpu().numpy()
        kept = distinct(places[:, self.ligand.heavy_atoms], conformation, n_poses)
        return SearchOutcome(places[kept], conformation[kept], found[kept].astype(np.float64), trace)


def distinct(
    coordinates: npt.NDArray[np.float64], conformations: npt.NDArray[np.int64], most: int
) -> npt.NDArray[np.int64]:
    """Return the first poses, at most `most`, that are not within 1 A RMSD of an earlier one in the same conformation.

    Parameters
    ----------
    coordinates : ndarray, (poses, atoms, 3)
        Best first.
    conformations : ndarray, (poses,)
    most : int
    """
    kept: list[int] = []
    left = np.arange(len(coordinates))
    while len(left) and len(kept) < most:
        first = left[0]
        kept.append(int(first))
        rmsd = np.sqrt(((coordinates[left] - coordinates[first]) ** 2).sum(axis=2).mean(axis=1))
        left = left[(rmsd > _ALIKE_ANGSTROM) | (conformations[left] != conformations[first])]
    return np.array(kept, np.int64)
