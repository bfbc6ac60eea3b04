"""MMFF94 by RDKit (Halgren, J. Comput. Chem. 17:490, 1996): a force field of drug-like molecules, a cheap teacher."""

from __future__ import annotations

import numpy as np

from levinthal.arrays import Doubles
from levinthal.errors import DataError, UsageError
from levinthal.workloads.potential.molecule import Molecule

_KJ_PER_KCAL, _ANGSTROM_PER_NM = 4.184, 10.0


class MMFF:
    """A molecule in MMFF94."""

    def __init__(self, molecule: Molecule, argument: str = "") -> None:
        from rdkit import Chem
        from rdkit.Chem import rdForceFieldHelpers

        if argument:
            raise UsageError(f"teacher mmff:{argument}: mmff takes no argument: write mmff")
        self._molecule = Chem.MolFromMolBlock(molecule.block, removeHs=False)
        properties = rdForceFieldHelpers.MMFFGetMoleculeProperties(self._molecule)
        if properties is None:
            raise DataError(f"MMFF94 has no parameters for {molecule.name}: take another teacher")
        self._field = rdForceFieldHelpers.MMFFGetMoleculeForceField(
            self._molecule, properties, nonBondedThresh=1e6, ignoreInterfragInteractions=False
        )

    def energy_forces(self, positions_nm: Doubles) -> tuple[float, Doubles]:
        """Return energy and forces, see `Potential`."""
        flat = (np.asarray(positions_nm, np.float64) * _ANGSTROM_PER_NM).ravel().tolist()
        energy = self._field.CalcEnergy(flat)  # first: RDKit's gradient takes distances that were kept with the energy
        gradient = np.array(self._field.CalcGrad(flat)).reshape(-1, 3)
        return energy * _KJ_PER_KCAL, -gradient * (_KJ_PER_KCAL * _ANGSTROM_PER_NM)


TEACHER = MMFF
