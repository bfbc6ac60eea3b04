"""Frames of many dimensions for an exact chain: whether a learner finds what is slow in them, while all is known.

Each microstate has a point in a space of slow dimensions, a nonlinear map of its true coordinates; beside them stand
fast dimensions that are drawn for each frame, and all are turned together, so that no column is slow by itself.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field

import numpy as np
from scipy.spatial import cKDTree

from levinthal.arrays import Doubles, Singles
from levinthal.simulation.exact.markov_chain import MarkovChain
from levinthal.workloads.sampling.systems.dynamics import ChainDynamics, DynamicsChunk

_SLOW_DIMENSIONS, _FAST_DIMENSIONS = 12, 8
_WAVES = 0.7
"""Over its whole range a true coordinate bends the slow dimensions by about so many waves."""
_NOISE = 5
"""Key of the draws of fast dimensions among those of a chunk."""


@dataclass(frozen=True, eq=False)
class Lift:
    """A map from the states of a chain to frames.

    Attributes
    ----------
    points : ndarray of float64, shape (n_states, d)
        True coordinates.
    slow : ndarray of float64, shape (n_states, 12)
        What they are mapped to; over all states the widest direction has the standard deviation 1.
    nuisance : float
        Standard deviation of each of the 8 fast dimensions.
    turn : ndarray of float64, shape (20, 20)
        Orthogonal; turns slow and fast dimensions together.
    """

    points: Doubles
    slow: Doubles
    nuisance: float
    turn: Doubles

    def frames(self, states: np.ndarray, rng: np.random.Generator) -> Singles:
        """Return a frame for each state, shape (n_frames, 20)."""
        fast = rng.normal(0.0, self.nuisance, (len(states), _FAST_DIMENSIONS))
        return np.asarray(np.hstack([self.slow[states], fast]) @ self.turn, np.float32)

    def __call__(self, frames: Singles) -> Singles:
        """Return the true coordinates of frames, shape (n_frames, d): of the state nearest in the slow dimensions."""
        slow = (np.asarray(frames, np.float64) @ self.turn.T)[:, :_SLOW_DIMENSIONS]
        return np.asarray(self.points[cKDTree(self.slow).query(slow)[1]], np.float32)


def lift_of(points: Doubles, nuisance: float, seed: int) -> Lift:
    """Draw a lift of the states of a chain.

    Parameters
    ----------
    points : ndarray of float64, shape (n_states, d)
        True coordinates.
    nuisance : float
        Standard deviation of each fast dimension; that of the widest slow direction is 1.
    seed : int
        Of the map and of the turn.

    Examples
    --------
    >>> import numpy as np
    >>> from levinthal.workloads.sampling.systems.lifting import lift_of
    >>> points = np.linspace(0.0, 1.0, 50)[:, None]
    >>> lift = lift_of(points, 3.0, 0)
    >>> frames = lift.frames(np.array([7, 7, 30]), np.random.default_rng(1))
    >>> frames.shape, bool((frames[0] == frames[1]).all()), bool(np.allclose(lift(frames), points[[7, 7, 30]]))
    ((3, 20), False, True)
    """
    rng = np.random.default_rng(seed)
    span = np.ptp(points, axis=0)
    unit = (points - points.min(axis=0)) / np.where(span > 0, span, 1.0)
    waves = rng.normal(0.0, 2 * np.pi * _WAVES / np.sqrt(points.shape[1]), (points.shape[1], _SLOW_DIMENSIONS))
    slow = np.sin(unit @ waves + rng.uniform(0.0, 2 * np.pi, _SLOW_DIMENSIONS))
    slow -= slow.mean(axis=0)
    slow /= np.sqrt(np.linalg.eigvalsh(np.cov(slow, rowvar=False))[-1])
    turn, _ = np.linalg.qr(rng.normal(size=(_SLOW_DIMENSIONS + _FAST_DIMENSIONS,) * 2))
    return Lift(np.asarray(points, np.float64), slow, nuisance, turn)


@dataclass(frozen=True, eq=False)
class LiftedDynamics:
    """An exact chain whose frames are lifted; a full state is the microstate, as without."""

    plain: ChainDynamics
    lift: Lift
    sha256: str = field(init=False)

    def __post_init__(self) -> None:
        digest = hashlib.sha256(f"{self.plain.sha256}{self.lift.nuisance}".encode())
        for part in (self.lift.slow, self.lift.turn):
            digest.update(part.tobytes())
        object.__setattr__(self, "sha256", digest.hexdigest())

    @property
    def chain(self) -> MarkovChain:
        """The chain."""
        return self.plain.chain

    @property
    def name(self) -> str:
        """That of the chain, lifted."""
        return f"lifted {self.plain.name}"

    @property
    def frame_shape(self) -> tuple[int, ...]:
        """Slow and fast dimensions."""
        return (_SLOW_DIMENSIONS + _FAST_DIMENSIONS,)

    @property
    def state_width(self) -> int:
        """One number, the microstate."""
        return self.plain.state_width

    def start(self, number: int, seed: int) -> Doubles:
        """Return the microstate where a walker begins."""
        return self.plain.start(number, seed)

    def advance(self, state: Doubles, n_steps: int, seed: int, frame_interval: int, first_step: int) -> DynamicsChunk:
        """Walk, and lift each frame with fast dimensions of its own."""
        chunk = self.plain.advance(state, n_steps, seed, frame_interval, first_step)
        rng = np.random.default_rng(np.random.SeedSequence(seed, spawn_key=(_NOISE,)))
        frames = self.lift.frames(chunk.states[:, 0].astype(np.int64), rng)
        return DynamicsChunk(frames, chunk.states, chunk.end_state)
