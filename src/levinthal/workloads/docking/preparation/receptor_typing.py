"""The completion and typing of a receptor: side chains and hydrogens by PDBFixer, AutoDock types by meeko."""

from __future__ import annotations

import io
import math
import warnings
from dataclasses import replace
from itertools import pairwise

from levinthal.errors import DataError
from levinthal.workloads.docking.molecules.molecule import Receptor
from levinthal.workloads.docking.preparation.libraries import REFUSED, refusing
from levinthal.workloads.docking.preparation.pdbqt import receptor_from_pdbqt
from levinthal.workloads.docking.preparation.pdbqt_records import is_atom
from levinthal.workloads.docking.preparation.receptor_cleaning import is_protein, lacks_atoms
from levinthal.workloads.docking.preparation.text import coordinates_of

_LONGEST_PEPTIDE_BOND_ANGSTROM = 2.0
# A structure without hydrogens has none; one with polar ones alone has one for five heavy atoms.
_FEWEST_HYDROGENS = 0.1
_ACIDITY = 7.0


def completed(pdb: str, name: str) -> tuple[str, list[str]]:
    """Build missing atoms of side chains and, where there are none, hydrogens."""
    lines = [line for line in pdb.splitlines() if is_atom(line)]
    n_hydrogens = sum(line[76:78].strip() in ("H", "D") for line in lines)
    lacking = _lacking(lines)
    without_hydrogens = n_hydrogens < _FEWEST_HYDROGENS * (len(lines) - n_hydrogens)
    if not lacking and not without_hydrogens:
        return pdb, []
    from openmm import OpenMMException
    from openmm.app import PDBFile
    from pdbfixer import PDBFixer

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            fixer = PDBFixer(pdbfile=io.StringIO(pdb))
            fixer.missingResidues = {}
            fixer.findMissingAtoms()
            ends = [f"{one.name} {one.chain.id} {one.id}" for one in fixer.missingTerminals]
            notes = [
                f"atoms {', '.join(atom.name for atom in atoms)} of {one.name} {one.chain.id} {one.id} built"
                for one, atoms in fixer.missingAtoms.items()
            ]
            notes += [f"OXT of {end} built" for end in ends]
            fixer.addMissingAtoms(seed=1)
            if without_hydrogens:
                fixer.addMissingHydrogens(_ACIDITY)
                notes.append(f"hydrogens placed for pH {_ACIDITY:g}")
            out = io.StringIO()
            PDBFile.writeFile(fixer.topology, fixer.positions, out, keepIds=True)
    except (*REFUSED, OpenMMException) as error:
        raise DataError(f"{name} cannot be completed: {str(error)[:200]}: complete it first, by hand") from None
    return out.getvalue(), notes


def _lacking(lines: list[str]) -> bool:
    found: dict[str, set[str]] = {}
    for line in lines:
        found.setdefault(line[17:27], set()).add(line[12:16].strip())
    return any(lacks_atoms(residue[:3].strip(), atoms) for residue, atoms in found.items())


def typed(pdb: str, name: str, notes: list[str]) -> Receptor:
    """Let meeko find the AutoDock types."""
    from meeko import PDBQTWriterLegacy, Polymer

    with refusing(f"{name}: meeko refuses it", "fix that residue", most=300):
        polymer = Polymer.from_pdb_string(pdb, blunt_ends=_blunt_ends(pdb), allow_bad_res=True)
        text = PDBQTWriterLegacy.write_string_from_polymer(polymer)[0]
        ignored = sorted(polymer.get_ignored_monomers())
    if ignored:
        raise DataError(
            f"{name}: residue {ignored[0]} does not match any residue that meeko knows: complete its atoms and "
            "hydrogens, or remove it"
        )
    prepared = receptor_from_pdbqt(text, name)
    return replace(prepared, name=name, notes=(*notes, *prepared.notes))


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
    protein = [one for one in residues if is_protein(one[1])]
    ends = []
    for (key, _, atoms), (next_key, _, next_atoms) in pairwise(protein):
        if math.dist(atoms["C"][1], next_atoms["N"][1]) > _LONGEST_PEPTIDE_BOND_ANGSTROM:
            if not {"OXT", "OT2", "OC2"} & set(atoms):
                ends.append((key, atoms["C"][0]))
            if not {"H1", "HN1", "HT1", "1H", "H2", "HN2"} & set(next_atoms):
                ends.append((next_key, next_atoms["N"][0]))
    return ends
