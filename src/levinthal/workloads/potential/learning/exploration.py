"""A committee of students that drives dynamics, as the sampling loop sees it: a frame is how much they disagree."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

import numpy as np

from levinthal.arrays import Doubles
from levinthal.workloads.potential.dynamics.compiled import CompiledPotential, potential_of
from levinthal.workloads.potential.dynamics.langevin import Motion, simulate, start_state
from levinthal.workloads.potential.learning.training import make_student
from levinthal.workloads.potential.molecule import Molecule
from levinthal.workloads.potential.students.contract import STUDENTS, Labels
from levinthal.workloads.sampling.systems.dynamics import DynamicsChunk


@dataclass(frozen=True, eq=False)
class Committee:
    """Students that learned the same labels from different weights.

    Attributes
    ----------
    student : str
    molecule : Molecule
    made_from : Labels
        As for `TrainingTask`.
    members : tuple of mapping of str to Tensor
        Their weights.
    """

    student: str
    molecule: Molecule
    made_from: Labels
    members: tuple[Any, ...]
    sha256: str = field(init=False)

    def __post_init__(self) -> None:
        digest = hashlib.sha256(f"{self.student}{self.molecule.sha256}".encode())
        for weights in self.members:
            for name in sorted(weights):
                digest.update(name.encode() + np.ascontiguousarray(weights[name].numpy()).tobytes())
        object.__setattr__(self, "sha256", digest.hexdigest())

    def module(self, member: int) -> Any:
        """Return a member as a torch module."""
        return make_student(self.student, self.molecule, self.made_from, self.members[member], 0)

    def potentials(self, precision: str = "fp32") -> list[Any]:
        """Return all members as potentials; made once in each process."""
        return _potentials(self, precision)

    def __hash__(self) -> int:
        return hash(self.sha256)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Committee) and other.sha256 == self.sha256

    def disagreement(self, positions_nm: Doubles) -> Doubles:
        """Return the largest standard deviation of an atom's force over the members, shape (n,), kJ/mol/nm."""
        forces = np.array([[each.energy_forces(x)[1] for x in positions_nm] for each in self.potentials()])
        spread = np.sqrt(forces.var(axis=0).sum(axis=-1))
        return np.asarray(spread.max(axis=-1, initial=0.0), np.float64)


@lru_cache(maxsize=4)
def _potentials(committee: Committee, precision: str) -> list[Any]:
    return [potential_of(committee.module(k), precision) for k in range(len(committee.members))]


@dataclass(frozen=True, eq=False)
class CommitteeDynamics:
    """Dynamics in which each chunk is driven by one member; see `workloads.sampling.systems.dynamics.Dynamics`.

    A molecule that falls apart stays as it last was: its frames are then repeated.
    """

    committee: Committee
    motion: Motion

    @property
    def name(self) -> str:
        """The molecule's name."""
        return self.committee.molecule.name

    @property
    def frame_shape(self) -> tuple[int, ...]:
        """One number, the disagreement."""
        return (1,)

    @property
    def state_width(self) -> int:
        """Positions and velocities."""
        return 6 * self.committee.molecule.n_atoms

    @property
    def sha256(self) -> str:
        """Of the members and the motion."""
        return hashlib.sha256(f"{self.committee.sha256}{self.motion}".encode()).hexdigest()

    def start(self, number: int, seed: int) -> Doubles:
        """Return one of the molecule's structures with velocities."""
        molecule = self.committee.molecule
        positions = molecule.conformers_nm[number % len(molecule.conformers_nm)]
        return start_state(molecule, positions, self.motion.temperature_k, seed).ravel()

    def advance(self, state: Doubles, n_steps: int, seed: int, frame_interval: int, first_step: int) -> DynamicsChunk:
        """Simulate on the member that the seed chooses."""
        del first_step  # a multiple of the interval, as chunks are
        members = self.committee.potentials()
        start = state.reshape(2, -1, 3)
        course = simulate(
            members[seed % len(members)], self.committee.molecule, self.motion, start, n_steps, seed, frame_interval
        )
        states = np.empty((n_steps // frame_interval, *start.shape))
        states[:] = course.frames[-1] if len(course.frames) else start
        states[: len(course.frames)] = course.frames
        frames = self.committee.disagreement(states[:, 0])[:, None].astype(np.float32)
        return DynamicsChunk(np.nan_to_num(frames), states.reshape(len(states), -1), states[-1].ravel())


def any_student(student: str, molecule: Molecule) -> Any:
    """Return a student of a kind before there is any label: whether its package is there, and knows the molecule."""
    x = molecule.conformers_nm
    labels = Labels(x, np.zeros(len(x)), np.ones(x.shape), np.arange(len(x)))
    return STUDENTS.load(student).of(molecule, labels, 0)


def compile_loops(student: str, molecule: Molecule) -> None:
    """Have the loops of a student compiled and kept on disk, where other processes find them."""
    x, potential = molecule.conformers_nm, potential_of(any_student(student, molecule))
    if isinstance(potential, CompiledPotential):
        simulate(potential, molecule, Motion(0.01, 1.0), start_state(molecule, x[0], 1.0, 0), 2, 0, 1)
