"""Exhaustive rigid enumeration after FRED: every orientation at every place, then a descent of the best.

FRED (McGann, J. Chem. Inf. Model. 51:578, 2011) scores all rotations and translations of a rigid ligand in the pocket
at a fixed resolution and optimises the best of them. Orientations here are a super-Fibonacci spiral (Alexa, CVPR 2022),
which covers rotations evenly; places are a cubic lattice. The seed decides in which order they are scored, and so when
the right one is met; what is found in the end depends on no seed.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import torch
from torch import Tensor

from levinthal.workloads.docking.molecules.molecule import Box
from levinthal.workloads.docking.molecules.pose import Poses
from levinthal.workloads.docking.search.contract import Problem, Search
from levinthal.workloads.docking.search.descent import Halving
from levinthal.workloads.docking.search.outcome import SearchOutcome

_PHI = math.sqrt(2.0)
_PSI = 1.533751168755204288118041
_AT_ONCE = 32_768


@dataclass(frozen=True)
class Enumeration(Search):
    """Score every orientation at every place in every receptor conformation, and descend from the best.

    Attributes
    ----------
    spacing_angstrom : float
        Between neighbouring places of the ligand's centre; FRED's default is 1 A.
    n_rotations : int
        Orientations; 1,500 are about 20 degrees apart.
    margin_angstrom : float
        How far from the faces of the box the centre stays.
    n_kept : int
        The best poses, which descend.
    n_poses : int
        Distinct poses that are returned.
    """

    spacing_angstrom: float = 1.0
    n_rotations: int = 1500
    margin_angstrom: float = 3.0
    n_kept: int = 512
    n_poses: int = 9

    shown: ClassVar[str] = "enumeration"

    def search(self, problem: Problem, *, seed: int = 0) -> SearchOutcome:
        """Search everywhere, in an order that the seed decides."""
        recorder = problem.recorder()
        device = problem.grids.device
        rotations = even_rotations(self.n_rotations).to(device)
        places = lattice(problem.grids.box, self.spacing_angstrom, self.margin_angstrom).to(device)
        per_conformation = len(rotations) * len(places)
        total = per_conformation * problem.n_conformations
        best_energies = torch.full((0,), math.inf, device=device)
        best_numbers = torch.zeros(0, dtype=torch.int64, device=device)
        first, stride = _order(total, seed)
        for begin in range(0, total, _AT_ONCE):
            if recorder.is_over:
                break
            numbers = (first + stride * torch.arange(begin, min(begin + _AT_ONCE, total), device=device)) % total
            poses, conformations = _poses(numbers, rotations, places, per_conformation)
            energies = problem.energies(poses, conformations)
            best_energies, best_numbers = torch.cat((best_energies, energies)), torch.cat((best_numbers, numbers))
            if len(best_energies) > self.n_kept:
                best_energies, kept = torch.topk(best_energies, self.n_kept, largest=False)
                best_numbers = best_numbers[kept]
            recorder.note(len(numbers), energies, poses)
        poses, conformations = _poses(best_numbers, rotations, places, per_conformation)
        return Halving().descend(problem, poses, conformations, recorder, self.n_poses)


def _order(total: int, seed: int) -> tuple[int, int]:
    """Return a first number and a stride that has no factor in common with `total`: steps of it meet every number."""
    generator = np.random.default_rng(seed)
    stride = int(generator.integers(1, total + 1))
    while math.gcd(stride, total) > 1:
        stride += 1
    return int(generator.integers(total)), stride


def _poses(numbers: Tensor, rotations: Tensor, places: Tensor, per_conformation: int) -> tuple[Poses, Tensor]:
    """Return the poses of running numbers: conformation, then place, then orientation."""
    within = numbers % per_conformation
    poses = Poses(rotations[within % len(rotations)], places[within // len(rotations)])
    return poses, numbers // per_conformation


def even_rotations(count: int) -> Tensor:
    """Return unit quaternions, shape (count, 4), that cover all rotations evenly."""
    s = torch.arange(count, dtype=torch.float64) + 0.5
    t = s / count
    alpha, beta = 2 * math.pi * s / _PHI, 2 * math.pi * s / _PSI
    inner, outer = t.sqrt(), (1 - t).sqrt()
    return torch.stack(
        (outer * beta.cos(), inner * alpha.sin(), inner * alpha.cos(), outer * beta.sin()), dim=1
    ).float()


def lattice(box: Box, spacing_angstrom: float, margin_angstrom: float) -> Tensor:
    """Return the places of a cubic lattice inside a box, shape (places, 3), centred and clear of its faces.

    A box narrower than two margins has its middle plane only.
    """
    axes = []
    for centre, size in zip(box.centre_angstrom, box.size_angstrom, strict=True):
        steps = int(max(0.0, size - 2 * margin_angstrom) / spacing_angstrom)
        axes.append(centre + spacing_angstrom * (torch.arange(steps + 1, dtype=torch.float32) - steps / 2))
    return torch.cartesian_prod(*axes)


SEARCH = Enumeration
