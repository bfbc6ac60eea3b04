"""The conformers of a ligand that is docked as a rigid body: ETKDG's, pruned, with the one that it came with first."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from levinthal.workloads.docking.molecules.molecule import Ligand
from levinthal.workloads.docking.preparation.chemistry import parsed
from levinthal.workloads.docking.preparation.libraries import REFUSED, quiet_libraries
from levinthal.workloads.docking.preparation.stereo import lost_stereo, stereo_of

_APART_ANGSTROM = 0.75
_TRIED_FOR_EACH = 3
_EMBEDDING_SECONDS = 4
_SEED = 20_131


def conformers_of(ligand: Ligand, most: int) -> tuple[Ligand, ...]:
    """Return a ligand in several conformers, the one that it has first.

    Parameters
    ----------
    ligand : Ligand
        With its mol block; one without rotatable bonds or mol block stays alone.
    most : int
        Conformers at most. Each is further than 0.75 A RMSD of heavy atoms from the others, symmetries allowed for, and
        has the stereochemistry of the first.

    Returns
    -------
    tuple of Ligand
        The same atoms in the same order, each with a template and a mol block of its own.

    Examples
    --------
    >>> from levinthal.docking import prepare_ligand
    >>> from levinthal.workloads.docking.preparation.conformers import conformers_of
    >>> len(conformers_of(prepare_ligand("Cc1ccc(C)cc1"), 8))
    1
    """
    if most < 2 or ligand.n_torsions == 0 or not ligand.mol_block:
        return (ligand,)
    from rdkit import Chem
    from rdkit.Chem import rdMolAlign

    molecule = parsed(lambda: Chem.MolFromMolBlock(ligand.mol_block, removeHs=False), ligand.name)
    wanted = stereo_of(molecule)
    heavy, kept = Chem.RemoveAllHs(molecule), [molecule]
    bare = [heavy]
    for candidate in _embedded(molecule, _TRIED_FOR_EACH * most):
        if len(kept) == most:
            break
        if lost_stereo(wanted, candidate):
            continue
        light = Chem.RemoveAllHs(candidate)
        apart = min(rdMolAlign.GetBestRMS(Chem.Mol(light), each) for each in bare)
        if apart > _APART_ANGSTROM:
            kept.append(candidate)
            bare.append(light)
    return (ligand, *(_in_conformer(ligand, each) for each in kept[1:]))


def _embedded(molecule: Any, count: int) -> list[Any]:
    """Return molecules with one conformer each; none where RDKit finds none."""
    from rdkit import Chem
    from rdkit.Chem import rdDistGeom

    made = Chem.Mol(molecule)
    parameters: Any = rdDistGeom.ETKDGv3()
    parameters.randomSeed, parameters.timeout, parameters.pruneRmsThresh = _SEED, _EMBEDDING_SECONDS, _APART_ANGSTROM
    with quiet_libraries():
        try:
            found = list(rdDistGeom.EmbedMultipleConfs(made, count, parameters))
        except REFUSED:
            return []
    return [Chem.Mol(made, False, number) for number in found]


def _in_conformer(ligand: Ligand, molecule: Any) -> Ligand:
    from rdkit import Chem

    places = np.asarray(molecule.GetConformer().GetPositions())[ligand.mol_block_atoms]
    centre = places[ligand.heavy_atoms].mean(axis=0)
    block = Chem.MolToMolBlock(molecule, forceV3000=molecule.GetNumAtoms() > 999)
    return replace(ligand, coordinates_angstrom=places - centre, centre_angstrom=centre, mol_block=block, placed=False)
