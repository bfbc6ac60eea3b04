"""A docking search of somebody else's: it draws once and keeps the best."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import torch

from levinthal.workloads.docking.molecules.pose import Poses
from levinthal.workloads.docking.search.contract import Problem, Search
from levinthal.workloads.docking.search.outcome import SearchOutcome


@dataclass(frozen=True)
class OneDraw(Search):
    """Keep the best of `n_drawn` random poses."""

    n_drawn: int = 20_000
    n_poses: int = 9
    threads: int = 0

    shown: ClassVar[str] = "one draw"
    all_cores: ClassVar[bool] = True

    def search(self, problem: Problem, *, seed: int = 0) -> SearchOutcome:
        """Draw."""
        assert self.threads >= 1, "it declares all_cores and was not given their number"
        recorder = problem.recorder()
        poses = Poses.random(self.n_drawn, problem.grids.box, torch.Generator().manual_seed(seed), margin_angstrom=3.0)
        layers = problem.spread(self.n_drawn)
        energies = problem.energies(poses, layers)
        recorder.note(self.n_drawn, energies, poses)
        return problem.outcome(poses, layers, energies, recorder.finish(), self.n_poses)


class HalfASearch:
    """Does not keep the contract: it is not a dataclass and has no name to show."""

    def search(self) -> None:
        """Do nothing."""


SEARCH = OneDraw
