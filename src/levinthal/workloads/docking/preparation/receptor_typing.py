"""The completion and typing of a receptor: side chains and hydrogens by PDBFixer, AutoDock types by meeko."""

from __future__ import annotations

import io
import math
import re
import warnings
from dataclasses import replace
from itertools import pairwise
from typing import Any

from levinthal.errors import DataError
from levinthal.proteins.structures.residue_kinds import standard_name
from levinthal.workloads.docking.molecules.molecule import Receptor
from levinthal.workloads.docking.preparation.libraries import REFUSED, refusing
from levinthal.workloads.docking.preparation.pdbqt import receptor_from_pdbqt
from levinthal.workloads.docking.preparation.pdbqt_records import is_atom
from levinthal.workloads.docking.preparation.receptor_cleaning import CleanedReceptor, lacks_atoms, listed
from levinthal.workloads.docking.preparation.text import coordinates_of

_LONGEST_PEPTIDE_BOND_ANGSTROM = 2.0
# A structure without hydrogens has none; one with polar ones alone has one for five heavy atoms.
_FEWEST_HYDROGENS = 0.1
_ACIDITY = 7.0


def completed(cleaned: CleanedReceptor, name: str) -> str:
    """Return PDB text with missing atoms of side chains and, where there are none, hydrogens; changes are noted."""
    pdb = cleaned.pdb_text()
    lines = [line for line in pdb.splitlines() if is_atom(line)]
    n_hydrogens = sum(line[76:78].strip() in ("H", "D") for line in lines)
    lacking = _lacking(lines)
    without_hydrogens = n_hydrogens < _FEWEST_HYDROGENS * (len(lines) - n_hydrogens)
    if not lacking and not without_hydrogens:
        return pdb
    from openmm import OpenMMException
    from openmm.app import PDBFile
    from pdbfixer import PDBFixer

    def label(residue: Any) -> str:
        return cleaned.label(residue.name, residue.chain.id, residue.id)

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            fixer = PDBFixer(pdbfile=io.StringIO(pdb))
            fixer.missingResidues = {}
            fixer.findMissingAtoms()
            missing = {label(one): [atom.name for atom in atoms] for one, atoms in fixer.missingAtoms.items()}
            cleaned.notes += [f"atoms {', '.join(atoms)} of {one} built" for one, atoms in missing.items()]
            cleaned.notes += [f"OXT of {label(one)} built" for one in fixer.missingTerminals]
            if missing:
                cleaned.warnings.append(f"missing atoms built in {len(missing)} residues: {listed(list(missing))}")
            fixer.addMissingAtoms(seed=1)
            if without_hydrogens:
                fixer.addMissingHydrogens(_ACIDITY)
                cleaned.notes.append(f"hydrogens placed for pH {_ACIDITY:g}")
            out = io.StringIO()
            PDBFile.writeFile(fixer.topology, fixer.positions, out, keepIds=True)
    except (*REFUSED, OpenMMException) as error:
        raise DataError(f"{name} cannot be completed: {str(error)[:200]}: complete it first, by hand") from None
    return out.getvalue()


def _lacking(lines: list[str]) -> bool:
    found: dict[str, set[str]] = {}
    for line in lines:
        found.setdefault(line[17:27], set()).add(line[12:16].strip())
    return any(lacks_atoms(residue[:3].strip(), atoms) for residue, atoms in found.items())


def typed(pdb: str, cleaned: CleanedReceptor, name: str) -> Receptor:
    """Let meeko find the AutoDock types; ions are typed by their element."""
    from meeko import PDBQTWriterLegacy, Polymer

    lines = pdb.splitlines()
    ions = [line for line in lines if is_atom(line) and _place(line) in cleaned.ions]
    protein = "\n".join([*(line for line in lines if line not in ions), ""]) if ions else pdb
    try:
        with refusing(f"{name}: meeko refuses it", "fix that residue", most=300):
            polymer = Polymer.from_pdb_string(protein, blunt_ends=_blunt_ends(protein), allow_bad_res=True)
            text = PDBQTWriterLegacy.write_string_from_polymer(polymer)[0]
            ignored = sorted(polymer.get_ignored_monomers())
        if ignored:
            raise DataError(
                f"{name}: residue {ignored[0]} does not match any residue that meeko knows: complete its atoms and "
                "hydrogens, or remove it"
            )
    except DataError as error:
        raise DataError(_in_own_names(str(error), cleaned)) from None
    text = "\n".join([*text.splitlines(), *(_ion_line(line, cleaned.ions[_place(line)]) for line in ions), ""])
    prepared = receptor_from_pdbqt(text, name)
    return replace(
        prepared,
        residues=tuple(cleaned.label(*residue.split(" ")) for residue in prepared.residues),
        notes=(*cleaned.notes, *prepared.notes),
        warnings=tuple(cleaned.warnings),
        removed=tuple(cleaned.removed),
    )


def _place(line: str) -> tuple[str, str]:
    return line[21:22].strip(), line[22:27].strip()


def _ion_line(line: str, kind: str) -> str:
    return f"{line[:54]}  1.00  0.00     0.000 {kind:<2}"


def _in_own_names(message: str, cleaned: CleanedReceptor) -> str:
    """Put the user's names of residues in the place of ours, `A:12`."""

    def own(found: re.Match[str]) -> str:
        return cleaned.labels.get((found[1], found[2]), found[0]).replace(" ", ":")

    return re.sub(r"\b([A-Za-z0-9]):(\d+)\b", own, message)


def _blunt_ends(pdb: str) -> list[tuple[str, int]]:
    """Return the atoms on both sides of each break of a chain, as meeko wants them."""
    residues: list[tuple[str, str, dict[str, tuple[int, tuple[float, ...]]]]] = []
    for line in pdb.splitlines():
        if is_atom(line):
            key = f"{line[21].strip()}:{line[22:27].strip()}"
            if not residues or residues[-1][0] != key:
                residues.append((key, line[17:20].strip(), {}))
            atoms = residues[-1][2]
            atoms[line[12:16].strip()] = (len(atoms), coordinates_of(line, key))
    protein = [one for one in residues if standard_name(one[1]) is not None]
    ends = []
    for (key, _, atoms), (next_key, _, next_atoms) in pairwise(protein):
        if math.dist(atoms["C"][1], next_atoms["N"][1]) > _LONGEST_PEPTIDE_BOND_ANGSTROM:
            if not {"OXT", "OT2", "OC2"} & set(atoms):
                ends.append((key, atoms["C"][0]))
            if not {"H1", "HN1", "HT1", "1H", "H2", "HN2"} & set(next_atoms):
                ends.append((next_key, next_atoms["N"][0]))
    return ends
