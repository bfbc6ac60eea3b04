"""A free particle in a bath: what is known of it exactly, and integrators of its Langevin equation."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt

GAS_CONSTANT = 8.31446261815324e-3
"""In kJ/(mol K); exact since the SI of 2019. A kJ/mol is an amu nm^2/ps^2, so that no other factor is needed."""

Doubles = npt.NDArray[np.float64]
IntegratorName = Literal["baoab", "euler"]


@dataclass(frozen=True)
class Particle:
    """A free particle with m dv = -m gamma v dt + sqrt(2 m gamma kT) dW."""

    mass_amu: float
    temperature_k: float
    friction_per_ps: float

    @property
    def velocity_variance(self) -> float:
        """Of one component, in nm^2/ps^2: kT/m, by equipartition."""
        return GAS_CONSTANT * self.temperature_k / self.mass_amu

    @property
    def diffusion_nm2_per_ps(self) -> float:
        """Einstein's relation, D = kT / (m gamma) (Ann. Phys. 322:549, 1905)."""
        return self.velocity_variance / self.friction_per_ps

    def mean_squared_displacement(self, time_ps: npt.ArrayLike) -> Doubles:
        """Return the exact one in three dimensions, in nm^2: ballistic at first, 6 D t at last.

        Uhlenbeck and Ornstein, Phys. Rev. 36:823, 1930, their equation for the mean square of the displacement.
        """
        scaled = self.friction_per_ps * np.asarray(time_ps, np.float64)
        return 6.0 * self.diffusion_nm2_per_ps / self.friction_per_ps * (scaled + np.expm1(-scaled))


@dataclass(frozen=True)
class Paths:
    """What a simulation leaves: positions in nm, shape (particles, frames, 3), and velocities in nm/ps, alike."""

    positions: Doubles
    velocities: Doubles


def simulate(
    particle: Particle,
    integrator: IntegratorName,
    *,
    n_particles: int,
    n_frames: int,
    frame_interval: int,
    time_step_ps: float,
    rng: np.random.Generator,
) -> Paths:
    """Integrate particles from equilibrium; frame 0 is the start, frames are `frame_interval` steps apart."""
    shape = (n_particles, n_frames, 3)
    positions, velocities = np.zeros(shape), np.empty(shape)
    x = np.zeros((n_particles, 3))
    v = math.sqrt(particle.velocity_variance) * rng.standard_normal((n_particles, 3))
    velocities[:, 0] = v
    step = _STEPS[integrator](particle, time_step_ps)
    for frame in range(1, n_frames):
        for _ in range(frame_interval):
            step(x, v, rng)
        positions[:, frame], velocities[:, frame] = x, v
    return Paths(positions, velocities)


Step = Callable[[Doubles, Doubles, np.random.Generator], None]


def _baoab(particle: Particle, time_step_ps: float) -> Step:
    """Leimkuhler and Matthews, Appl. Math. Res. Express 2013:34; without a force its kicks (B) do nothing."""
    decay = math.exp(-particle.friction_per_ps * time_step_ps)
    noise = math.sqrt((1.0 - decay * decay) * particle.velocity_variance)

    def step(x: Doubles, v: Doubles, rng: np.random.Generator) -> None:
        x += 0.5 * time_step_ps * v
        v *= decay
        v += noise * rng.standard_normal(v.shape)
        x += 0.5 * time_step_ps * v

    return step


def _euler(particle: Particle, time_step_ps: float) -> Step:
    """Euler and Maruyama's: its particles are too hot, by 1 / (1 - gamma dt / 2)."""
    damping = particle.friction_per_ps * time_step_ps
    noise = math.sqrt(2.0 * damping * particle.velocity_variance)

    def step(x: Doubles, v: Doubles, rng: np.random.Generator) -> None:
        x += time_step_ps * v
        v *= 1.0 - damping
        v += noise * rng.standard_normal(v.shape)

    return step


_STEPS: dict[IntegratorName, Callable[[Particle, float], Step]] = {"baoab": _baoab, "euler": _euler}
