"""Receptors from PDB and mmCIF files: cleaned by gemmi, completed by PDBFixer, typed by meeko.

Kept are standard amino acids, caps and the metals that Vina knows; of alternate locations the one of highest occupancy;
waters where they are asked for. Everything else is removed, missing side-chain atoms are built, and hydrogens are added
for pH 7 where the file has none. Where meeko refuses the result, hydrogens are placed again and incomplete side chains
cut to CB. Each change stands in the receptor's notes.
"""

from __future__ import annotations

from pathlib import Path

import gemmi

from levinthal.errors import DataError
from levinthal.workloads.docking.molecules.molecule import Receptor
from levinthal.workloads.docking.preparation.pdbqt import read_receptor_pdbqt
from levinthal.workloads.docking.preparation.pdbqt_records import is_atom
from levinthal.workloads.docking.preparation.receptor_cleaning import clean, label_of, simplify
from levinthal.workloads.docking.preparation.receptor_typing import completed, typed
from levinthal.workloads.docking.preparation.text import FARTHEST_ANGSTROM, coordinates_of, read_text

_DAMAGED = (RuntimeError, ValueError, IndexError, OverflowError)


def prepare_receptor(path: str | Path, *, keep_waters: bool = False) -> Receptor:
    """Read a receptor from a PDBQT, PDB or mmCIF file and prepare it; a PDBQT file is taken as it is.

    Parameters
    ----------
    path : str or Path
        `.pdbqt`, `.pdb`, `.ent`, `.cif` or `.mmcif`.
    keep_waters : bool
        Whether waters of a PDB or mmCIF file stay.

    Raises
    ------
    DataError
        The file cannot be read, or cannot be prepared; the message names atom and residue.

    Examples
    --------
    >>> from pathlib import Path
    >>> from levinthal.docking import prepare_receptor
    >>> from levinthal.simulation import capped_peptide
    >>> size = Path("helix.pdb").write_text(capped_peptide("helix", "AKAEA", ("helix",))[0].topology_pdb)
    >>> receptor = prepare_receptor("helix.pdb")
    >>> sorted(set(receptor.residues))[:2]
    ['ACE A 0', 'ALA A 1']
    """
    path = Path(path)
    if path.suffix.lower() == ".pdbqt":
        return read_receptor_pdbqt(path)
    return receptor_from_structure(read_text(path), path.stem, keep_waters=keep_waters)


def receptor_from_structure(text: str, name: str, *, keep_waters: bool = False) -> Receptor:
    """Prepare a receptor of the text of a PDB or mmCIF file; see `prepare_receptor`."""
    structure = _read(text, name)
    model = structure[0]
    notes = [f"model 1 of {len(structure)} taken"] if len(structure) > 1 else []
    notes += clean(model, name, keep_waters=keep_waters)
    pdb, built = completed(_pdb_text(model), name)
    try:
        return typed(pdb, name, [*notes, *built])
    except DataError as error:
        refused = error
    simplified = simplify(model)
    if not simplified:
        raise refused
    pdb, built = completed(_pdb_text(model), name)
    return typed(pdb, name, [*notes, f"simplified, because at first {refused}", *simplified, *built])


def _read(text: str, name: str) -> gemmi.Structure:
    try:
        if "_atom_site." in text:
            blocks = [block for block in gemmi.cif.read_string(text) if block.find_loop("_atom_site.id")]
            structure = gemmi.make_structure_from_block(blocks[0]) if blocks else gemmi.Structure()
        else:
            _check_lines(text, name)
            structure = gemmi.read_pdb_string(text)
    except _DAMAGED as error:
        raise DataError(
            f"{name} is not a sound PDB or mmCIF file: {str(error)[:200]}: fix it or fetch it again"
        ) from None
    if len(structure) == 0 or structure[0].count_atom_sites() == 0:
        raise DataError(f"{name} holds no atoms: name a PDB or mmCIF file of a protein")
    for chain in structure[0]:
        for residue in chain:
            for atom in residue:
                if not max(abs(value) for value in atom.pos.tolist()) < FARTHEST_ANGSTROM:
                    where = f"{name}: atom {atom.name} of {label_of(chain, residue)}"
                    raise DataError(f"{where} is not within {FARTHEST_ANGSTROM:g} A: fix that line")
    return structure


def _check_lines(text: str, name: str) -> None:
    """Refuse what gemmi would read as zero."""
    for number, line in enumerate(text.splitlines(), 1):
        if is_atom(line):
            residue = f"{line[17:20].strip()} {line[21:22].strip()} {line[22:27].strip()}"
            coordinates_of(line, f"{name}, line {number}: atom {line[12:16].strip()} of {residue}")


def _pdb_text(model: gemmi.Model) -> str:
    structure = gemmi.Structure()
    structure.add_model(model)
    structure.setup_entities()
    structure.shorten_chain_names()
    options = gemmi.PdbWriteOptions(minimal=True)
    options.cryst1_record = False
    return str(structure.make_pdb_string(options))
