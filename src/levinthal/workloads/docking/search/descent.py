"""Batched quasi-Newton descent of rigid poses: every pose has its own line search, all are evaluated together.

BFGS over the six degrees of freedom of a rigid body (Nocedal and Wright, Numerical Optimization, 2006, ch. 6), as Vina
does it pose by pose. One evaluation of the whole batch is one iteration: a pose whose step lowers its energy enough
takes it and renews its Hessian, one whose step does not tries a shorter one at the next evaluation. `Halving` is the
descent that ends most searches: after each round of steps only the better half goes on (Jamieson and Talwalkar, AISTATS
2016).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from levinthal.workloads.docking.molecules.pose import Poses
from levinthal.workloads.docking.scoring import RigidScore
from levinthal.workloads.docking.search.contract import Problem
from levinthal.workloads.docking.search.outcome import SearchOutcome, TraceRecorder

Rank = Callable[["Descent", int, Tensor], Tensor]
"""From poses on their way down, the steps that they took and their energies before the last round to what they are
ranked by, shape (N,); lower is better."""

Evaluate = Callable[[Poses, Tensor], RigidScore]
"""Poses and the receptor conformation of each, to energies, forces and torques along the axes of the box."""

_SUFFICIENT = 1e-4
_LONGEST_STEP_ANGSTROM = 1.5
_FIRST_STEP_ANGSTROM = 0.4
_SHORTEST_SCALE = 1e-3


@dataclass(eq=False)
class Descent:
    """Poses on their way down.

    Rotations are measured as arc lengths at the ligand's radius of gyration, so that all six coordinates are in A.

    Attributes
    ----------
    poses : Poses
        Where they are: N poses.
    conformations : Tensor of int64, shape (N,)
    energies_kcal_mol : Tensor, shape (N,)
    """

    poses: Poses
    conformations: Tensor
    energies_kcal_mol: Tensor
    _radius_angstrom: float
    _gradients: Tensor
    _inverse: Tensor
    _directions: Tensor
    _slopes: Tensor
    _scales: Tensor
    _fresh: Tensor

    @classmethod
    def start(cls, evaluate: Evaluate, poses: Poses, conformations: Tensor, radius_angstrom: float) -> Descent:
        """Evaluate the starts and point each pose downhill; one evaluation a pose."""
        score = evaluate(poses, conformations)
        count = len(poses)
        like = score.energies_kcal_mol
        descent = cls(
            poses, conformations, like, max(radius_angstrom, 0.5),
            _gradients=like.new_zeros(count, 6),
            _inverse=torch.eye(6, dtype=like.dtype, device=like.device).repeat(count, 1, 1),
            _directions=like.new_zeros(count, 6),
            _slopes=like.new_zeros(count),
            _scales=like.new_ones(count),
            _fresh=torch.ones(count, dtype=torch.bool, device=like.device),
        )  # fmt: skip
        descent._gradients = descent._gradient(score)
        descent._aim()
        return descent

    def step(self, evaluate: Evaluate) -> None:
        """Try one step of every pose; one evaluation a pose."""
        moves = self._scales[:, None] * self._directions
        tried = self.poses.moved_outside(moves[:, :3], moves[:, 3:] / self._radius_angstrom)
        score = evaluate(tried, self.conformations)
        gradients = self._gradient(score)
        gained = score.energies_kcal_mol - self.energies_kcal_mol
        taken = gained <= _SUFFICIENT * self._scales * self._slopes
        self._renew(taken, moves, gradients)
        self.poses = tried.where(taken, self.poses)
        self._gradients = torch.where(taken[:, None], gradients, self._gradients)
        self.energies_kcal_mol = torch.where(taken, score.energies_kcal_mol, self.energies_kcal_mol)
        # The parabola through both energies and the slope has its minimum there.
        rise = gained - self._scales * self._slopes
        shorter = -0.5 * self._slopes * self._scales.square() / rise.clamp(min=1e-12)
        shorter = shorter.clamp(0.1 * self._scales, 0.5 * self._scales)
        stuck = ~taken & (shorter < _SHORTEST_SCALE)
        self._inverse[stuck] = torch.eye(6, dtype=shorter.dtype, device=shorter.device)
        self._fresh |= stuck
        before = self._scales, self._directions, self._slopes
        self._aim()
        again = ~taken & ~stuck
        self._scales = torch.where(again, shorter, self._scales)
        self._directions = torch.where(again[:, None], before[1], self._directions)
        self._slopes = torch.where(again, before[2], self._slopes)

    @property
    def gradients(self) -> Tensor:
        """Derivatives of the energies, shape (N, 6): by translation, then by arc length, both in kcal/mol/A."""
        return self._gradients

    def keep(self, index: Tensor) -> None:
        """Go on with some of the poses only."""
        self.poses = self.poses[index]
        for name in (
            "conformations", "energies_kcal_mol", "_gradients", "_inverse", "_directions", "_slopes", "_scales",
            "_fresh",
        ):  # fmt: skip
            setattr(self, name, getattr(self, name)[index])

    def _gradient(self, score: RigidScore) -> Tensor:
        return -torch.cat((score.forces, score.torques / self._radius_angstrom), dim=1)

    def _aim(self) -> None:
        """Take the quasi-Newton direction, or straight down where it would lead up, and bound the step."""
        directions = -(self._inverse @ self._gradients[:, :, None])[:, :, 0]
        slopes = (directions * self._gradients).sum(dim=1)
        up = slopes >= 0
        directions = torch.where(up[:, None], -self._gradients, directions)
        self._fresh |= up
        lengths = directions.norm(dim=1)
        longest = torch.where(self._fresh, _FIRST_STEP_ANGSTROM, _LONGEST_STEP_ANGSTROM).to(lengths.dtype)
        directions = directions * (longest / lengths.clamp(min=1e-12)).clamp(max=1.0)[:, None]
        self._directions = directions
        self._slopes = (directions * self._gradients).sum(dim=1)
        self._scales = torch.ones_like(lengths)

    def _renew(self, taken: Tensor, moves: Tensor, gradients: Tensor) -> None:
        """Update the inverse Hessians of the poses that moved, where the curvature along the step is positive."""
        changes = gradients - self._gradients
        curvature = (moves * changes).sum(dim=1)
        good = taken & (curvature > 1e-8)
        safe = torch.where(good, curvature, torch.ones_like(curvature))
        # After the first step the identity is scaled to the curvature that was met (Nocedal and Wright, eq. 6.20).
        first = good & self._fresh
        size = curvature / changes.square().sum(dim=1).clamp(min=1e-12)
        inverse = torch.where(first[:, None, None], self._inverse * size[:, None, None], self._inverse)
        product = (inverse @ changes[:, :, None])[:, :, 0]
        weight = (1.0 + (changes * product).sum(dim=1) / safe) / safe
        update = weight[:, None, None] * moves[:, :, None] * moves[:, None, :]
        cross = product[:, :, None] * moves[:, None, :] / safe[:, None, None]
        renewed = inverse + update - cross - cross.transpose(1, 2)
        self._inverse = torch.where(good[:, None, None], renewed, self._inverse)
        self._fresh &= ~good


@dataclass(frozen=True)
class Halving:
    """How long poses are followed.

    Attributes
    ----------
    round_steps : int
        Evaluations between two halvings.
    n_last : int
        How many poses are followed to the end.
    last_steps : int
        Evaluations of these.
    """

    round_steps: int = 6
    n_last: int = 32
    last_steps: int = 30

    def descend(
        self, problem: Problem, poses: Poses, conformations: Tensor, recorder: TraceRecorder, n_poses: int
    ) -> SearchOutcome:
        """Descend from N poses.

        Parameters
        ----------
        problem : Problem
        poses : Poses
        conformations : Tensor of int64, shape (N,)
        recorder : TraceRecorder
            Its clock runs already; evaluations are added to it.
        n_poses : int
            Distinct poses that are returned.
        """
        descent = Descent.start(problem.evaluate, poses, conformations, problem.radius_angstrom)
        recorder.note(len(poses), descent.energies_kcal_mol, descent.poses)
        return self.follow(problem, descent, recorder, n_poses)

    def follow(
        self,
        problem: Problem,
        descent: Descent,
        recorder: TraceRecorder,
        n_poses: int,
        rank: Rank = lambda descent, n_steps, before: descent.energies_kcal_mol,
    ) -> SearchOutcome:
        """Descend from poses that have been scored; parameters as `descend`, halved by `rank`."""
        n_steps = 0
        while True:
            n_left = len(descent.energies_kcal_mol)
            last, before = n_left <= self.n_last, descent.energies_kcal_mol
            for _ in range(self.last_steps if last else self.round_steps):
                if recorder.is_over:
                    break
                descent.step(problem.evaluate)
                recorder.note(n_left, descent.energies_kcal_mol, descent.poses)
            if last or recorder.is_over:
                break
            n_steps += self.round_steps
            ranked = rank(descent, n_steps, before)
            descent.keep(torch.topk(ranked, max(self.n_last, n_left // 2), largest=False).indices)
        return problem.outcome(
            descent.poses, descent.conformations, descent.energies_kcal_mol, recorder.finish(), n_poses
        )
