"""CMA-ES on the batched score: a population in the six degrees of freedom of the rigid ligand, restarted when it ends.

Hansen's `cma` package (Hansen and Ostermeier, Evol. Comput. 9:159, 2001). Several populations run side by side, so that
each evaluation is one batch; one that has converged starts again elsewhere. The best poses descend at the end, as those
of every other search on these maps do.
"""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt
import torch

from levinthal.workloads.docking.molecules.pose import Poses
from levinthal.workloads.docking.search.contract import Problem, Search
from levinthal.workloads.docking.search.descent import Halving
from levinthal.workloads.docking.search.outcome import SearchOutcome

_FIRST_SPREAD_ANGSTROM = 2.0


@dataclass(eq=False)
class _Population:
    strategy: Any
    start: Poses
    conformation: int


@dataclass(frozen=True)
class Evolution(Search):
    """Search by CMA-ES.

    Attributes
    ----------
    n_populations : int
        Populations side by side.
    population : int
        Poses of each.
    n_evaluations : int
        Evaluations in all, after which no new generation begins.
    n_poses : int
        Distinct poses that are returned.
    """

    n_populations: int = 16
    population: int = 64
    n_evaluations: int = 50_000
    n_poses: int = 9

    shown: ClassVar[str] = "CMA-ES"
    package: ClassVar[str] = "cma"
    installed_by: ClassVar[str] = "pip install cma"

    def warm_up(self, problem: Problem) -> None:
        """Search briefly: what is compiled does not depend on the size."""
        Evolution(n_populations=1, population=8, n_evaluations=8).search(problem)

    def search(self, problem: Problem, *, seed: int = 0) -> SearchOutcome:
        """Search with populations that the seed decides."""
        recorder = problem.recorder()
        generator = torch.Generator().manual_seed(seed)
        populations = [_begin(problem, self.population, number, generator) for number in range(self.n_populations)]
        begun = self.n_populations
        ends: list[tuple[float, Poses, int]] = []
        while recorder.evaluations < self.n_evaluations and not recorder.is_over:
            asked = [np.asarray(each.strategy.ask()) for each in populations]
            poses = [_placed(problem, each.start, moves) for each, moves in zip(populations, asked, strict=True)]
            batch = Poses.joined(poses)
            conformations = torch.tensor([each.conformation for each in populations], device=problem.grids.device)
            energies = problem.energies(batch, conformations.repeat_interleave(self.population))
            recorder.note(len(batch), energies, batch)
            rows = energies.reshape(-1, self.population).cpu().numpy().astype(np.float64)
            for number, (each, moves, row) in enumerate(zip(populations, asked, rows, strict=True)):
                each.strategy.tell(list(moves), row.tolist())
                if each.strategy.stop():
                    ends.append(_end(problem, each))
                    populations[number] = _begin(problem, self.population, begun, generator)
                    begun += 1
        # a population that has just begun has no best yet
        ends += [_end(problem, each) for each in populations if each.strategy.result.xbest is not None]
        ends.sort(key=lambda end: end[0])
        best = Poses.joined([poses for _, poses, _ in ends])
        conformations = torch.tensor([conformation for _, _, conformation in ends], device=problem.grids.device)
        return Halving(n_last=len(ends)).descend(problem, best, conformations, recorder, self.n_poses)


def _begin(problem: Problem, size: int, number: int, generator: torch.Generator) -> _Population:
    import cma

    start = Poses.random(1, problem.grids.box, generator, margin_angstrom=2.0, device=problem.grids.device)
    seed = int(torch.randint(1, 2**31 - 1, (1,), generator=generator))
    options = {"popsize": size, "seed": seed, "verbose": -9, "tolfun": 1e-2, "tolx": 1e-2}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of optional packages that it does not find
        strategy = cma.CMAEvolutionStrategy(np.zeros(6), _FIRST_SPREAD_ANGSTROM, options)
    return _Population(strategy, start, number % problem.n_conformations)


def _placed(problem: Problem, start: Poses, moves: npt.NDArray[np.float64]) -> Poses:
    """Return the poses at moves from a start; rotations are arc lengths at the radius of gyration."""
    like = start.centres_angstrom
    steps = torch.as_tensor(moves, dtype=like.dtype, device=like.device)
    many = Poses(start.quaternions.expand(len(steps), 4), like.expand(len(steps), 3))
    return many.moved_outside(steps[:, :3], steps[:, 3:] / max(problem.radius_angstrom, 0.5))


def _end(problem: Problem, population: _Population) -> tuple[float, Poses, int]:
    best = population.strategy.result
    return float(best.fbest), _placed(problem, population.start, np.asarray(best.xbest)[None]), population.conformation


SEARCH = Evolution
