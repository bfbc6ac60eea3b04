"""A molecule, labels of a cheap teacher, and a student that is not trained."""

from __future__ import annotations

import numpy as np
import pytest

from levinthal.workloads.potential.dynamics.langevin import Motion
from levinthal.workloads.potential.learning.labels import TrajectoryTask, label, teacher_trajectory
from levinthal.workloads.potential.molecule import Molecule, read_molecule
from levinthal.workloads.potential.students.built_in.moments import Moments
from levinthal.workloads.potential.students.contract import Labels

HOT = Motion(1.0, 500.0, 20.0)


@pytest.fixture(scope="package")
def dipeptide() -> Molecule:
    return read_molecule("", 12, 0)


@pytest.fixture(scope="package")
def mmff_labels(dipeptide) -> Labels:
    """Trajectories of MMFF94."""
    tasks = [TrajectoryTask("mmff", dipeptide, HOT, k, 200, 10, k) for k in range(12)]
    return Labels.joined(*map(teacher_trajectory, tasks))


@pytest.fixture(scope="package")
def student(dipeptide, mmff_labels) -> Moments:
    made = Moments.of(dipeptide, mmff_labels, 0)
    made.begin(mmff_labels)
    return made


@pytest.fixture(scope="package")
def other_labels(dipeptide) -> Labels:
    """Labels of structures near those to begin from."""
    moved = dipeptide.conformers_nm + np.random.default_rng(3).normal(0, 0.004, dipeptide.conformers_nm.shape)
    return label("mmff", dipeptide, moved)
