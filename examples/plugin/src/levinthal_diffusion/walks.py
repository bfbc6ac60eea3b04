"""The data set: walks drawn from the exact solution of the Langevin equation, without any integrator.

They say whether the measuring is right: what is found in them is known beforehand. The package makes them, always from
the same seed, so the result calls them synthetic.
"""

from __future__ import annotations

import hashlib
import math

import numpy as np

from levinthal_diffusion.langevin import Doubles, Particle

NAME, VERSION = "exact Langevin walks", "1"
_SEED, _PARTICLES = 20_200_101, 1024


def exact_walks(particle: Particle, n_frames: int, interval_ps: float) -> Doubles:
    """Return positions in nm, shape (1024, n_frames, 3).

    Velocity and displacement over an interval are jointly Gaussian (Chandrasekhar, Rev. Mod. Phys. 15:1, 1943, chapter
    II).
    """
    rng = np.random.default_rng(_SEED)
    gamma, variance = particle.friction_per_ps, particle.velocity_variance
    scaled = gamma * interval_ps
    decay = math.exp(-scaled)
    velocity = math.sqrt(variance * (1.0 - decay * decay))
    shared = variance * (1.0 - decay) ** 2 / gamma / velocity
    own = math.sqrt(variance / gamma**2 * (2.0 * scaled - 3.0 + 4.0 * decay - decay * decay) - shared**2)
    positions = np.zeros((_PARTICLES, n_frames, 3))
    v = math.sqrt(variance) * rng.standard_normal((_PARTICLES, 3))
    for frame in range(1, n_frames):
        first, second = rng.standard_normal((2, _PARTICLES, 3))
        positions[:, frame] = positions[:, frame - 1] + v * (1.0 - decay) / gamma + shared * first + own * second
        v = decay * v + velocity * first
    return positions


def checksum_of(walks: Doubles) -> str:
    """Return the SHA-256 of walks, for the record."""
    return hashlib.sha256(np.ascontiguousarray(walks, "<f8").tobytes()).hexdigest()
