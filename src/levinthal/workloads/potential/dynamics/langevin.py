"""Langevin dynamics (BAOAB: Leimkuhler and Matthews, Appl. Math. Res. Express 2013:34) on any potential.

Teacher and student are moved by the same steps and the same noise; the whole loop is compiled where the potential is.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from levinthal.arrays import Doubles
from levinthal.workloads.potential.dynamics.compiled import CompiledPotential
from levinthal.workloads.potential.molecule import Molecule
from levinthal.workloads.potential.teachers.contract import Potential

BOLTZMANN_KJ_MOL_K = 0.00831446261815324
_CHUNK_STEPS = 1000


@dataclass(frozen=True)
class Motion:
    """How a molecule is moved; without friction it keeps its energy (velocity Verlet)."""

    timestep_fs: float
    temperature_k: float
    friction_per_ps: float = 1.0

    @property
    def kt(self) -> float:
        """Thermal energy in kJ/mol."""
        return BOLTZMANN_KJ_MOL_K * self.temperature_k


@dataclass(frozen=True, eq=False)
class Course:
    """A piece of a trajectory.

    Attributes
    ----------
    frames : ndarray, shape (n_frames, 2, n_atoms, 3)
        Positions in nm and velocities in nm/ps, every `interval` steps.
    energies : ndarray, shape (n_frames, 2)
        Potential and kinetic, kJ/mol.
    forces : ndarray, shape (n_frames, n_atoms, 3), or None
        kJ/mol/nm; where all of it was compiled they are not kept.
    n_steps : int
        Made before a bond was outside its limits.
    whole : bool
        Whether none was.
    end : ndarray, shape (2, n_atoms, 3)
        The last state.
    """

    frames: Doubles
    energies: Doubles
    forces: Doubles | None
    n_steps: int
    whole: bool
    end: Doubles


def start_state(molecule: Molecule, positions_nm: Doubles, temperature_k: float, seed: int) -> Doubles:
    """Return positions with velocities drawn for a temperature and without drift, shape (2, n_atoms, 3)."""
    masses = molecule.masses_amu[:, None]
    size = np.sqrt(BOLTZMANN_KJ_MOL_K * temperature_k / masses)
    velocities = size * np.random.default_rng(seed).standard_normal(positions_nm.shape)
    return np.stack([positions_nm, velocities - (masses * velocities).sum(axis=0) / masses.sum()])


def simulate(
    potential: Potential, molecule: Molecule, motion: Motion, state: Doubles, n_steps: int, seed: int, interval: int
) -> Course:
    """Move a molecule for some steps, or until a bond is outside its limits.

    Parameters
    ----------
    potential : Potential
    molecule : Molecule
    motion : Motion
    state : ndarray, shape (2, n_atoms, 3)
        Positions and velocities; not changed.
    n_steps, interval : int
        Steps, and steps between frames, of which the former is a multiple.
    seed : int
        Of the noise.

    Raises
    ------
    SimulationError
        The potential has no energy where the molecule went.
    """
    rng, state = np.random.default_rng(seed), np.array(state, np.float64)
    n_frames = n_steps // interval
    frames, energies = np.empty((n_frames, *state.shape)), np.empty((n_frames, 2))
    forces = None if isinstance(potential, CompiledPotential) else np.empty((n_frames, *state.shape[1:]))
    chunk, made = interval * max(1, _CHUNK_STEPS // interval), 0
    while made < n_steps:
        size = min(chunk, n_steps - made)
        noise = np.zeros((size, *state.shape[1:])) if not motion.friction_per_ps else rng.standard_normal(
            (size, *state.shape[1:])
        )  # fmt: skip
        part = slice(made // interval, (made + size) // interval)
        if isinstance(potential, CompiledPotential):
            done = _compiled_steps(potential, molecule, motion, state, noise, (frames[part], energies[part]))
        else:
            assert forces is not None
            done = _steps(potential, molecule, motion, state, noise, (frames[part], energies[part], forces[part]))
        made += done
        if done < size:
            break
    kept = made // interval
    return Course(
        frames[:kept], energies[:kept], None if forces is None else forces[:kept], made, made == n_steps, state
    )


def _constants(molecule: Molecule, motion: Motion) -> tuple[float, float, Doubles]:
    """Return the time step in ps, the share of a velocity that is kept and the size of what is added to it."""
    step_ps = 1e-3 * motion.timestep_fs
    kept = math.exp(-motion.friction_per_ps * step_ps)
    return step_ps, kept, np.sqrt(motion.kt * (1.0 - kept**2) / molecule.masses_amu)


def _compiled_steps(
    potential: CompiledPotential, molecule: Molecule, motion: Motion, state: Doubles, noise: Doubles, into: Any
) -> int:
    from levinthal.kernels.moments import langevin

    step_ps, kept, thermal = _constants(molecule, motion)
    shortest, longest = molecule.bond_limits_nm()
    frames, energies = into
    interval = len(noise) // len(frames)
    made = langevin(
        potential.network, state, 1.0 / molecule.masses_amu, noise, step_ps, kept, thermal, interval, molecule.bonds,
        shortest, longest, frames, energies,
    )  # fmt: skip
    return int(made)


def _steps(potential: Potential, molecule: Molecule, motion: Motion, state: Doubles, noise: Doubles, into: Any) -> int:
    """Make the steps of `kernels.moments.langevin`, in Python."""
    (step_ps, kept, thermal), masses = _constants(molecule, motion), molecule.masses_amu[:, None]
    shortest, longest = molecule.bond_limits_nm()
    frames, energies, kept_forces = into
    interval = len(noise) // len(frames)
    x, v = state
    _, forces = potential.energy_forces(x)
    for step in range(len(noise)):
        v += 0.5 * step_ps / masses * forces
        x += 0.5 * step_ps * v
        v *= kept
        v += thermal[:, None] * noise[step]
        x += 0.5 * step_ps * v
        lengths = molecule.bond_lengths_nm(x)
        if not ((shortest < lengths) & (lengths < longest)).all():
            return step
        energy, forces = potential.energy_forces(x)
        v += 0.5 * step_ps / masses * forces
        if (step + 1) % interval == 0:
            k = (step + 1) // interval - 1
            frames[k], kept_forces[k] = state, forces
            energies[k] = energy, 0.5 * (masses * v * v).sum()
    return len(noise)


def torsions_rad(positions_nm: Doubles, atoms: Any) -> Doubles:
    """Return torsions of four atoms each, shape (..., n_torsions), of positions (..., n_atoms, 3), by IUPAC's sign."""
    a, b, c, d = (positions_nm[..., atoms[:, k], :] for k in range(4))
    axis = c - b
    axis = axis / np.linalg.norm(axis, axis=-1, keepdims=True)
    before = (a - b) - ((a - b) * axis).sum(-1, keepdims=True) * axis
    after = (d - c) - ((d - c) * axis).sum(-1, keepdims=True) * axis
    return np.asarray(np.arctan2((np.cross(axis, before) * after).sum(-1), (before * after).sum(-1)), np.float64)


def parts(n: int, size: int) -> Iterator[slice]:
    """Return slices of at most `size` that cover n."""
    return (slice(begin, min(begin + size, n)) for begin in range(0, n, size))
