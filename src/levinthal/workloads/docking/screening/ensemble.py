"""A ligand in several conformers docked in one batch: a state is a receptor conformation and a conformer."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from levinthal.workloads.docking.molecules.molecule import Ligand, Receptor
from levinthal.workloads.docking.molecules.pose import Poses
from levinthal.workloads.docking.scoring import GridMaps, RigidScore, score_and_gradient
from levinthal.workloads.docking.search.contract import Problem, distinct
from levinthal.workloads.docking.search.outcome import SearchOutcome, Trace
from levinthal.workloads.docking.search.rescoring import FinalPoses, rescore


@dataclass(frozen=True, eq=False)
class ConformerProblem(Problem):
    """A problem whose ligand has conformers; state n is conformer n % C in receptor conformation n // C.

    Attributes
    ----------
    conformers : tuple of Ligand
        C of them, the same atoms in the same order; `ligand` is the first.
    """

    conformers: tuple[Ligand, ...] = ()

    @classmethod
    def of_conformers(cls, grids: GridMaps, conformers: Sequence[Ligand]) -> ConformerProblem:
        """Return the problem of a ligand on maps that are there."""
        return cls(grids, conformers[0], conformers=tuple(conformers))

    @property
    def n_conformations(self) -> int:
        """How many states there are: every conformer in every receptor conformation."""
        return self.grids.n_conformations * len(self.conformers)

    def evaluate(self, poses: Poses, conformations: Tensor) -> RigidScore:
        """Return total energies with force and torque; poses are scored conformer by conformer."""
        receptors, numbers = self._split(conformations)
        like = poses.centres_angstrom
        energies, forces, torques = like.new_empty(len(poses)), torch.empty_like(like), torch.empty_like(like)
        for number, ligand in enumerate(self.conformers):
            mine = torch.nonzero(numbers == number)[:, 0]
            if len(mine):
                score = score_and_gradient(self.grids, ligand, poses[mine], receptors[mine])
                energies[mine], forces[mine], torques[mine] = score
        return RigidScore(energies + self.strain(conformations).to(energies), forces, torques)

    def energies(self, poses: Poses, conformations: Tensor) -> Tensor:
        """Return total energies alone."""
        return self.evaluate(poses, conformations).energies_kcal_mol

    def strain(self, conformations: Tensor) -> Tensor:
        """Return the energies of receptor conformations; conformers have none, as rigid ligands have none in Vina."""
        return super().strain(self._split(conformations)[0])

    def outcome(
        self, poses: Poses, conformations: Tensor, energies: Tensor, trace: Trace, n_poses: int
    ) -> SearchOutcome:
        """Return the best distinct poses; their conformations are states."""
        order = torch.argsort(energies)
        states = conformations[order]
        templates = torch.as_tensor(np.stack([each.coordinates_angstrom for each in self.conformers]))
        sorted_poses = poses[order].to(torch.float64, "cpu")
        turned = templates[self._split(states)[1].cpu()] @ sorted_poses.rotations().transpose(-1, -2)
        places = (turned + sorted_poses.centres_angstrom[:, None]).numpy()
        found, numbers = energies[order].cpu().numpy().astype(np.float64), states.cpu().numpy()
        kept = distinct(places[:, self.ligand.heavy_atoms], numbers, n_poses)
        return SearchOutcome(places[kept], numbers[kept], found[kept], trace)

    def rescored(self, receptors: Sequence[Receptor], outcome: SearchOutcome) -> list[tuple[Ligand, FinalPoses]]:
        """Return for each conformer that is among the final poses these poses, by their exact energies."""
        found = []
        numbers = outcome.conformations % len(self.conformers)
        for number in np.unique(numbers):
            mine = np.flatnonzero(numbers == number)
            part = SearchOutcome(
                outcome.coordinates[mine], outcome.conformations[mine] // len(self.conformers),
                outcome.energies_kcal_mol[mine], outcome.trace,
            )  # fmt: skip
            ligand = self.conformers[int(number)]
            found.append((ligand, rescore(receptors, ligand, part, self.grids.function)))
        return found

    def _split(self, states: Tensor) -> tuple[Tensor, Tensor]:
        return states // len(self.conformers), states % len(self.conformers)
