"""Any potential inside OpenMM, through its PythonForce (OpenMM 8.5 and later)."""

from __future__ import annotations

from typing import Any

from levinthal.errors import UsageError
from levinthal.workloads.potential.dynamics.langevin import Motion
from levinthal.workloads.potential.molecule import Molecule
from levinthal.workloads.potential.teachers.contract import Potential


def python_force(potential: Potential) -> Any:
    """Return a potential as an `openmm.PythonForce`, to be added to a System.

    Raises
    ------
    UsageError
        This OpenMM is too old.
    """
    import openmm
    from openmm import unit

    if not hasattr(openmm, "PythonForce"):
        raise UsageError(f"OpenMM {openmm.__version__} has no PythonForce: pip install 'openmm>=8.5'")

    def compute(state: Any) -> Any:
        return potential.energy_forces(state.getPositions(asNumpy=True).value_in_unit(unit.nanometer))

    return openmm.PythonForce(compute)


def openmm_context(potential: Potential, molecule: Molecule, motion: Motion, seed: int) -> Any:
    """Return an OpenMM Context of the molecule alone: LangevinMiddle, or Verlet where there is no friction."""
    import openmm
    from openmm import unit

    system = openmm.System()
    for mass in molecule.masses_amu:
        system.addParticle(mass)
    system.addForce(python_force(potential))
    step = motion.timestep_fs * unit.femtosecond
    if motion.friction_per_ps:
        integrator = openmm.LangevinMiddleIntegrator(
            motion.temperature_k * unit.kelvin, motion.friction_per_ps / unit.picosecond, step
        )
        integrator.setRandomNumberSeed(seed % (2**31 - 1) + 1)
    else:
        integrator = openmm.VerletIntegrator(step)
    context = openmm.Context(system, integrator, openmm.Platform.getPlatformByName("Reference"))
    context.setPositions(molecule.conformers_nm[0])
    return context
