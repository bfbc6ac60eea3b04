"""The complexes at the top of the list, minimised by the Merck molecular force field (MMFF94s).

The open force field's parameters for small molecules are not in a package index; MMFF94s, as RDKit has it, knows most
drug-like molecules and all amino acids (Halgren, J. Comput. Chem. 20:720, 1999). The ligand and the hydrogens of the
pocket move, the heavy atoms of the pocket stand still. What comes out is the energy of the complex less those of pocket
and ligand alone, in vacuum: a second opinion on a pose, no binding energy.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from levinthal.arrays import Doubles
from levinthal.errors import DataError
from levinthal.files.reading import refused
from levinthal.files.writing import write_whole
from levinthal.workloads.docking.molecules.molecule import Ligand, Receptor
from levinthal.workloads.docking.molecules.pose_files import pose_record, receptor_pdb
from levinthal.workloads.docking.preparation.libraries import REFUSED, quiet_libraries

_AROUND_ANGSTROM = 5.0
_MOST_STEPS = 100
_NONBONDED_ANGSTROM = 8.0


@dataclass(frozen=True)
class Refined:
    """A minimised complex.

    Attributes
    ----------
    interaction_kcal_mol : float or None
        Energy of the complex less that of pocket and ligand, each minimised alone; None where there are no parameters.
    moved_angstrom : float or None
        RMSD of the ligand's heavy atoms to the docked pose.
    reason : str
        Why there is nothing, empty where there is something.
    record : str
        The minimised ligand as an SDF record without its end; empty where there is none.
    """

    interaction_kcal_mol: float | None
    moved_angstrom: float | None
    reason: str = ""
    record: str = ""


@dataclass(frozen=True, eq=False)
class RefinementTask:
    """A pose in a conformation of the receptor, and where the answer is kept."""

    receptor: Receptor
    ligand: Ligand
    coordinates_angstrom: Doubles
    path: Path


def refine_kept(task: RefinementTask) -> Path:
    """Minimise a complex in a worker, unless that is done; return the file of the answer."""
    if not task.path.exists():
        task.path.parent.mkdir(parents=True, exist_ok=True)
        write_whole(task.path, json.dumps(asdict(refine(task))))
    return task.path


def read_refined(path: Path) -> Refined:
    """Read what `refine_kept` left.

    Raises
    ------
    DataError
        The file is damaged.
    """
    with refused(DataError, path, "is damaged", "delete it and resume"):
        return Refined(**json.loads(path.read_text()))


def refine(task: RefinementTask) -> Refined:
    """Minimise a complex.

    Returns
    -------
    Refined
        With a reason instead of figures where the force field has no parameters for the ligand or the pocket.
    """
    if not task.ligand.has_bond_orders:
        return Refined(None, None, "the ligand has no bond orders: give it as SDF or SMILES")
    with quiet_libraries():
        try:
            return _refined(task)
        except REFUSED as error:
            return Refined(None, None, f"RDKit refuses the complex: {str(error).splitlines()[0][:120]}")


def _refined(task: RefinementTask) -> Refined:
    from rdkit import Chem

    block = pose_record(task.ligand, task.coordinates_angstrom, task.ligand.name, {}).split("$$$$")[0]
    ligand: Any = Chem.AddHs(Chem.MolFromMolBlock(block, removeHs=False), addCoords=True)
    pocket: Any = Chem.MolFromPDBBlock(_pocket_pdb(task), removeHs=True)
    if pocket is None or not pocket.GetNumAtoms():
        return Refined(None, None, "the pocket around the pose is none that RDKit reads")
    pocket = Chem.AddHs(pocket, addCoords=True)
    heavy = [atom.GetIdx() for atom in pocket.GetAtoms() if atom.GetAtomicNum() > 1]
    both = Chem.CombineMols(pocket, ligand)
    Chem.SanitizeMol(both)
    energies = []
    for molecule, fixed in ((both, heavy), (pocket, heavy), (Chem.Mol(ligand), [])):
        energy = _minimised(molecule, fixed)
        if energy is None:
            what = "the ligand" if molecule is not pocket else "the pocket"
            return Refined(None, None, f"MMFF94s has no parameters for an atom of {what}")
        energies.append(energy)
    first = pocket.GetNumAtoms()
    places = np.asarray(both.GetConformer().GetPositions())[first:]
    before = np.asarray(ligand.GetConformer().GetPositions())
    seen = [atom.GetIdx() for atom in ligand.GetAtoms() if atom.GetAtomicNum() > 1]
    moved = float(np.sqrt(((places[seen] - before[seen]) ** 2).sum(axis=1).mean()))
    ligand.GetConformer().SetPositions(np.ascontiguousarray(places))
    interaction = energies[0] - energies[1] - energies[2]
    return Refined(interaction, moved, record=Chem.MolToMolBlock(ligand))


def _minimised(molecule: Any, fixed: list[int]) -> float | None:
    """Minimise in place; return the energy in kcal/mol, None where there are no parameters."""
    from rdkit.Chem import rdForceFieldHelpers

    properties = rdForceFieldHelpers.MMFFGetMoleculeProperties(molecule, mmffVariant="MMFF94s")
    if properties is None:
        return None
    field: Any = rdForceFieldHelpers.MMFFGetMoleculeForceField(
        molecule, properties, nonBondedThresh=_NONBONDED_ANGSTROM, ignoreInterfragInteractions=False
    )
    for atom in fixed:
        field.AddFixedPoint(atom)
    field.Initialize()
    field.Minimize(maxIts=_MOST_STEPS)
    return float(field.CalcEnergy())


def _pocket_pdb(task: RefinementTask) -> str:
    """Return the residues around the pose, heavy atoms alone, as PDB text."""
    receptor = task.receptor
    scored = receptor.vina_types >= 0
    distance = np.linalg.norm(receptor.coordinates_angstrom[:, None] - task.coordinates_angstrom[None], axis=-1).min(
        axis=1
    )
    near = {receptor.residues[k] for k in np.flatnonzero(scored & (distance < _AROUND_ANGSTROM))}
    kept = [k for k, residue in enumerate(receptor.residues) if residue in near and scored[k]]
    part = Receptor(
        receptor.name,
        receptor.coordinates_angstrom[kept],
        tuple(receptor.types[k] for k in kept),
        receptor.vina_types[kept],
        tuple(receptor.atom_names[k] for k in kept),
        tuple(receptor.residues[k] for k in kept),
    )
    return receptor_pdb([part])
