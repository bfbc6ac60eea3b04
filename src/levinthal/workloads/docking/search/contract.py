"""What a docking search is, and what it is given: maps, a ligand, and how its poses are evaluated and reported."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from levinthal.workloads.docking.molecules.molecule import Box, Ligand, Receptor
from levinthal.workloads.docking.molecules.pose import Poses
from levinthal.workloads.docking.scoring import GridMaps, RigidScore, build_grids, score_and_gradient, score_poses
from levinthal.workloads.docking.scoring.functions import FunctionName
from levinthal.workloads.docking.search.outcome import Goal, SearchOutcome, Trace, TraceRecorder

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
    goal : Goal, optional
        When a search of it may end; without one it ends with its own schedule.

    Examples
    --------
    >>> from pathlib import Path
    >>> from levinthal.docking import Box, Problem, prepare_ligand, prepare_receptor
    >>> from levinthal.simulation import capped_peptide
    >>> size = Path("helix.pdb").write_text(capped_peptide("helix", "AKAEA", ("helix",))[0].topology_pdb)
    >>> receptor = prepare_receptor("helix.pdb")
    >>> box = Box.around(receptor.coordinates_angstrom, 2.0)
    >>> problem = Problem.of(receptor, prepare_ligand("Cc1ccc(C)cc1"), box)
    >>> problem.n_conformations
    1
    """

    grids: GridMaps
    ligand: Ligand
    receptors: tuple[Receptor, ...] = ()
    goal: Goal | None = None

    @classmethod
    def of(
        cls,
        receptors: Receptor | Sequence[Receptor],
        ligand: Ligand,
        box: Box,
        function: FunctionName = "vina",
        *,
        spacing_angstrom: float = 0.375,
        device: torch.device | str = "cpu",
    ) -> Problem:
        """Make the maps of receptor conformations for a ligand; parameters and errors as `build_grids`."""
        stack = (receptors,) if isinstance(receptors, Receptor) else tuple(receptors)
        types = ligand.scored_types
        grids = build_grids(stack, types, box, function, spacing_angstrom=spacing_angstrom, device=device)
        return cls(grids, ligand, stack)

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

    def recorder(self) -> TraceRecorder:
        """Return what records a search of this problem and knows its goal; its clock starts now."""
        return TraceRecorder(self.goal, self.ligand.coordinates_angstrom)

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


class Search:
    """Base of all searches, built in or plugged in: frozen dataclasses whose fields are their settings.

    One field is `n_poses`, the distinct poses that are returned. A search that declares `all_cores` has a field
    `threads` as well, one that declares `needs_model` a field `model` (a `TrainedPolicy` or
    a `TrainedGuide`); the workload fills these.

    Attributes
    ----------
    shown : str
        Its name where people read.
    described : str
        Its name within a sentence; by default `shown`.
    needs_model : bool
        Whether it searches with what the workload trains.
    learns : {"moves", "starts"}
        Of these, with which: the policy, which learns to move poses, or the guide, which learns where to start.
    is_control : bool
        Whether it is what a trained search has to beat: the same score, nothing learned.
    is_reference : bool
        Whether it is the established program, as well set as it can be, that the control is compared with.
    all_cores : bool
        Whether it runs on all cores; others run on one.
    package, installed_by : str
        An optional package that it needs, and the words that say how to get it.
    refines : bool
        Whether its poses are refined off the maps already; others descend on the exact energy at the end.

    Examples
    --------
    >>> from dataclasses import dataclass
    >>> from levinthal.docking import RandomRestarts, Search
    >>> @dataclass(frozen=True)
    ... class Brief(Search):
    ...     n_poses: int = 3
    ...     shown = "brief restarts"
    ...     def search(self, problem, *, seed=0):
    ...         return RandomRestarts(n_drawn=64, n_starts=8, n_poses=self.n_poses).search(problem, seed=seed)
    >>> Brief().shown
    'brief restarts'
    """

    shown: ClassVar[str]
    described: ClassVar[str] = ""
    needs_model: ClassVar[bool] = False
    learns: ClassVar[str] = "moves"
    is_control: ClassVar[bool] = False
    is_reference: ClassVar[bool] = False
    all_cores: ClassVar[bool] = False
    package: ClassVar[str] = ""
    installed_by: ClassVar[str] = ""
    refines: ClassVar[bool] = False

    def search(self, problem: Problem, *, seed: int = 0) -> SearchOutcome:
        """Search for the best poses; the seed alone decides what is drawn at random.

        `problem.recorder()` keeps the trace, and says by `is_over` when the goal is met or the budget spent.
        """
        raise NotImplementedError

    def warm_up(self, problem: Problem) -> None:
        """Compile and load what the first search would, off the clock; by default by a whole search."""
        self.search(problem)

    def at_budget(self, amount: int) -> tuple[str, Search] | None:
        """Return the search at another budget, a point of its anytime curve; None where its trace is the curve."""
        del amount
        return None
