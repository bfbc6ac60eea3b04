"""The heavy atoms of a protein as a PDB or mmCIF file has them: what a contact map needs, hydrogens or not."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from itertools import pairwise
from math import dist, isfinite
from pathlib import Path

import gemmi

from levinthal.errors import DataError
from levinthal.proteins.residues import HEAVY_ATOMS, RESIDUE_ALIASES, THREE_LETTER
from levinthal.proteins.structures.parsing import read_structure
from levinthal.simulation.systems.molecular_system import Residue

_BACKBONE = frozenset(["N", "CA", "C", "O", "OXT", "OT1", "OT2"])
# Neighbours are 0.38 nm apart, 0.29 nm at a cis bond.
_FARTHEST_NEIGHBOURS_NM = 0.45
_NEAREST_ATOMS_NM = 0.2


def _amino_acid(where: str, residue: gemmi.Residue) -> str | None:
    """Return the standard name, that of the parent for a modified residue, or None for what is not a protein."""
    name = RESIDUE_ALIASES.get(residue.name, residue.name)
    if name in HEAVY_ATOMS:
        return name
    tabulated = gemmi.find_tabulated_residue(name)
    parent = THREE_LETTER.get(tabulated.one_letter_code.strip().upper())
    if tabulated.is_amino_acid() and parent is not None:
        return parent
    if all(residue.find_atom(atom, "*") for atom in ("N", "CA", "C")):
        raise DataError(f"{where} is not a known amino acid: replace it by one, with PDBFixer for example")
    return None


def _heavy_atoms(where: str, residue: gemmi.Residue, name: str) -> dict[str, tuple[float, float, float]]:
    atoms = {}
    for atom in residue:
        if atom.element.name in ("H", "D"):
            continue
        x, y, z = (value / 10 for value in atom.pos.tolist())
        if not (isfinite(x) and isfinite(y) and isfinite(z)):
            raise DataError(f"{where}: the position of atom {atom.name} is not a number: fix that line")
        atoms[atom.name] = (x, y, z)
    if "CA" not in atoms:
        raise DataError(f"{where} has no CA atom: complete it first, with PDBFixer for example, or remove the residue")
    if name != "GLY" and not atoms.keys() - _BACKBONE:
        raise DataError(
            f"{where} has no heavy side-chain atom, without which its contacts are unknown: "
            "complete it first, with PDBFixer for example"
        )
    return atoms


def _check_chain(path: Path, residues: Sequence[Residue]) -> None:
    for before, after in pairwise(residues):
        if before.chain != after.chain:
            continue
        gap_nm = dist(before.atoms["CA"], after.atoms["CA"])
        if gap_nm < _NEAREST_ATOMS_NM:
            raise DataError(f"{path}: residues {before} and {after} lie on each other: remove one of them")
        if gap_nm > _FARTHEST_NEIGHBOURS_NM:
            raise DataError(
                f"{path}: residue {after} is {gap_nm:.2f} nm (CA to CA) away from {before}: the chain is broken "
                "there; model the missing residues or give the pieces chain names of their own"
            )


def _chain_names(model: gemmi.Model) -> list[str]:
    """Return each chain's name; SMOG calls a last residue GLYT, whose T a PDB reader takes for part of the chain."""
    names = [chain.name.strip() for chain in model]
    for k in range(1, len(names)):
        if names[k] == f"T{names[k - 1]}" and len(model[k]) == 1:
            names[k] = names[k - 1]
    return names


def read_heavy_atoms(path: str | Path) -> tuple[list[Residue], tuple[str, ...]]:
    """Read the amino acids of a file's first model, with whatever heavy atoms each has.

    Modified residues go by the name of their parent. Water, ions, ligands and caps are left out; of alternate
    locations the first is taken.

    Parameters
    ----------
    path : str or Path
        `.pdb`, `.ent`, `.cif` or `.mmcif`, or one of these compressed by gzip.

    Returns
    -------
    residues : list of Residue
        In the file's order; positions in nm.
    notes : tuple of str
        What was left out or taken for something else.

    Raises
    ------
    DataError
        The file cannot be read or has no protein; a residue without CA or without any heavy side-chain atom, an
        unknown amino acid, a broken chain. The message names chain and residue, and the fix.
    """
    path = Path(path)
    structure = read_structure(path)
    notes = [f"model 1 of {len(structure)} taken"] if len(structure) > 1 else []
    model = structure[0]
    if any(atom.has_altloc() for chain in model for residue in chain for atom in residue):
        notes.append("the first of alternate locations taken")
    structure.remove_alternative_conformations()
    residues: list[Residue] = []
    removed: Counter[str] = Counter()
    for chain, chain_name in zip(model, _chain_names(model), strict=True):
        for residue in chain:
            number = str(residue.seqid).strip()
            where = f"{path}: residue {residue.name} {chain_name} {number}".replace("  ", " ")
            name = _amino_acid(where, residue)
            if name is None:
                removed[residue.name] += 1
                continue
            if name != RESIDUE_ALIASES.get(residue.name, residue.name):
                notes.append(f"{residue.name} {chain_name} {number} taken for {name}")
            atoms = _heavy_atoms(where, residue, name)
            missing = [atom for atom in HEAVY_ATOMS[name] if atom not in atoms]
            if missing and residue.name in HEAVY_ATOMS:
                notes.append(f"{name} {chain_name} {number} lacks {', '.join(missing)}")
            residues.append(Residue(name, chain_name, number, atoms))
    if not residues:
        raise DataError(f"{path} holds no protein: name a file with amino acids")
    _check_chain(path, residues)
    notes += [f"removed {count} x {name}" for name, count in sorted(removed.items())]
    return residues, tuple(notes)
