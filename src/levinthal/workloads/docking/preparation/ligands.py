"""Ligands from SDF, MOL2, PDBQT files and SMILES: made whole by RDKit, typed by meeko.

Of a file the first molecule is taken, of salts the largest fragment; hydrogens are added where they are missing. SMILES
and flat drawings get a 3-D structure (ETKDGv3, then MMFF94). The protonation state is that of the source. Each change
stands in the ligand's notes.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from levinthal.errors import DataError
from levinthal.workloads.docking.molecules.molecule import Ligand
from levinthal.workloads.docking.preparation.libraries import REFUSED, quiet_libraries, refusing
from levinthal.workloads.docking.preparation.pdbqt import MOST_LIGAND_ATOMS, ligand_from_pdbqt
from levinthal.workloads.docking.preparation.text import FARTHEST_ANGSTROM, read_text

_LONGEST_SMILES = 1_000
_MOST_SMILES_ATOMS = 100
_LONGEST_TEXT = 2_000_000
_NEAREST_ANGSTROM = 0.3
_SEED = 20_131
_EMBEDDING_SECONDS = 4
_MINIMISING_STEPS = 500
_FIX = "fix or replace it"
_ELEMENTS = frozenset(("H", "C", "N", "O", "F", "P", "S", "Cl", "Br", "I", "Si"))


def prepare_ligand(source: str | Path, name: str | None = None) -> Ligand:
    """Make a ligand of a file or of SMILES.

    Parameters
    ----------
    source : str or Path
        A file (`.sdf`, `.mol`, `.mol2`, `.pdbqt`), an MDL mol block, or SMILES.
    name : str, optional
        By default what the source says, or the name of the file.

    Raises
    ------
    DataError
        It cannot be read or docked; the message names the atom where one is at fault.

    Examples
    --------
    >>> from levinthal.docking import prepare_ligand
    >>> ligand = prepare_ligand("Cc1ccc(C)cc1")
    >>> len(ligand.heavy_atoms)
    8
    """
    text = str(source)
    if "\n" in text:
        return ligand_from_mol_block(text, name or text.split("\n", 1)[0].strip()[:80] or "ligand")
    readers: dict[str, Callable[[str, str], Ligand]] = {
        ".sdf": ligand_from_mol_block,
        ".sd": ligand_from_mol_block,
        ".mol": ligand_from_mol_block,
        ".mol2": ligand_from_mol2,
        ".pdbqt": ligand_from_pdbqt,
    }
    path = Path(source)
    reader = readers.get(path.suffix.lower())
    if reader is not None:
        return reader(read_text(path), name or path.stem)
    return ligand_from_smiles(text, name or text[:40])


def ligand_from_mol_block(text: str, name: str) -> Ligand:
    """Make a ligand of the first record of an SDF file, or of a mol block."""
    from rdkit import Chem

    record = text.replace("\r\n", "\n").split("$$$$", 1)[0]
    _check_length(record, name)
    molecule = _parsed(lambda: Chem.MolFromMolBlock(record, sanitize=False, removeHs=False, strictParsing=True), name)
    return _ligand(molecule, name)


def ligand_from_mol2(text: str, name: str) -> Ligand:
    """Make a ligand of the first molecule of a MOL2 file with Sybyl atom types."""
    from rdkit import Chem

    parts = text.replace("\r\n", "\n").split("@<TRIPOS>MOLECULE")
    if len(parts) < 2:
        raise DataError(f"{name} is not a MOL2 file: it lacks @<TRIPOS>MOLECULE")
    record = "@<TRIPOS>MOLECULE" + parts[1]
    _check_length(record, name)
    molecule = _parsed(
        lambda: Chem.MolFromMol2Block(record, sanitize=False, removeHs=False, cleanupSubstructures=True), name
    )
    return _ligand(molecule, name)


def ligand_from_smiles(smiles: str, name: str) -> Ligand:
    """Make a ligand of SMILES, at the origin."""
    from rdkit import Chem

    text = smiles.strip()
    if not text or len(text) > _LONGEST_SMILES or len(text.split()) > 1:
        raise DataError(f"{name[:80]}: SMILES are one word of at most {_LONGEST_SMILES} characters")
    molecule = _parsed(lambda: Chem.MolFromSmiles(text, sanitize=False), name)
    return _ligand(molecule, name)


def _check_length(text: str, name: str) -> None:
    if len(text) > _LONGEST_TEXT:
        raise DataError(f"{name} has {len(text) / 1e6:.0f} million characters: a ligand has at most 2")


def _parsed(parse: Callable[[], Any], name: str) -> Any:
    """Parse and sanitise a molecule; name the atom at fault."""
    from rdkit import Chem

    broken = f"{name[:80]} is not a sound molecule"
    with refusing(f"{name[:80]} cannot be read", _FIX):
        molecule = parse()
    if molecule is None or molecule.GetNumAtoms() == 0:
        raise DataError(f"{name[:80]} cannot be read as a molecule: {_FIX}")
    with refusing(broken, _FIX):
        try:
            problems = Chem.DetectChemistryProblems(molecule)
            if problems:
                where = f"atom {problems[0].GetAtomIdx() + 1}: " if hasattr(problems[0], "GetAtomIdx") else ""
                raise DataError(f"{name[:80]}: {where}{problems[0].Message()[:200]}: fix its bonds or charges")
            Chem.SanitizeMol(molecule)
        except RuntimeError:  # RDKit's own broken invariant, in words for its developers
            raise DataError(f"{broken}: its valences make no sense: {_FIX}") from None
    return molecule


def _ligand(molecule: Any, name: str) -> Ligand:
    """Complete a molecule, give it a structure where it has none, and type it."""
    from rdkit import Chem

    notes: list[str] = []
    with refusing(f"{name[:80]} is not a sound molecule", _FIX):
        fragments = Chem.GetMolFrags(molecule, asMols=True, sanitizeFrags=True)
    if len(fragments) > 1:
        molecule = max(fragments, key=lambda one: (one.GetNumHeavyAtoms(), one.GetNumAtoms()))
        notes.append(f"largest of {len(fragments)} fragments taken")
    for atom in molecule.GetAtoms():
        if atom.GetSymbol() not in _ELEMENTS:
            raise DataError(
                f"{name[:80]}: atom {atom.GetIdx() + 1} is {atom.GetSymbol()[:10]}, for which Vina has no ligand "
                f"type: dock molecules of {', '.join(sorted(_ELEMENTS))}"
            )
    if molecule.GetNumHeavyAtoms() == 0:
        raise DataError(f"{name[:80]} has no heavy atom: there is nothing to dock")
    if molecule.GetNumAtoms() > MOST_LIGAND_ATOMS:
        raise DataError(f"{name[:80]} has {molecule.GetNumAtoms()} atoms: a ligand has at most {MOST_LIGAND_ATOMS}")
    in_space = molecule.GetNumConformers() > 0 and _has_places(molecule, name)
    n_before = molecule.GetNumAtoms()
    with refusing(f"{name[:80]}: hydrogens cannot be added", _FIX):
        molecule = Chem.AddHs(molecule, addCoords=in_space)
    if molecule.GetNumAtoms() > n_before:
        notes.append(f"{molecule.GetNumAtoms() - n_before} hydrogens added")
    if not in_space:
        molecule = _embedded(molecule, name)
        notes.append("3-D structure made by ETKDGv3 and MMFF94; protonation as in the source")
    return _typed(molecule, name, notes)


def _has_places(molecule: Any, name: str) -> bool:
    """Say whether atoms stand in space, not in a drawing or all on one spot."""
    places = molecule.GetConformer().GetPositions()
    broken = np.flatnonzero(~(np.abs(places) < FARTHEST_ANGSTROM).all(axis=1))
    if len(broken):
        raise DataError(f"{name[:80]}: atom {broken[0] + 1} is not within {FARTHEST_ANGSTROM:g} A: fix that line")
    if len(places) > 1 and np.allclose(places, places[0]):
        return False
    distances = np.linalg.norm(places[:, None] - places, axis=-1) + np.where(np.eye(len(places)) > 0, np.inf, 0.0)
    if distances.min() < _NEAREST_ANGSTROM:
        first, second = sorted(np.unravel_index(int(distances.argmin()), distances.shape))
        raise DataError(f"{name[:80]}: the atoms {first + 1} and {second + 1} have one position: fix their lines")
    return bool(molecule.GetConformer().Is3D())


def _embedded(molecule: Any, name: str) -> Any:
    from rdkit.Chem import rdDistGeom, rdForceFieldHelpers

    if molecule.GetNumHeavyAtoms() > _MOST_SMILES_ATOMS:
        raise DataError(
            f"{name[:80]} has {molecule.GetNumHeavyAtoms()} heavy atoms, more than {_MOST_SMILES_ATOMS}: "
            "give a file with its 3-D structure"
        )
    parameters: Any = rdDistGeom.ETKDGv3()
    parameters.randomSeed = _SEED
    parameters.timeout = _EMBEDDING_SECONDS
    with quiet_libraries():
        try:
            found = rdDistGeom.EmbedMolecule(molecule, parameters)
            if found != 0:
                parameters.useRandomCoords = True
                found = rdDistGeom.EmbedMolecule(molecule, parameters)
            if found == 0 and rdForceFieldHelpers.MMFFHasAllMoleculeParams(molecule):
                rdForceFieldHelpers.MMFFOptimizeMolecule(molecule, maxIters=_MINIMISING_STEPS)
        except REFUSED:
            found = -1
    if found != 0:
        raise DataError(f"{name[:80]}: RDKit finds no 3-D structure: give a file that has one")
    return molecule


def _typed(molecule: Any, name: str, notes: list[str]) -> Ligand:
    """Let meeko find types and rotatable bonds, and keep which atom is which."""
    from meeko import MoleculePreparation, PDBQTWriterLegacy
    from rdkit import Chem

    refused = f"{name[:80]}: meeko refuses it"
    with refusing(refused, _FIX):
        (setup,) = MoleculePreparation(rigid_macrocycles=True).prepare(molecule)
        text, sound, reason = PDBQTWriterLegacy.write_string(setup, add_index_map=True)
        block = Chem.MolToMolBlock(molecule, forceV3000=molecule.GetNumAtoms() > 999)
    if not sound:
        raise DataError(f"{refused}: {str(reason)[:200]}: {_FIX}")
    numbers = _index_map(text)
    ligand = ligand_from_pdbqt(text, name)
    places = molecule.GetConformer().GetPositions()
    order = np.array([numbers[serial] for serial in range(1, len(ligand.types) + 1)], np.int64)
    # The file's three decimals would shift the template against the mol block.
    exact = places[order]
    centre = exact[ligand.heavy_atoms].mean(axis=0)
    return replace(
        ligand,
        coordinates_angstrom=exact - centre,
        centre_angstrom=centre,
        atom_names=tuple(f"{element}{number + 1}" for element, number in zip(ligand.elements, order, strict=True)),
        mol_block=block,
        mol_block_atoms=order,
        notes=tuple(notes),
    )


def _index_map(text: str) -> dict[int, int]:
    """Return the index in the molecule of each serial number of a PDBQT file of meeko's."""
    numbers: dict[int, int] = {}
    for line in text.splitlines():
        if line.startswith("REMARK INDEX MAP"):
            values = [int(value) for value in line.split()[3:]]
            numbers.update(zip(values[1::2], (value - 1 for value in values[::2]), strict=True))
    return numbers
