"""A molecule as the sampling loop sees it: CA atoms are seen, positions and velocities of all atoms are kept."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field, replace
from typing import Self

import numpy as np

from levinthal.arrays import Doubles
from levinthal.errors import UsageError
from levinthal.simulation.dynamics.replica import ReplicaState, advance, start_replica
from levinthal.simulation.systems.molecular_system import MolecularSystem
from levinthal.workloads.sampling.systems.dynamics import DynamicsChunk


@dataclass(frozen=True, eq=False)
class ParticleDynamics:
    """A molecular system, Go models included; a full state is its positions (nm) and then its velocities (nm/ps).

    Attributes
    ----------
    system : MolecularSystem
        What is simulated.
    starts_nm : tuple of ndarray, shape (n_atoms, 3)
        Where walkers begin, taken in turn.
    platform : str
        As for `levinthal.simulation.dynamics.replica.advance`.
    threads : int
        Likewise.
    heat : float
        By how much `heated` raised the system's temperature.
    """

    system: MolecularSystem
    starts_nm: tuple[Doubles, ...]
    platform: str = "auto"
    threads: int = 1
    heat: float = 1.0
    sha256: str = field(init=False)

    def __post_init__(self) -> None:
        if not self.starts_nm:
            raise UsageError(f"{self.system.name} has no start: give at least one")
        digest = hashlib.sha256(f"{self.system.sha256}{self.platform}{self.threads}".encode())
        if self.heat != 1.0:
            digest.update(f" heat {self.heat!r}".encode())
        for start in self.starts_nm:
            digest.update(np.ascontiguousarray(start, "<f8").tobytes())
        object.__setattr__(self, "sha256", digest.hexdigest())

    @property
    def name(self) -> str:
        """The system's name."""
        return self.system.name

    @property
    def frame_shape(self) -> tuple[int, ...]:
        """CA coordinates."""
        return (self.system.n_residues, 3)

    @property
    def state_width(self) -> int:
        """Positions and velocities."""
        return 6 * self.system.n_atoms

    def start(self, number: int, seed: int) -> Doubles:
        """Return a walker's start structure with velocities drawn for the temperature."""
        positions = self.starts_nm[number % len(self.starts_nm)]
        state = start_replica(self.system, positions, seed, platform=self.platform, threads=self.threads)
        return _flat(state.positions_nm, state.velocities_nm_ps * np.sqrt(self.heat))

    def advance(self, state: Doubles, n_steps: int, seed: int, frame_interval: int, first_step: int) -> DynamicsChunk:
        """Simulate; the frames are those of `levinthal.simulation.dynamics.replica.advance`."""
        half = 3 * self.system.n_atoms
        start = ReplicaState(state[:half].reshape(-1, 3), state[half:].reshape(-1, 3), step=first_step)
        end, frames = advance(
            self.system,
            start,
            n_steps,
            seed,
            frame_interval=frame_interval,
            platform=self.platform,
            threads=self.threads,
            temperature_k=self.heat * self.system.temperature_k,
            full_states=True,
        )
        states = np.asarray(frames.states, np.float64).reshape(len(frames), -1)
        return DynamicsChunk(frames.coordinates_nm, states, _flat(end.positions_nm, end.velocities_nm_ps))

    def heated(self, factor: float) -> Self:
        """Return the same at so many times its temperature."""
        return replace(self, heat=factor * self.heat)

    def reduced_energy(self, state: Doubles) -> float:
        """Return the potential energy over kT."""
        positions = state[: 3 * self.system.n_atoms].reshape(-1, 3)
        energy = start_replica(
            self.system, positions, 0, platform=self.platform, threads=self.threads
        ).potential_energy_kj_mol
        assert energy is not None
        return energy / (self.heat * self.system.kt_kj_mol)

    def carried(self, state: Doubles, factor: float) -> Doubles:
        """Return a state that comes from another temperature, its velocities scaled."""
        half = 3 * self.system.n_atoms
        return np.concatenate([state[:half], state[half:] * np.sqrt(self.heat / factor)])


def _flat(positions: Doubles, velocities: Doubles) -> Doubles:
    return np.concatenate([positions.ravel(), velocities.ravel()])
