"""Three dimensions for a molecule that has none: ETKDGv3, then MMFF94, with the stereochemistry of the source kept."""

from __future__ import annotations

from typing import Any

from levinthal.errors import DataError
from levinthal.workloads.docking.preparation.libraries import REFUSED, quiet_libraries
from levinthal.workloads.docking.preparation.stereo import Stereo, lost_stereo, stereo_of

_MOST_HEAVY_ATOMS = 100
_SEED = 20_131
_TRIES = 6
_EMBEDDING_SECONDS = 4
_MINIMISING_STEPS = 500
_CIS_DEGREES, _TRANS_DEGREES = (-15.0, 15.0), (165.0, 195.0)
_TORSION_CONSTANT = 100.0


def embedded(molecule: Any, name: str) -> Any:
    """Give a molecule with all hydrogens a 3-D structure.

    MMFF94 turns strained double bonds (a cis azo group) round; then it is repeated with their dihedrals held, and after
    that from other seeds, for which double bonds are marked beforehand.

    Raises
    ------
    DataError
        It is too large, RDKit finds no structure, or none that keeps what the source specifies.
    """
    if molecule.GetNumHeavyAtoms() > _MOST_HEAVY_ATOMS:
        raise DataError(
            f"{name[:80]} has {molecule.GetNumHeavyAtoms()} heavy atoms, more than {_MOST_HEAVY_ATOMS}: "
            "give a file with its 3-D structure"
        )
    from rdkit import Chem

    wanted = stereo_of(molecule)
    marked = Chem.Mol(molecule)
    Chem.AssignStereochemistry(marked, cleanIt=True, force=True)
    lost: list[str] = []
    for attempt in range(_TRIES):
        raw = _etkdg(marked if attempt else molecule, _SEED + attempt)
        if raw is None and attempt == 1:
            break  # it takes seconds to fail
        if raw is None or (lost := lost_stereo(wanted, raw)):
            continue
        for held in (None, wanted):
            relaxed = _relaxed(raw, held)
            if not (lost := lost_stereo(wanted, relaxed)):
                return relaxed
    if lost:
        raise DataError(
            f"{name[:80]}: RDKit finds no 3-D structure with the stereochemistry of the source ({lost[0]}): give a "
            "file with its 3-D structure"
        )
    raise DataError(f"{name[:80]}: RDKit finds no 3-D structure: give a file that has one")


def _etkdg(molecule: Any, seed: int) -> Any | None:
    from rdkit import Chem
    from rdkit.Chem import rdDistGeom

    made = Chem.Mol(molecule)
    parameters: Any = rdDistGeom.ETKDGv3()
    parameters.randomSeed = seed
    parameters.timeout = _EMBEDDING_SECONDS
    with quiet_libraries():
        try:
            found = rdDistGeom.EmbedMolecule(made, parameters)
            if found != 0:
                parameters.useRandomCoords = True
                found = rdDistGeom.EmbedMolecule(made, parameters)
        except REFUSED:
            return None
    return made if found == 0 else None


def _relaxed(molecule: Any, held: Stereo | None) -> Any:
    """Return a copy after MMFF94, the double bonds of `held` kept near their planes; as it is where types lack."""
    from rdkit import Chem
    from rdkit.Chem import rdForceFieldHelpers

    made = Chem.Mol(molecule)
    with quiet_libraries():
        try:
            if not rdForceFieldHelpers.MMFFHasAllMoleculeParams(made):
                return made
            if held is None:
                rdForceFieldHelpers.MMFFOptimizeMolecule(made, maxIters=_MINIMISING_STEPS)
                return made
            field: Any = rdForceFieldHelpers.MMFFGetMoleculeForceField(
                made, rdForceFieldHelpers.MMFFGetMoleculeProperties(made)
            )
            for row, cis in held.double_bonds.items():
                low, high = _CIS_DEGREES if cis else _TRANS_DEGREES
                field.MMFFAddTorsionConstraint(*row, False, low, high, _TORSION_CONSTANT)
            field.Minimize(maxIts=_MINIMISING_STEPS)
        except REFUSED:
            return Chem.Mol(molecule)
    return made
