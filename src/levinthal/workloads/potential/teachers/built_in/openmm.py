"""Any force field of OpenMM: `openmm:SYSTEM.xml`, a serialised System of the molecule with its atoms in their order."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from levinthal.arrays import Doubles
from levinthal.errors import DataError, UsageError
from levinthal.files.reading import read_limited, refused
from levinthal.workloads.potential.molecule import Molecule

_MOST_BYTES = 50_000_000


class ForceField:
    """A molecule in a force field."""

    def __init__(self, molecule: Molecule, argument: str) -> None:
        import openmm

        if not argument:
            raise UsageError("teacher openmm needs a System: write openmm:SYSTEM.xml")
        path = Path(argument)
        with refused(
            DataError, path, "is not a System of OpenMM", "write it by openmm.XmlSerializer.serialize(system)"
        ):
            text = read_limited(path, _MOST_BYTES, "name a serialised System").decode()
            if "PythonForce" in text:
                raise DataError(f"{path} holds Python code, which is not read: leave the PythonForce out")
            system = openmm.XmlSerializer.deserialize(text)
            if system.getNumParticles() != molecule.n_atoms or system.getNumConstraints():
                raise DataError(
                    f"{path} has {system.getNumParticles()} particles and {system.getNumConstraints()} constraints, "
                    f"{molecule.name} has {molecule.n_atoms} atoms: give a System of it with constraints=None"
                )
            platform = openmm.Platform.getPlatformByName("Reference")
            self._context = openmm.Context(system, openmm.VerletIntegrator(0.001), platform)

    def energy_forces(self, positions_nm: Doubles) -> tuple[float, Doubles]:
        """Return energy and forces, see `Potential`."""
        from openmm import unit

        self._context.setPositions(positions_nm)
        state = self._context.getState(energy=True, forces=True)
        forces = state.getForces(asNumpy=True).value_in_unit(unit.kilojoule_per_mole / unit.nanometer)
        return float(state.getPotentialEnergy().value_in_unit(unit.kilojoule_per_mole)), np.array(forces, np.float64)


TEACHER = ForceField
