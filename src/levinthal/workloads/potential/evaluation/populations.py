"""Populations of the Ramachandran basins on a student, and what they are on the teacher by reweighting.

A frame of the student's has the weight exp(-(U_teacher - U_student) / kT) on the teacher, less a constant.
"""

from __future__ import annotations

from dataclasses import dataclass
from types import MappingProxyType

import numpy as np

from levinthal.arrays import Doubles, Integers, Mask
from levinthal.simulation.analysis.effective_samples import kish_effective_sample_size

BASINS: MappingProxyType[str, str] = MappingProxyType(
    {
        "C7eq": "phi below 0, psi from 0 to 120 degrees",
        "C5": "phi below 0, psi above 120 or below -120 degrees",
        "alpha": "phi below 0, psi from -120 to 0 degrees",
        "left": "phi above 0",
    }
)
"""Basins that cover the whole map."""

_RESAMPLES = 400


def in_basin(torsions_rad: Doubles) -> dict[str, Mask]:
    """Return in which frames (phi, psi), shape (..., 2), lie in each basin."""
    phi, psi = np.degrees(torsions_rad[..., 0]), np.degrees(torsions_rad[..., 1])
    left = phi >= 0
    return {
        "C7eq": ~left & (psi >= 0) & (psi < 120),
        "C5": ~left & ((psi >= 120) | (psi < -120)),
        "alpha": ~left & (psi >= -120) & (psi < 0),
        "left": left,
    }


@dataclass(frozen=True)
class Populations:
    """Populations by basin, on the student and on the teacher.

    Attributes
    ----------
    student, teacher : mapping of str to float
    difference_error : mapping of str to float
        Standard error of the difference, over runs.
    effective_samples : float
        How many frames of equal weight the reweighted ones are worth (Kish).
    free_energy_kcal_mol : tuple of (float, float, float) or None
        G(C5) - G(C7eq) on the student, and an interval of 95 %; null where a basin was empty.
    """

    student: dict[str, float]
    teacher: dict[str, float]
    difference_error: dict[str, float]
    effective_samples: float
    free_energy_kcal_mol: tuple[float, float, float] | None

    @property
    def deviation(self) -> float:
        """The largest difference, in standard errors; 0.005 is added in quadrature, where errors are that small."""
        return max(
            abs(self.student[b] - self.teacher[b]) / float(np.hypot(self.difference_error[b], 0.005))
            for b in self.student
        )


def weights_of(teacher_energies: Doubles, student_energies: Doubles, kt: float) -> Doubles:
    """Return weights of frames on the teacher, the largest 1."""
    log = -(teacher_energies - student_energies) / kt
    return np.asarray(np.exp(log - log.max()), np.float64)


def populations(torsions_rad: Doubles, weights: Doubles, runs: Integers, kt_kcal_mol: float, seed: int) -> Populations:
    """Return populations of frames, and their errors by a bootstrap over runs.

    Parameters
    ----------
    torsions_rad : ndarray, shape (n, 2)
    weights : ndarray, shape (n,)
        See `weights_of`.
    runs : ndarray of int, shape (n,)
        Of which run each frame is: runs are independent, frames are not.
    kt_kcal_mol : float
    seed : int
    """
    inside = in_basin(torsions_rad)
    names, numbers = np.unique(runs), np.array(list(inside.values()), np.float64)
    plain = np.array([[each[runs == r].sum() for each in numbers] for r in names])
    weighted = np.array([[(each * weights)[runs == r].sum() for each in numbers] for r in names])
    rng = np.random.default_rng(seed)
    drawn = rng.integers(len(names), size=(_RESAMPLES, len(names)))
    with np.errstate(divide="ignore", invalid="ignore"):
        p, q = (each[drawn].sum(axis=1) for each in (plain, weighted))
        p, q = p / p.sum(axis=1, keepdims=True), q / q.sum(axis=1, keepdims=True)
        first, second = (list(inside).index(each) for each in ("C5", "C7eq"))
        gaps = -kt_kcal_mol * np.log(p[:, first] / p[:, second])
    student = dict(zip(inside, map(float, plain.sum(0) / plain.sum()), strict=True))
    free = None
    if student["C5"] > 0 and student["C7eq"] > 0:
        low, high = np.percentile(gaps[np.isfinite(gaps)], (2.5, 97.5))
        free = (float(-kt_kcal_mol * np.log(student["C5"] / student["C7eq"])), float(low), float(high))
    return Populations(
        student,
        dict(zip(inside, map(float, weighted.sum(0) / weighted.sum()), strict=True)),
        dict(zip(inside, map(float, (p - q).std(axis=0)), strict=True)),
        kish_effective_sample_size(weights),
        free,
    )
