"""What tests of the workload `potential` share."""

from __future__ import annotations

from typing import Any

import numpy as np


def gradient(potential: Any, positions: Any, step: float = 1e-5) -> Any:
    """Return the gradient of a potential's energy by central differences."""
    found = np.empty(positions.shape)
    for index in np.ndindex(*positions.shape):
        moved = [positions.copy() for _ in range(2)]
        moved[0][index] += step
        moved[1][index] -= step
        found[index] = (potential.energy_forces(moved[0])[0] - potential.energy_forces(moved[1])[0]) / (2 * step)
    return found
