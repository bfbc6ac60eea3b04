"""MOL2 files: formal charges from Sybyl types, and hydrogens where the file has none.

A MOL2 file says nothing of hydrogens that are not in it, and RDKit takes it at its word: an atom that lacks some
becomes a radical or an anion. A ligand is neither, so that they are taken to be missing: charges are those of the types
(N.4 and C.cat positive, O.co2 negative, all else neutral) and valences are filled. Where that leaves a choice, the file
is refused.
"""

from __future__ import annotations

import math
from typing import Any

from levinthal.errors import DataError
from levinthal.workloads.docking.preparation.chemistry import atom_word, parsed, problem_of, sanitise
from levinthal.workloads.docking.preparation.libraries import refusing

_NEUTRAL_TYPES = frozenset({"N.pl3", "N.am", "N.3", "N.2", "N.ar", "O.3", "O.2", "S.3", "S.2"})
_HETERO = (7, 8, 16)
_OXYGEN = 8
_WITH_HYDROGENS = "give a file with hydrogens, or SDF"
_NEARLY_WHOLE = 0.05


def molecule_of_mol2(record: str, name: str) -> tuple[Any, list[str]]:
    """Read one record; return the sanitised molecule and what a chemist must know of it.

    Raises
    ------
    DataError
        It cannot be read, its chemistry makes no sense, or hydrogens are missing and cannot be told.
    """
    from rdkit import Chem

    molecule = parsed(
        lambda: Chem.MolFromMol2Block(record, sanitize=False, removeHs=False, cleanupSubstructures=True),
        name,
        "a MOL2 molecule with Sybyl types",
    )
    n_hydrogens = sum(atom.GetAtomicNum() == 1 for atom in molecule.GetAtoms())
    if n_hydrogens == 0:
        _protonate_rings(molecule, name)
    sanitise(molecule, name)
    if any(_lacks_hydrogens(atom, n_hydrogens) for atom in molecule.GetAtoms()):
        _fill(molecule, name)
        return molecule, []
    return molecule, _against_charges(molecule, record)


def _type(atom: Any) -> str:
    return str(atom.GetProp("_TriposAtomType")) if atom.HasProp("_TriposAtomType") else ""


def _lacks_hydrogens(atom: Any, n_hydrogens: int) -> bool:
    return atom.GetNumRadicalElectrons() > 0 or (n_hydrogens == 0 and _wrongly_negative(atom))


def _wrongly_negative(atom: Any) -> bool:
    """Say whether an atom is an anion for want of hydrogens; a charge beside a positive one (nitro, azide) is right."""
    if atom.GetFormalCharge() >= 0 or _type(atom) not in _NEUTRAL_TYPES:
        return False
    return atom.GetAtomicNum() != _OXYGEN or all(other.GetFormalCharge() <= 0 for other in atom.GetNeighbors())


def _fill(molecule: Any, name: str) -> None:
    """Let atoms that lack hydrogens have them, and take back the charges that stood for them."""
    from rdkit import Chem

    Chem.Kekulize(molecule, clearAromaticFlags=True)  # else a ring would have to be found aromatic without its NH
    polar_are_there = any(
        atom.GetAtomicNum() == 1 and any(other.GetAtomicNum() in _HETERO for other in atom.GetNeighbors())
        for atom in molecule.GetAtoms()
    )
    for atom in molecule.GetAtoms():
        negative = _wrongly_negative(atom) and not polar_are_there
        if negative:
            atom.SetFormalCharge(0)
        if negative or atom.GetNumRadicalElectrons() or atom.GetFormalCharge() > 0:
            atom.SetNoImplicit(False)
            atom.SetNumRadicalElectrons(0)
    with refusing(f"{name[:80]}: its missing hydrogens cannot be told", _WITH_HYDROGENS):
        molecule.UpdatePropertyCache(strict=True)
    sanitise(molecule, name)
    for atom in molecule.GetAtoms():
        if atom.GetNumRadicalElectrons():
            where = atom_word(molecule, atom.GetIdx())
            raise DataError(
                f"{name[:80]}: {where} ({_type(atom)}) lacks hydrogens that cannot be told: {_WITH_HYDROGENS}"
            )


def _protonate_rings(molecule: Any, name: str) -> None:
    """Find the NH of aromatic rings in a file without hydrogens: N.pl3, else the one nitrogen that makes sense."""
    from rdkit import Chem

    if "kekulize" not in problem_of(molecule):
        return
    bare = [
        atom
        for atom in molecule.GetAtoms()
        if atom.GetAtomicNum() == 7 and atom.GetDegree() == 2 and atom.GetIsAromatic() and atom.GetFormalCharge() == 0
    ]
    for atom in bare:
        if _type(atom) == "N.pl3":
            atom.SetNumExplicitHs(1)
    if not problem_of(molecule):
        return
    found = []
    for atom in bare:
        if atom.GetNumExplicitHs() == 0:
            tried = Chem.Mol(molecule)
            tried.GetAtomWithIdx(atom.GetIdx()).SetNumExplicitHs(1)
            if not problem_of(tried):
                found.append(atom)
    if len(found) != 1:
        raise DataError(
            f"{name[:80]}: it has no hydrogens, and which nitrogen of an aromatic ring has one cannot be told: "
            f"{_WITH_HYDROGENS}"
        )
    found[0].SetNumExplicitHs(1)


def _against_charges(molecule: Any, record: str) -> list[str]:
    """Compare the formal charge with the sum of the partial charges, where the file has these."""
    charges = [_partial_charge(atom) for atom in molecule.GetAtoms()]
    formal = sum(atom.GetFormalCharge() for atom in molecule.GetAtoms())
    total = sum(charges)
    whole = round(total) if math.isfinite(total) else formal
    known = any(charges) and "NO_CHARGES" not in record
    if known and abs(total - whole) < _NEARLY_WHOLE and whole != formal:
        return [
            f"its atom types and bonds give the charge {formal:+d}, its partial charges {whole:+d}: it is docked with "
            f"{formal:+d}; give SDF or SMILES of the state that is meant"
        ]
    return []


def _partial_charge(atom: Any) -> float:
    """Return what stands in the last column of an atom's line; not a number where it is none."""
    try:
        return float(atom.GetPropsAsDict().get("_TriposPartialCharge", math.nan))
    except ValueError:
        return math.nan
