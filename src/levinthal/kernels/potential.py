"""The compiled loop of Langevin dynamics in the plane; imported only when it runs, because numba is slow to import."""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt

from levinthal.kernels.compiled import compiled

Doubles = npt.NDArray[np.float64]


@compiled()
def langevin(
    terms: Doubles,
    noise: Doubles,
    start: Doubles,
    time_step: float,
    mass: float,
    kept_velocity: float,
    thermal_velocity: float,
    first_kept: int,
    interval: int,
    frames: Doubles,
) -> tuple[float, float, float, float]:
    """Make a BAOAB step for each row of the noise; keep the position after steps first_kept, first_kept + interval, ...

    The potential is the sum of terms A exp(a (x - x0)^2 + b (x - x0)(y - y0) + c (y - y0)^2), one row (A, a, b, c, x0,
    y0) each. `start` is x, y and the two velocities; the same come back.
    """
    x, y, velocity_x, velocity_y = start[0], start[1], start[2], start[3]
    half_kick, half_drift = 0.5 * time_step / mass, 0.5 * time_step
    frame, due = 0, first_kept
    force_x, force_y = 0.0, 0.0
    for step in range(-1, len(noise)):
        if step >= 0:
            velocity_x += half_kick * force_x
            velocity_y += half_kick * force_y
            x += half_drift * velocity_x
            y += half_drift * velocity_y
            velocity_x = kept_velocity * velocity_x + thermal_velocity * noise[step, 0]
            velocity_y = kept_velocity * velocity_y + thermal_velocity * noise[step, 1]
            x += half_drift * velocity_x
            y += half_drift * velocity_y
        force_x, force_y = 0.0, 0.0
        for k in range(terms.shape[0]):
            dx, dy = x - terms[k, 4], y - terms[k, 5]
            height = terms[k, 0] * math.exp(terms[k, 1] * dx * dx + terms[k, 2] * dx * dy + terms[k, 3] * dy * dy)
            force_x -= height * (2.0 * terms[k, 1] * dx + terms[k, 2] * dy)
            force_y -= height * (terms[k, 2] * dx + 2.0 * terms[k, 3] * dy)
        if step >= 0:
            velocity_x += half_kick * force_x
            velocity_y += half_kick * force_y
            if step + 1 == due:
                frames[frame, 0] = x
                frames[frame, 1] = y
                frame += 1
                due += interval
    return x, y, velocity_x, velocity_y
