"""Labels: what a teacher says of structures, made by any worker, and kept in files."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch

from levinthal.arrays import Doubles
from levinthal.errors import SimulationError
from levinthal.workloads.potential.dynamics.langevin import Motion, simulate, start_state
from levinthal.workloads.potential.molecule import Molecule
from levinthal.workloads.potential.students.contract import Labels
from levinthal.workloads.potential.teachers.contract import make_teacher
from levinthal.workloads.training.tensor_file import read_tensors, write_tensors

_FORM = "levinthal.potential.labels/1"


@dataclass(frozen=True, eq=False)
class TrajectoryTask:
    """Dynamics on a teacher; every frame comes with its label."""

    teacher: str
    molecule: Molecule
    motion: Motion
    start: int
    n_steps: int
    interval: int
    seed: int


def teacher_trajectory(task: TrajectoryTask) -> Labels:
    """Simulate on a teacher from one of the molecule's structures, in whatever process this is."""
    teacher, molecule = make_teacher(task.teacher, task.molecule), task.molecule
    state = start_state(
        molecule, molecule.conformers_nm[task.start % len(molecule.conformers_nm)], task.motion.temperature_k, task.seed
    )
    course = simulate(teacher, molecule, task.motion, state, task.n_steps, task.seed, task.interval)
    assert course.forces is not None
    group = np.zeros(len(course.frames), np.int64)
    return Labels(course.frames[:, 0], course.energies[:, 0], course.forces, group)


def label(teacher: str, molecule: Molecule, positions_nm: Doubles) -> Labels:
    """Return labels of structures; those of which a teacher finds no energy are left out."""
    made = make_teacher(teacher, molecule)
    energies, forces, kept = [], [], []
    for k, each in enumerate(positions_nm):
        try:
            energy, force = made.energy_forces(each)
        except SimulationError:
            continue
        energies.append(energy)
        forces.append(force)
        kept.append(k)
    shape = (-1, molecule.n_atoms, 3)
    found = np.asarray(forces, np.float64).reshape(shape)
    return Labels(positions_nm[kept].reshape(shape), np.array(energies, np.float64), found, np.zeros(len(kept), int))


def write_labels(path: Path, labels: Labels) -> None:
    """Write labels to a safetensors file, whole or not at all."""
    write_tensors(path, {name: torch.as_tensor(value) for name, value in labels._asdict().items()}, _FORM, {})


def read_labels(path: Path) -> Labels:
    """Read what `write_labels` wrote; a `DataError` where it cannot be."""
    tensors, _ = read_tensors(path, _FORM)
    return Labels(**{name: tensor.numpy() for name, tensor in tensors.items()})
