"""Ligands from SDF, MOL2, PDBQT files and SMILES: made whole by RDKit, typed by meeko, and compared with their source.

Of a file the first molecule is taken, of salts the largest fragment; hydrogens are added where they are missing. SMILES
and flat drawings get a 3-D structure (ETKDGv3, then MMFF94). The protonation state is that of the source. What was
changed or left out of what a person brought stands in the ligand's warnings, what was made for it in its notes. A
ligand whose charge, hydrogens or stereochemistry are not those of its source is refused.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

from levinthal.errors import DataError
from levinthal.workloads.docking.molecules.molecule import Ligand
from levinthal.workloads.docking.preparation.chemistry import FIX, atom_word, largest_fragment, parsed, sanitise
from levinthal.workloads.docking.preparation.embedding import embedded
from levinthal.workloads.docking.preparation.libraries import refusing
from levinthal.workloads.docking.preparation.ligand_typing import typed_ligand
from levinthal.workloads.docking.preparation.mol2 import molecule_of_mol2
from levinthal.workloads.docking.preparation.pdbqt import MOST_LIGAND_ATOMS, ligand_from_pdbqt
from levinthal.workloads.docking.preparation.places import flat_centres, flatten, is_in_space
from levinthal.workloads.docking.preparation.records import check_single, split_records
from levinthal.workloads.docking.preparation.sources import Source, source_of
from levinthal.workloads.docking.preparation.stereo import Stereo, lost_stereo, stereo_of
from levinthal.workloads.docking.preparation.templates import with_bond_orders

_LONGEST_SMILES = 1_000
_LONGEST_TEXT = 2_000_000
_ELEMENTS = frozenset(("H", "C", "N", "O", "F", "P", "S", "Cl", "Br", "I", "Si"))


def prepare_ligand(source: str | Path, name: str | None = None, *, template: str = "") -> Ligand:
    """Make a ligand of a file or of SMILES.

    Parameters
    ----------
    source : str or Path
        A file (`.sdf`, `.mol`, `.mol2`, `.pdbqt`, `.smi`, each also as `.gz`), an SDF or MOL2 record, or SMILES.
    name : str, optional
        By default what the source says, or the name of the file.
    template : str
        SMILES that a PDBQT file, which has no bond orders, takes them from.

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
    return ligand_of(source_of(source, name), template=template)


def ligand_of(source: Source, *, template: str = "") -> Ligand:
    """Make a ligand of a source whose format is known; see `prepare_ligand`."""
    if source.form == "PDBQT":
        return with_bond_orders(ligand_from_pdbqt(source.text, source.name), source.text, template)
    if template:
        raise DataError(f"{source.name[:80]}: {source.form} has bond orders: leave template out, it is for PDBQT")
    makers = {"SDF": ligand_from_mol_block, "MOL2": ligand_from_mol2, "SMILES": ligand_from_smiles}
    ligand = makers[source.form](source.text, source.name)
    if source.n_records > 1:
        first = f"first of {source.n_records} molecules taken; ligands=FILE screens all"
        ligand = replace(ligand, warnings=(first, *ligand.warnings))
    return ligand


def ligand_from_mol_block(text: str, name: str) -> Ligand:
    """Make a ligand of the first record of an SDF file, or of a mol block."""
    from rdkit import Chem

    record = next(iter(split_records(text, "SDF")), "")
    _check_length(record, name)
    check_single(record, name)
    molecule = parsed(lambda: Chem.MolFromMolBlock(record, sanitize=False, removeHs=False, strictParsing=True), name)
    sanitise(molecule, name)
    return _ligand(molecule, name, [])


def ligand_from_mol2(text: str, name: str) -> Ligand:
    """Make a ligand of the first molecule of a MOL2 file with Sybyl atom types."""
    records = split_records(text, "MOL2")
    if not records:
        raise DataError(f"{name} is not a MOL2 file: it lacks @<TRIPOS>MOLECULE")
    _check_length(records[0], name)
    return _ligand(*_named(molecule_of_mol2(records[0], name), name))


def ligand_from_smiles(smiles: str, name: str) -> Ligand:
    """Make a ligand of SMILES, with or without a CXSMILES extension, at the origin."""
    from rdkit import Chem

    text = smiles.strip()
    words = text.split(maxsplit=1)
    extended = len(words) == 2 and words[1].startswith("|") and words[1].endswith("|")
    if not text or len(text) > _LONGEST_SMILES or not (len(words) == 1 or extended):
        raise DataError(f"{name[:80]}: SMILES are one word of at most {_LONGEST_SMILES} characters")
    molecule = parsed(lambda: Chem.MolFromSmiles(text, sanitize=False), name, "SMILES, and is not a file")
    sanitise(molecule, name)
    molecule.RemoveAllConformers()  # a CXSMILES extension may hold a drawing
    return _ligand(molecule, name, [])


def _named(read: tuple[Any, list[str]], name: str) -> tuple[Any, str, list[str]]:
    return read[0], name, read[1]


def _check_length(text: str, name: str) -> None:
    if len(text) > _LONGEST_TEXT:
        raise DataError(f"{name} has {len(text) / 1e6:.0f} million characters: a ligand has at most 2")


def _ligand(molecule: Any, name: str, warnings: list[str]) -> Ligand:
    """Complete a sanitised molecule, give it a structure where it has none, type it, and compare it with what came."""
    molecule, left_out = largest_fragment(molecule, name)
    warnings += [left_out] if left_out else []
    _check_atoms(molecule, name)
    warnings += _radicals(molecule)
    notes: list[str] = []
    in_space = is_in_space(molecule, name)
    drawn = not in_space and molecule.GetNumConformers() > 0
    if in_space:
        molecule.GetConformer().Set3D(True)
        warnings += _flat(molecule)
    elif drawn:
        flatten(molecule)
        warnings.append("it is a flat drawing or lacks coordinates: a 3-D structure was made, its place is not known")
    wanted = stereo_of(molecule)
    whole = _with_hydrogens(molecule, name, in_space, warnings, notes)
    if not in_space:
        whole = embedded(whole, name)
        notes.append("3-D structure made by ETKDGv3 and MMFF94; protonation as in the source")
        warnings += _isomer(molecule, wanted)
    ligand = typed_ligand(whole, name)
    _compare(molecule, wanted, ligand)
    return replace(ligand, placed=in_space, notes=tuple(notes), warnings=tuple(warnings))


def _check_atoms(molecule: Any, name: str) -> None:
    for atom in molecule.GetAtoms():
        if atom.GetSymbol() not in _ELEMENTS:
            raise DataError(
                f"{name[:80]}: atom {atom.GetIdx() + 1} is {atom.GetSymbol()[:10]}, for which Vina has no ligand "
                f"type: dock molecules of {', '.join(sorted(_ELEMENTS))}"
            )
    queries = [each for each in (*molecule.GetAtoms(), *molecule.GetBonds()) if each.HasQuery()]
    if queries:
        raise DataError(f"{name[:80]} has query atoms or bonds (any, a list): write it with elements and bond orders")
    if molecule.GetNumHeavyAtoms() == 0:
        raise DataError(f"{name[:80]} has no heavy atom: there is nothing to dock")
    if molecule.GetNumAtoms() > MOST_LIGAND_ATOMS:
        raise DataError(f"{name[:80]} has {molecule.GetNumAtoms()} atoms: a ligand has at most {MOST_LIGAND_ATOMS}")


def _radicals(molecule: Any) -> list[str]:
    found = [atom_word(molecule, atom.GetIdx()) for atom in molecule.GetAtoms() if atom.GetNumRadicalElectrons()]
    return [f"written as a radical: {', '.join(found[:5])}; are hydrogens missing?"] if found else []


def _flat(molecule: Any) -> list[str]:
    found = flat_centres(molecule)
    return (
        [f"flat in space, though sp3 by its bonds: {', '.join(found[:5])}; are bond orders missing?"] if found else []
    )


def _isomer(molecule: Any, wanted: Stereo) -> list[str]:
    """Say which stereochemistry was chosen because the source leaves it open."""
    found = []
    if wanted.unspecified:
        which = ", ".join(wanted.unspecified[:5])
        found.append(f"the stereochemistry at {which} is not specified: one isomer was taken; write it with @ or /")
    if molecule.GetStereoGroups():
        found.append("it is given as a mixture or by relative stereochemistry: the isomer that is written was taken")
    return found


def _with_hydrogens(molecule: Any, name: str, in_space: bool, warnings: list[str], notes: list[str]) -> Any:
    from rdkit import Chem

    with refusing(f"{name[:80]}: hydrogens cannot be added", FIX):
        whole = Chem.AddHs(molecule, addCoords=in_space)
    added = whole.GetNumAtoms() - molecule.GetNumAtoms()
    if added and in_space:
        warnings.append(f"{added} hydrogens added that the file lacks; protonation as its charges say")
    elif added:
        notes.append(f"{added} hydrogens added")
    return whole


def _compare(source: Any, wanted: Stereo, ligand: Ligand) -> None:
    """Read the prepared ligand as another program would, and refuse it where it is not what its source says."""
    from rdkit import Chem

    name = ligand.name[:80]
    made = parsed(lambda: Chem.MolFromMolBlock(ligand.mol_block, removeHs=False), name)
    charges = [sum(atom.GetFormalCharge() for atom in one.GetAtoms()) for one in (source, made)]
    lacking = [atom_word(made, atom.GetIdx()) for atom in made.GetAtoms() if atom.GetNumImplicitHs()]
    wrong = lost_stereo(wanted, made)
    if charges[0] != charges[1]:
        wrong.append(f"its charge became {charges[1]:+d}, {charges[0]:+d} in the source")
    if lacking:
        wrong.append(f"{lacking[0]} lacks hydrogens")
    if source.GetNumHeavyAtoms() != len(ligand.heavy_atoms):
        wrong.append(f"{len(ligand.heavy_atoms)} of its {source.GetNumHeavyAtoms()} heavy atoms are left")
    if wrong:
        raise DataError(f"{name} is not prepared as its source says: {wrong[0]}: give it as SDF with all hydrogens")
