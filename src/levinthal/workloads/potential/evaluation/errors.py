"""Errors of a student on labels that it has not seen."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from levinthal.arrays import Doubles
from levinthal.errors import DataError
from levinthal.workloads.potential.students.contract import Labels

KJ_MOL_NM_PER_KCAL_MOL_ANGSTROM = 41.84
KJ_PER_KCAL = 4.184


class Errors(NamedTuple):
    """Of forces in kcal/mol/A, of energies in kcal/mol.

    Attributes
    ----------
    force : float
        Mean absolute error of a force's component.
    worst : float
        The largest error of an atom's force (its length) but for one in a hundred.
    cosine : float
        Mean cosine between an atom's force and its label, weighted by the label's length.
    energy : float
        Mean absolute error, less the mean error: energies are known less a constant.
    floor : float
        The force error of a student that says 0.
    """

    force: float
    worst: float
    cosine: float
    energy: float
    floor: float


def predicted(potential: Any, positions_nm: Doubles) -> tuple[Doubles, Doubles]:
    """Return energies (n,) and forces (n, n_atoms, 3), many at a time where the potential can."""
    if hasattr(potential, "batch"):
        parts = [potential.batch(positions_nm[k : k + 64]) for k in range(0, len(positions_nm), 64)]
        return np.concatenate([each[0] for each in parts]), np.concatenate([each[1] for each in parts])
    found = [potential.energy_forces(each) for each in positions_nm]
    return np.array([each[0] for each in found]), np.array([each[1] for each in found])


def errors_of(potential: Any, labels: Labels) -> Errors:
    """Return the errors of a potential.

    Raises
    ------
    DataError
        There are no labels.
    """
    if not len(labels):
        raise DataError("there are no labels to compare with: hold out more trajectories")
    energies, forces = predicted(potential, labels.positions_nm)
    wrong = forces - labels.forces
    length, true = np.linalg.norm(forces, axis=-1), np.linalg.norm(labels.forces, axis=-1)
    with np.errstate(invalid="ignore", divide="ignore"):
        cosines = np.where(length > 0, (forces * labels.forces).sum(-1) / (length * true), 0.0)
    shift = energies - labels.energies
    unit = KJ_MOL_NM_PER_KCAL_MOL_ANGSTROM
    return Errors(
        force=float(np.abs(wrong).mean()) / unit,
        worst=float(np.percentile(np.linalg.norm(wrong, axis=-1), 99)) / unit,
        cosine=float((cosines * true).sum() / true.sum()),
        energy=float(np.abs(shift - shift.mean()).mean()) / KJ_PER_KCAL,
        floor=float(np.abs(labels.forces).mean()) / unit,
    )
