"""A student as compiled loops compute it."""

from __future__ import annotations

from typing import Any

import numpy as np

from levinthal.arrays import Doubles
from levinthal.kernels.choice import kernels_allowed
from levinthal.workloads.potential.students.contract import TorchPotential

_FLOATS: dict[str, Any] = {"fp64": np.float64, "fp32": np.float32}


class CompiledPotential:
    """A student that has a `network`, see `students.contract.Student`.

    Parameters
    ----------
    module : Student
    precision : {"fp64", "fp32"}
        Of all but positions, velocities and forces, which are float64.
    """

    def __init__(self, module: Any, precision: str = "fp32") -> None:
        self.precision, self.floats = precision, _FLOATS[precision]
        self.network = module.network(self.floats)

    def energy_forces(self, positions_nm: Doubles) -> tuple[float, Doubles]:
        """Return energy and forces of one structure, see `Potential`."""
        from levinthal.kernels.moments import energy_and_forces

        forces = np.empty(positions_nm.shape)
        return energy_and_forces(self.network, np.ascontiguousarray(positions_nm, np.float64), forces), forces


def is_compiled(module: Any, precision: str, device: str = "cpu") -> bool:
    """Return whether a student is computed by compiled loops."""
    return hasattr(module, "network") and precision in _FLOATS and device == "cpu" and kernels_allowed()


def potential_of(module: Any, precision: str = "fp32", device: str = "cpu") -> CompiledPotential | TorchPotential:
    """Return what a student's energies and forces come from fastest."""
    if is_compiled(module, precision, device):
        return CompiledPotential(module, precision)
    return TorchPotential(module, precision, device)
