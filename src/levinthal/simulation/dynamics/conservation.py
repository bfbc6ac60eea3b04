"""Dynamics without a bath, in which energy is to be conserved; and what a state loses on its way through few digits."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import openmm

from levinthal.arrays import Doubles
from levinthal.errors import SimulationError, UsageError
from levinthal.simulation.dynamics.replica import ReplicaState
from levinthal.simulation.systems.molecular_system import MolecularSystem

_PS_PER_FS = 1e-3
_TOLERANCE = 1e-6
_BF16_BITS = 16


def rounded(values: Doubles, precision: str) -> Doubles:
    """Return numbers after a way through another precision: fp64, fp32, fp16 or bf16 (to nearest, ties to even).

    Raises
    ------
    UsageError
        Another precision.

    Examples
    --------
    >>> import numpy as np
    >>> from levinthal.simulation.dynamics.conservation import rounded
    >>> rounded(np.array([1.0, 1.004, 3.14159265]), "bf16").tolist()
    [1.0, 1.0078125, 3.140625]
    """
    kinds = {"fp64": np.float64, "fp32": np.float32, "fp16": np.float16}
    if precision in kinds:
        return np.asarray(values, np.float64).astype(kinds[precision]).astype(np.float64)
    if precision != "bf16":
        raise UsageError(f"precision {precision!r} is unknown: choose fp64, fp32, fp16 or bf16")
    bits = np.ascontiguousarray(values, np.float32).view(np.uint32)
    half = np.uint32((1 << (_BF16_BITS - 1)) - 1) + ((bits >> np.uint32(_BF16_BITS)) & np.uint32(1))
    kept = (bits + half) & np.uint32(0xFFFF0000)
    return kept.view(np.float32).astype(np.float64)


class Conserved:
    """A system whose energy nothing changes but errors: velocity Verlet, no thermostat, no removal of momentum.

    Parameters
    ----------
    system : MolecularSystem
    platform : str
        Of OpenMM: Reference (double precision), CPU (single), or a GPU's.
    timestep_fs : float
    properties : mapping of str to str
        Of the platform, as `{"Precision": "mixed"}`.

    Attributes
    ----------
    n_dof : int
        Degrees of freedom: three an atom, less the constraints.
    """

    def __init__(
        self,
        system: MolecularSystem,
        platform: str,
        *,
        timestep_fs: float = 1.0,
        properties: Mapping[str, str] | None = None,
    ) -> None:
        made = openmm.XmlSerializer.deserialize(system.system_xml)
        for index in reversed(range(made.getNumForces())):
            if isinstance(made.getForce(index), openmm.CMMotionRemover | openmm.AndersenThermostat):
                made.removeForce(index)
        self.system, self.timestep_fs = system, timestep_fs
        self.n_dof = 3 * made.getNumParticles() - made.getNumConstraints()
        integrator = openmm.VerletIntegrator(timestep_fs * _PS_PER_FS)
        integrator.setConstraintTolerance(_TOLERANCE)
        own = {"Threads": "1"} if platform == "CPU" else {}
        try:
            where = openmm.Platform.getPlatformByName(platform)
            self._context = openmm.Context(made, integrator, where, {**own, **(properties or {})})
        except openmm.OpenMMException as error:
            raise UsageError(f"OpenMM's platform {platform} does not work here ({error}): choose another") from None

    def energies(self, state: ReplicaState, n_frames: int, frame_steps: int, *, precision: str = "fp64") -> Doubles:
        """Return the total energy in kJ/mol of each frame of a run, shape (n_frames,).

        Parameters
        ----------
        state : ReplicaState
            Where it begins.
        n_frames, frame_steps : int
            Frames, and steps to each.
        precision : str
            Through which its positions and velocities go before.

        Raises
        ------
        SimulationError
            It broke.
        """
        self._set(state, precision)
        found = np.empty(n_frames)
        for frame in range(n_frames):
            self._context.getIntegrator().step(frame_steps)
            at = self._context.getState(energy=True)
            found[frame] = (at.getPotentialEnergy() + at.getKineticEnergy())._value
        if not np.isfinite(found).all():
            raise SimulationError(f"{self.system.name} broke without a bath: take a shorter timestep_fs")
        return found

    def jump_kj_mol(self, state: ReplicaState, precision: str) -> float:
        """Return by how much the potential energy changes when positions go through a precision."""
        energies = []
        for way in ("fp64", precision):
            self._set(state, way)
            energies.append(self._context.getState(energy=True).getPotentialEnergy()._value)
        return float(energies[1] - energies[0])

    def _set(self, state: ReplicaState, precision: str) -> None:
        if state.box_nm is not None:
            self._context.setPeriodicBoxVectors(*state.box_nm)
        self._context.setPositions(rounded(state.positions_nm, precision))
        self._context.setVelocities(rounded(state.velocities_nm_ps, precision))
