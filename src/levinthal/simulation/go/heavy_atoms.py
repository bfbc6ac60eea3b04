"""The heavy atoms of a protein as a PDB or mmCIF file has them: what a contact map needs, hydrogens or not."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from itertools import pairwise
from math import dist, isfinite
from pathlib import Path

import gemmi

from levinthal.errors import DataError
from levinthal.proteins.residues import HEAVY_ATOMS
from levinthal.proteins.structures.residue_kinds import ResidueKind, parent_name, standard_name
from levinthal.simulation.systems.molecular_system import Residue
from levinthal.simulation.systems.protein_of_file import left_out, read_protein

_BACKBONE = frozenset(["N", "CA", "C", "O", "OXT", "OT1", "OT2"])
# Neighbours are 0.38 nm apart, 0.29 nm at a cis bond.
_FARTHEST_NEIGHBOURS_NM = 0.45
_NEAREST_ATOMS_NM = 0.2


def _heavy_atoms(where: str, residue: gemmi.Residue, name: str) -> dict[str, tuple[float, float, float]]:
    atoms = {}
    for atom in residue.first_conformer():
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
        if before.chain_key != after.chain_key:
            continue
        gap_nm = dist(before.atoms["CA"], after.atoms["CA"])
        if gap_nm < _NEAREST_ATOMS_NM:
            raise DataError(f"{path}: residues {before} and {after} lie on each other: remove one of them")
        if gap_nm > _FARTHEST_NEIGHBOURS_NM:
            raise DataError(
                f"{path}: residue {after} is {gap_nm:.2f} nm (CA to CA) away from {before}: the chain is broken "
                "there; model the missing residues or give the pieces chain names of their own"
            )


def read_heavy_atoms(path: str | Path) -> tuple[list[Residue], tuple[str, ...], tuple[str, ...]]:
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
        What was left out without harm.
    warnings : tuple of str
        What else was left out, or taken for something else.

    Raises
    ------
    DataError
        The file cannot be read or has no protein; a residue without CA or without any heavy side-chain atom, an
        unknown amino acid, a ring, a broken chain. The message names chain and residue, and the fix.
    """
    path = Path(path)
    found = read_protein(path)
    notes, warnings = left_out(found)
    residues: list[Residue] = []
    caps: Counter[str] = Counter()
    has_alternates = False
    for chain in found.chains:
        before = None
        for each in chain.residues:
            residue = each.residue
            alternates = any(atom.has_altloc() for atom in residue)
            has_alternates |= alternates
            if each.kind is ResidueKind.CAP:
                caps[residue.name] += 1
                continue
            if alternates and before == (residue.seqid.num, residue.seqid.icode):
                continue  # another residue in the place of the last one
            before = residue.seqid.num, residue.seqid.icode
            name = parent_name(residue.name)
            if name is None:
                raise DataError(
                    f"{path}: residue {each} is not a known amino acid: replace it by one, with PDBFixer for example"
                )
            if standard_name(residue.name) is None:
                warnings.append(f"{each} taken for {name}")
            atoms = _heavy_atoms(f"{path}: residue {each}", residue, name)
            missing = [atom for atom in HEAVY_ATOMS[name] if atom not in atoms]
            if missing and residue.name in HEAVY_ATOMS:
                notes.append(f"{name} {chain.name} {residue.seqid} lacks {', '.join(missing)}")
            residues.append(Residue(name, chain.name, str(residue.seqid).strip(), atoms, chain.copy))
    _check_chain(path, residues)
    if has_alternates:
        notes.append("the first of alternate locations taken")
    notes += [f"removed {count} x {name}" for name, count in sorted(caps.items())]
    return residues, tuple(notes), tuple(warnings)
