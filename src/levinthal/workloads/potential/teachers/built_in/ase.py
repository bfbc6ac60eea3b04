"""Any calculator of ASE that is installed: `ase:package.module:Calculator`, made without arguments."""

from __future__ import annotations

from importlib import import_module

import numpy as np

from levinthal.arrays import Doubles
from levinthal.errors import MissingExtraError, SimulationError, UsageError
from levinthal.workloads.potential.molecule import Molecule

_EV_KJ_MOL = 96.48533212331
_ANGSTROM_PER_NM = 10.0


class ASECalculator:
    """A molecule with a calculator of ASE."""

    def __init__(self, molecule: Molecule, argument: str) -> None:
        module, _, name = argument.partition(":")
        if not name:
            raise UsageError(f"teacher ase:{argument}: write ase:MODULE:CLASS, for example ase:tblite.ase:TBLite")
        try:
            from ase import Atoms
        except ImportError:
            raise MissingExtraError("ase", "peers", "the teacher ase") from None
        try:
            calculator = getattr(import_module(module), name)()
        except Exception as error:  # another package's code
            raise UsageError(f"teacher ase:{argument} cannot be made: {error!r}: fix or install it") from None
        self._atoms = Atoms(molecule.symbols, molecule.conformers_nm[0] * _ANGSTROM_PER_NM, calculator=calculator)
        if molecule.charge:
            self._atoms.set_initial_charges([molecule.charge, *[0] * (molecule.n_atoms - 1)])

    def energy_forces(self, positions_nm: Doubles) -> tuple[float, Doubles]:
        """Return energy and forces, see `Potential`."""
        self._atoms.set_positions(positions_nm * _ANGSTROM_PER_NM)
        try:
            energy, forces = self._atoms.get_potential_energy(), np.asarray(self._atoms.get_forces(), np.float64)
        except Exception as error:  # another package's code
            raise SimulationError(f"the calculator of ASE finds no energy: {error!r}") from None
        return float(energy) * _EV_KJ_MOL, forces * (_EV_KJ_MOL * _ANGSTROM_PER_NM)


TEACHER = ASECalculator
