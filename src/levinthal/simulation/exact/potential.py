"""A particle on the Mueller-Brown surface: Langevin dynamics in the plane, the stationary distribution known."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

from levinthal.arrays import Doubles
from levinthal.errors import DataError, SimulationError, UsageError
from levinthal.kernels.choice import chosen
from levinthal.simulation.dynamics.frames import check_chunk, frame_blocks, frame_steps

Points: TypeAlias = npt.NDArray[np.floating[Any]]

# K. Mueller and L. D. Brown, Theor. Chim. Acta 53:75, 1979: A, a, b, c, x0, y0 of each term.
_TERMS = np.array(
    [
        [-200.0, -1.0, 0.0, -10.0, 1.0, 0.0],
        [-100.0, -1.0, 0.0, -10.0, 0.0, 0.5],
        [-170.0, -6.5, 11.0, -6.5, -0.5, 1.5],
        [15.0, 0.7, 0.6, 0.7, -1.0, 1.0],
    ]
)

MINIMA = ((-0.558, 1.442), (0.623, 0.028), (-0.050, 0.467))
"""The three minima, deepest first: energies -146.70, -108.17 and -80.77 (Mueller and Brown 1979)."""

_STEPS_A_BLOCK = 1 << 18


@dataclass(frozen=True)
class PlanarState:
    """Everything of a particle that decides how it goes on; lengths and times in the surface's own units.

    Attributes
    ----------
    position, velocity : tuple of float
        x and y.
    step : int
        Steps made so far.
    lineage : tuple of int
        The seeds that led here.
    """

    position: tuple[float, float]
    velocity: tuple[float, float] = (0.0, 0.0)
    step: int = 0
    lineage: tuple[int, ...] = ()


@dataclass(frozen=True, eq=False)
class PlanarFrames:
    """What is kept of a trajectory.

    Attributes
    ----------
    position : ndarray of float64, shape (n_frames, 2)
        x and y.
    step : ndarray of int64, shape (n_frames,)
        The particle's step at each frame.
    """

    position: Doubles
    step: npt.NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.step)


@dataclass(frozen=True)
class MuellerBrown:
    """The surface, its temperature and how the particle moves; everything in reduced units.

    Steps are BAOAB (Leimkuhler and Matthews, J. Chem. Phys. 138:174102, 2013). With infinite friction that is their
    method for overdamped dynamics, with the diffusive time time_step^2 / (2 mass) a step. Its stationary distribution
    differs from exp(-V/kT) in the second order of that time.

    Attributes
    ----------
    kt : float
        Temperature times Boltzmann's constant, in units of the energy: the barrier out of the deepest minimum is 106,
        that between the two others about 9 above the shallow one.
    friction : float
        Per unit of time; infinite for overdamped dynamics.
    mass : float
        Of the particle.
    time_step : float
        At the defaults the mean energy within the deepest basin is that of quadrature (-123.74) to 0.1; at 0.03 it is
        0.3 above, at 0.04 it is wrong.

    Examples
    --------
    >>> from levinthal.simulation import MuellerBrown
    >>> surface = MuellerBrown()
    >>> state, frames = surface.advance(surface.start([-0.558, 1.442], seed=0), 10, seed=1)
    >>> frames.position.shape
    (10, 2)
    """

    kt: float = 20.0
    friction: float = math.inf
    mass: float = 1.0
    time_step: float = 0.02

    def __post_init__(self) -> None:
        if not (0.0 < self.kt < math.inf and 0.0 < self.mass < math.inf and 0.0 < self.time_step < math.inf):
            raise UsageError(
                f"kt {self.kt}, mass {self.mass}, time_step {self.time_step}: all must be positive and finite"
            )
        if not self.friction > 0.0:
            raise UsageError(f"friction is {self.friction}: it must be positive; infinite for overdamped dynamics")

    @property
    def name(self) -> str:
        """For reports."""
        return f"Mueller-Brown, kT {self.kt:g}"

    def energy(self, points: Points) -> Doubles:
        """Return the potential energy.

        Parameters
        ----------
        points : ndarray, shape (..., 2)
            x and y.

        Returns
        -------
        ndarray of float64, shape (...)
        """
        return _energy(np.asarray(points, np.float64))

    def start(self, position: tuple[float, float], seed: int) -> PlanarState:
        """Return a particle at step 0, its velocity drawn for the temperature."""
        speed = math.sqrt(self.kt / self.mass)
        velocity = np.random.default_rng(seed).standard_normal(2) * speed
        return PlanarState(
            (float(position[0]), float(position[1])), (float(velocity[0]), float(velocity[1])), lineage=(seed,)
        )

    def advance(
        self, state: PlanarState, n_steps: int, seed: int, *, frame_interval: int = 1
    ) -> tuple[PlanarState, PlanarFrames]:
        """Simulate some steps; the same arguments give the same frames.

        Parameters
        ----------
        state, n_steps, seed, frame_interval
            As for `MarkovChain.advance`; the seed is of the noise.

        Returns
        -------
        state, frames
            As of `MarkovChain.advance`.

        Raises
        ------
        SimulationError
            The particle left the range of numbers: the time step is too long.
        UsageError
            Numbers that make no sense.
        """
        check_chunk(n_steps, frame_interval, seed)
        from levinthal.kernels import potential as loops

        langevin = chosen(loops.langevin)
        rng = np.random.default_rng(seed)
        kept_velocity = math.exp(-self.friction * self.time_step)
        thermal_velocity = math.sqrt(self.kt / self.mass * (1.0 - kept_velocity**2))
        steps = frame_steps(state.step, n_steps, frame_interval)
        positions = np.empty((len(steps), 2))
        phase_space = (*state.position, *state.velocity)
        for begin, end, block in frame_blocks(state.step, n_steps, frame_interval, _STEPS_A_BLOCK):
            phase_space = langevin(
                _TERMS,
                rng.standard_normal((end - begin, 2)),
                np.array(phase_space),
                self.time_step,
                self.mass,
                kept_velocity,
                thermal_velocity,
                frame_interval - begin % frame_interval,
                frame_interval,
                positions[block],
            )
            if not np.isfinite(phase_space).all():
                raise SimulationError(
                    f"simulation of {self.name} broke before step {end}: the position is not a number; "
                    f"take a time step below {self.time_step:g}"
                )
        x, y, velocity_x, velocity_y = map(float, phase_space)
        lineage = (*state.lineage, seed)
        finished = PlanarState((x, y), (velocity_x, velocity_y), state.step + n_steps, lineage)
        return finished, PlanarFrames(positions, steps)

    def cell_probabilities(self, x_edges: Points, y_edges: Points) -> Doubles:
        """Return the stationary probability of each cell of a grid, by Gauss-Legendre quadrature with 6 x 6 points.

        Parameters
        ----------
        x_edges, y_edges : ndarray, shapes (n_x + 1,) and (n_y + 1,)
            Limits of the cells, ascending. What lies outside the grid is left out: take it wide enough.

        Returns
        -------
        ndarray of float64, shape (n_x * n_y,)
            Sums to 1; cell (i, j) is number i * n_y + j, as in `grid_cells`.
        """
        x_edges, y_edges = _checked_edges(x_edges), _checked_edges(y_edges)
        nodes, weights = np.polynomial.legendre.leggauss(6)

        def points(edges: Doubles) -> tuple[Doubles, Doubles]:
            half, middle = np.diff(edges)[:, None] / 2.0, (edges[1:] + edges[:-1])[:, None] / 2.0
            return middle + half * nodes, half * weights

        (x, weight_x), (y, weight_y) = points(x_edges), points(y_edges)
        grid = np.stack(np.broadcast_arrays(x[:, :, None, None], y[None, None, :, :]), axis=-1)
        energy = _energy(grid)
        boltzmann = np.exp((energy.min() - energy) / self.kt)
        cells = np.einsum("apbq,ap,bq->ab", boltzmann, weight_x, weight_y)
        return np.asarray((cells / cells.sum()).ravel(), np.float64)


def _energy(points: Doubles) -> Doubles:
    total = np.zeros(points.shape[:-1])
    for height, a, b, c, x0, y0 in _TERMS:
        dx, dy = points[..., 0] - x0, points[..., 1] - y0
        total += height * np.exp(a * dx**2 + b * dx * dy + c * dy**2)
    return total


def _checked_edges(edges: Points) -> Doubles:
    array = np.asarray(edges, np.float64)
    if array.ndim != 1 or len(array) < 2 or not (np.diff(array) > 0.0).all():
        raise DataError("the edges of a grid must be at least two ascending numbers")
    return array


def grid_cells(points: Points, x_edges: Points, y_edges: Points) -> npt.NDArray[np.int64]:
    """Return the number of the cell that each point lies in, -1 outside the grid.

    Parameters
    ----------
    points : ndarray, shape (n_points, 2)
        x and y.
    x_edges, y_edges : ndarray, shapes (n_x + 1,) and (n_y + 1,)
        Limits of the cells, ascending.

    Returns
    -------
    ndarray of int64, shape (n_points,)
        Cell (i, j) is number i * n_y + j.
    """
    x_edges, y_edges = _checked_edges(x_edges), _checked_edges(y_edges)
    xy = np.asarray(points, np.float64)
    i = np.searchsorted(x_edges, xy[:, 0], side="right") - 1
    j = np.searchsorted(y_edges, xy[:, 1], side="right") - 1
    n_x, n_y = len(x_edges) - 1, len(y_edges) - 1
    inside = (i >= 0) & (i < n_x) & (j >= 0) & (j < n_y)
    return np.where(inside, i * n_y + j, -1).astype(np.int64)
