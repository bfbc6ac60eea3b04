"""Extended tight binding by tblite: GFN2-xTB (Bannwarth, Ehlert and Grimme, J. Chem. Theory Comput. 15:1652, 2019)."""

from __future__ import annotations

from typing import Any

import numpy as np

from levinthal.arrays import Doubles
from levinthal.errors import MissingExtraError, SimulationError, UsageError
from levinthal.workloads.potential.molecule import Molecule

# CODATA 2018, as tblite and OpenMM have them
BOHR_NM = 0.0529177210903
HARTREE_KJ_MOL = 2625.4996394799
_METHODS = {"": "GFN2-xTB", "gfn2": "GFN2-xTB", "gfn1": "GFN1-xTB"}


class XTB:
    """A molecule in GFN2-xTB, or GFN1-xTB as `xtb:gfn1`.

    Each call goes on from the density of the one before, as molecular dynamics does it: it is converged to the same
    accuracy and takes fewer iterations.
    """

    def __init__(self, molecule: Molecule, argument: str = "") -> None:
        if argument not in _METHODS:
            raise UsageError(f"teacher xtb:{argument} is unknown: choose xtb, xtb:gfn2 or xtb:gfn1")
        try:
            from tblite.interface import Calculator
        except ImportError:
            raise MissingExtraError("tblite", "potential", "the teacher xtb") from None
        start = molecule.conformers_nm[0] / BOHR_NM
        self._calculator = Calculator(_METHODS[argument], molecule.numbers, start, float(molecule.charge))
        self._calculator.set("verbosity", 0)
        self._before: Any = None

    def energy_forces(self, positions_nm: Doubles) -> tuple[float, Doubles]:
        """Return energy and forces, see `Potential`."""
        try:
            self._calculator.update(positions=np.ascontiguousarray(positions_nm, np.float64) / BOHR_NM)
            found = self._calculator.singlepoint(self._before)
            energy, gradient = float(found.get("energy")), np.asarray(found.get("gradient"))
        except RuntimeError as error:
            self._before = None
            raise SimulationError(f"tblite finds no energy ({error}): the structure is far from any molecule") from None
        if not (np.isfinite(energy) and np.isfinite(gradient).all()):
            self._before = None
            raise SimulationError("tblite finds no energy: the structure is far from any molecule")
        self._before = found
        return energy * HARTREE_KJ_MOL, -gradient * (HARTREE_KJ_MOL / BOHR_NM)


TEACHER = XTB
