"""What every search returns: poses, energies, and how the best energy fell against evaluations and seconds.

Where the reference pose of a ligand is known, a search has a `Goal`: it has succeeded as soon as the best pose that it
has found so far has a score below 0 and lies within 2 A of the reference, and it may end there, or once its evaluations
are spent.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass, field, replace

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from levinthal.workloads.docking.molecules.pose import Poses
from levinthal.workloads.docking.molecules.rmsd import CrystalPose

SUCCESS_ANGSTROM = 2.0


@dataclass(frozen=True, eq=False)
class Goal:
    """When a search has succeeded, and when it has failed.

    Attributes
    ----------
    reference : CrystalPose
        The pose to find. Success is a best pose so far with a score below 0 that lies within 2 A of it, symmetries
        allowed for: a clash that lies there by chance is none.
    evaluations : int
        After which a search that has not succeeded ends.
    ends_at_success : bool
        Whether a search stops there, or goes on with its own schedule, to return poses that are refined.
    below_kcal_mol : float
        What earlier rounds of the search found: only a better pose is its best so far.
    """

    reference: CrystalPose
    evaluations: int
    ends_at_success: bool = True
    below_kcal_mol: float = float("inf")


@dataclass(frozen=True, eq=False)
class Trace:
    """The best energy found so far, whenever it fell; the last entry is the end of the search.

    Attributes
    ----------
    evaluations : ndarray, (points,)
        Energy evaluations until then; one with its gradient counts as one.
    seconds : ndarray, (points,)
        Wall-clock since the search began, set-up and the comparison with the reference excluded.
    best_kcal_mol : ndarray, (points,)
        Best energy so far, on whatever function the search works with.
    rmsd_angstrom : ndarray, (points,)
        How far the best pose so far lies from the reference; NaN where there is none, or earlier rounds had a better.
    """

    evaluations: npt.NDArray[np.int64]
    seconds: npt.NDArray[np.float64]
    best_kcal_mol: npt.NDArray[np.float64]
    rmsd_angstrom: npt.NDArray[np.float64]

    def evaluations_to(self, energy_kcal_mol: float) -> int | None:
        """Return how many evaluations it took to reach an energy, or None where it was not reached."""
        reached = np.flatnonzero(self.best_kcal_mol <= energy_kcal_mol)
        return int(self.evaluations[reached[0]]) if len(reached) else None

    def success(self) -> tuple[int, float] | None:
        """Return evaluations and seconds until the best pose so far had a score below 0 and was within 2 A, or None."""
        reached = np.flatnonzero((self.rmsd_angstrom <= SUCCESS_ANGSTROM) & (self.best_kcal_mol < 0))
        return (int(self.evaluations[reached[0]]), float(self.seconds[reached[0]])) if len(reached) else None


@dataclass(frozen=True, eq=False)
class SearchOutcome:
    """The end of one search.

    Attributes
    ----------
    coordinates : ndarray, (poses, atoms, 3)
        All atoms of the ligand in the final poses, in A, best first by `energies_kcal_mol`.
    conformations : ndarray of int, (poses,)
        The receptor conformation that each pose was found in.
    energies_kcal_mol : ndarray, (poses,)
        On the function the search worked with (grids, say); the exact path has the last word.
    trace : Trace
        The anytime curve.
    setup_s : mapping of str to float
        What was needed before the search, by part: for Vina receptor, ligand and maps; empty for ours, which share
        their maps.
    """

    coordinates: npt.NDArray[np.float64]
    conformations: npt.NDArray[np.int64]
    energies_kcal_mol: npt.NDArray[np.float64]
    trace: Trace
    setup_s: Mapping[str, float] = field(default_factory=dict)

    def told_by(self, goal: Goal | None) -> SearchOutcome:
        """Return the outcome of a program that reports only its end, with the distance of its best pose."""
        if goal is None or self.energies_kcal_mol[0] >= goal.below_kcal_mol:
            return self
        distance = goal.reference.rmsd(self.coordinates[:1])
        return replace(self, trace=replace(self.trace, rmsd_angstrom=distance))

    @property
    def n_evaluations(self) -> int:
        """Evaluations in all."""
        return int(self.trace.evaluations[-1])

    @property
    def duration_s(self) -> float:
        """Wall-clock of the search."""
        return float(self.trace.seconds[-1])


@dataclass
class TraceRecorder:
    """Builds a `Trace` while a search runs: its clock starts when it is made.

    `Problem.recorder` makes one that knows the goal.
    """

    goal: Goal | None = None
    template_angstrom: npt.NDArray[np.float64] | None = None
    _began_s: float = field(default_factory=time.perf_counter)
    _evaluations: int = 0
    _points: list[tuple[int, float, float, float]] = field(default_factory=list)

    @property
    def evaluations(self) -> int:
        """Evaluations so far."""
        return self._evaluations

    @property
    def is_over(self) -> bool:
        """Whether the goal is met or its evaluations are spent: a search may end; never without a goal."""
        if self.goal is None:
            return False
        is_met = any(distance <= SUCCESS_ANGSTROM and energy < 0 for _, _, energy, distance in self._points)
        return (is_met and self.goal.ends_at_success) or self._evaluations >= self.goal.evaluations

    def note(self, evaluations: int, energies_kcal_mol: Tensor, poses: Poses) -> None:
        """Say that so many more evaluations were made, and which poses with which energies are there after them.

        Where each pose took one evaluation they count in their order, so that the size of a batch decides nothing.
        """
        energies = energies_kcal_mol.detach().cpu().numpy().astype(np.float64)
        best = self._points[-1][2] if self._points else float("inf")
        falls = np.flatnonzero(energies < np.minimum.accumulate([best, *energies[:-1]]))
        before, self._evaluations = self._evaluations, self._evaluations + evaluations
        if len(falls) == 0:
            return
        now = time.perf_counter()
        counts = before + 1 + falls
        if evaluations != len(energies):
            falls, counts = falls[-1:], np.array([self._evaluations])
        distances = self._distances(energies[falls], poses[torch.as_tensor(falls, device=poses.quaternions.device)])
        for count, energy, distance in zip(counts, energies[falls], distances, strict=True):
            self._points.append((int(count), now - self._began_s, float(energy), float(distance)))
        self._began_s += time.perf_counter() - now

    def finish(self) -> Trace:
        """Return the curve, closed by the state at the end."""
        *_, best, distance = self._points[-1] if self._points else (0, 0.0, float("inf"), float("nan"))
        points = [*self._points, (self._evaluations, time.perf_counter() - self._began_s, best, distance)]
        evaluations, seconds, energies, distances = zip(*points, strict=True)
        return Trace(np.array(evaluations, np.int64), np.array(seconds), np.array(energies), np.array(distances))

    def _distances(self, energies: npt.NDArray[np.float64], poses: Poses) -> npt.NDArray[np.float64]:
        unknown = np.full(len(energies), np.nan)
        if self.goal is None or self.template_angstrom is None:
            return unknown
        places = poses.to(torch.float64, "cpu").coordinates(torch.as_tensor(self.template_angstrom))
        return np.where(energies < self.goal.below_kcal_mol, self.goal.reference.rmsd(places.numpy()), unknown)
