"""Systems as the sampling loop sees them: a full state and a seed go in, frames and full states come out.

A frame is what models and policies look at; a full state is a vector from which the system goes on as if it had never
stopped. Molecules are in `particles`, which needs OpenMM.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Protocol, Self, runtime_checkable

import numpy as np

from levinthal.arrays import Doubles, Singles
from levinthal.errors import UsageError
from levinthal.simulation.exact.markov_chain import ChainState, MarkovChain
from levinthal.simulation.exact.potential import MINIMA, MuellerBrown, PlanarState


@dataclass(frozen=True, eq=False)
class DynamicsChunk:
    """A piece of a trajectory.

    Attributes
    ----------
    frames : ndarray of float32, shape (n_frames, *frame_shape)
        What models and policies see.
    states : ndarray of float64, shape (n_frames, state_width)
        The full state at each frame.
    end_state : ndarray of float64, shape (state_width,)
        That after the last step.
    """

    frames: Singles
    states: Doubles
    end_state: Doubles


class Dynamics(Protocol):
    """A system; it travels to worker processes by pickle, so it is plain data.

    Attributes
    ----------
    name : str
        For reports.
    frame_shape : tuple of int
        (n_residues, 3) for CA coordinates in nm, (2,) in a plane, (n_dimensions,) for a chain.
    state_width : int
        Numbers in a full state.
    sha256 : str
        Of all that decides the dynamics, the frames and the starts.
    """

    @property
    def name(self) -> str:
        """What it is called."""
        ...

    @property
    def frame_shape(self) -> tuple[int, ...]:
        """Of a frame."""
        ...

    @property
    def state_width(self) -> int:
        """Of a full state."""
        ...

    @property
    def sha256(self) -> str:
        """Of what decides the dynamics."""
        ...

    def start(self, number: int, seed: int) -> Doubles:
        """Return the full state where walker `number` begins."""
        ...

    def advance(self, state: Doubles, n_steps: int, seed: int, frame_interval: int, first_step: int) -> DynamicsChunk:
        """Make `n_steps` steps; a frame wherever the step, from `first_step` on, is a multiple of the interval.

        The same arguments give the same bits on the same machine. A `SimulationError` where the system breaks.
        """
        ...


@runtime_checkable
class Tempered(Dynamics, Protocol):
    """A system with a temperature that can be raised, for replica exchange."""

    def heated(self, factor: float) -> Self:
        """Return the same at so many times its temperature."""
        ...

    def reduced_energy(self, state: Doubles) -> float:
        """Return the potential energy of a full state over kT of its own temperature."""
        ...

    def carried(self, state: Doubles, factor: float) -> Doubles:
        """Return a full state that comes from `factor` times the temperature this was made with, its velocities scaled.

        Both factors are over the same temperature: that which `heated` was called on.
        """
        ...


def _checked_starts(starts: Sequence[object], name: str) -> None:
    if not starts:
        raise UsageError(f"{name} has no start: give at least one")


@dataclass(frozen=True, eq=False)
class ChainDynamics:
    """An exact Markov chain.

    Attributes
    ----------
    chain : MarkovChain
        With an embedding: a frame is the embedding of the microstate.
    starts : tuple of int
        Microstates where walkers begin, taken in turn.
    """

    chain: MarkovChain
    starts: tuple[int, ...] = (0,)
    sha256: str = field(init=False)

    def __post_init__(self) -> None:
        _checked_starts(self.starts, self.chain.name)
        for microstate in self.starts:
            self.chain.start(microstate)
        digest = hashlib.sha256(f"{self.chain.sha256}{self.starts}".encode())
        digest.update(self.chain.embedding.tobytes())
        object.__setattr__(self, "sha256", digest.hexdigest())

    @property
    def name(self) -> str:
        """The chain's name."""
        return self.chain.name

    @property
    def frame_shape(self) -> tuple[int, ...]:
        """Dimensions of the embedding."""
        return (self.chain.embedding.shape[1],)

    @property
    def state_width(self) -> int:
        """One number, the microstate."""
        return 1

    def start(self, number: int, seed: int) -> Doubles:
        """Return the microstate where a walker begins; there is nothing to draw."""
        return np.array([self.starts[number % len(self.starts)]], np.float64)

    def advance(self, state: Doubles, n_steps: int, seed: int, frame_interval: int, first_step: int) -> DynamicsChunk:
        """Walk."""
        end, frames = self.chain.advance(
            ChainState(int(state[0]), first_step), n_steps, seed, frame_interval=frame_interval
        )
        return DynamicsChunk(
            self.chain.embedding[frames.microstate].astype(np.float32),
            frames.microstate.astype(np.float64)[:, None],
            np.array([end.microstate], np.float64),
        )


@dataclass(frozen=True, eq=False)
class PlanarDynamics:
    """A particle on the Mueller-Brown surface; a full state is x, y and both velocities.

    Attributes
    ----------
    surface : MuellerBrown
        With its temperature and dynamics.
    starts : tuple of (float, float)
        Where walkers begin, taken in turn.
    heat : float
        By how much `heated` raised the temperature of the surface.
    """

    surface: MuellerBrown = field(default_factory=MuellerBrown)
    starts: tuple[tuple[float, float], ...] = MINIMA[:1]
    heat: float = 1.0
    sha256: str = field(init=False)

    def __post_init__(self) -> None:
        _checked_starts(self.starts, self.surface.name)
        object.__setattr__(self, "sha256", hashlib.sha256(f"{self.surface!r}{self.starts}".encode()).hexdigest())

    @property
    def name(self) -> str:
        """The surface's name."""
        return self.surface.name

    @property
    def frame_shape(self) -> tuple[int, ...]:
        """A place in the plane."""
        return (2,)

    @property
    def state_width(self) -> int:
        """Position and velocity."""
        return 4

    def start(self, number: int, seed: int) -> Doubles:
        """Return a walker's place with a velocity drawn for the temperature."""
        state = self.surface.start(self.starts[number % len(self.starts)], seed)
        return np.array([*state.position, *state.velocity])

    def advance(self, state: Doubles, n_steps: int, seed: int, frame_interval: int, first_step: int) -> DynamicsChunk:
        """Simulate from frame to frame, each part with a seed of its own: so velocities at frames are known."""
        x, y, velocity_x, velocity_y = map(float, state)
        particle = PlanarState((x, y), (velocity_x, velocity_y), first_step)
        ends = list(range((first_step // frame_interval + 1) * frame_interval, first_step + n_steps, frame_interval))
        ends.append(first_step + n_steps)
        states = np.empty((len(ends), 4))
        for k, (end, part) in enumerate(zip(ends, np.random.SeedSequence(seed).generate_state(len(ends)), strict=True)):
            particle, _ = self.surface.advance(particle, end - particle.step, int(part), frame_interval=frame_interval)
            states[k] = (*particle.position, *particle.velocity)
        at_frames = states if ends[-1] % frame_interval == 0 else states[:-1]
        return DynamicsChunk(at_frames[:, :2].astype(np.float32), at_frames, states[-1])

    def heated(self, factor: float) -> Self:
        """Return the same at so many times its temperature."""
        return replace(self, surface=replace(self.surface, kt=factor * self.surface.kt), heat=factor * self.heat)

    def reduced_energy(self, state: Doubles) -> float:
        """Return the energy on the surface over kT."""
        return float(self.surface.energy(state[:2])) / self.surface.kt

    def carried(self, state: Doubles, factor: float) -> Doubles:
        """Return a state that comes from another temperature, its velocity scaled."""
        return np.concatenate([state[:2], state[2:] * np.sqrt(self.heat / factor)])
