"""Receptors from PDB and mmCIF files: read and cleaned, completed by PDBFixer, typed by meeko.

Kept are standard amino acids, caps and the metals that Vina knows; of alternate locations the one of highest occupancy;
waters where they are asked for. Everything else is removed, missing side-chain atoms are built, and hydrogens are added
for pH 7 where the file has none. Where meeko refuses the result, hydrogens are placed again and incomplete side chains
cut to CB. Each change stands in the receptor's notes, one of the chain itself in its warnings.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from levinthal.errors import DataError
from levinthal.proteins.structures.parsing import read_text
from levinthal.proteins.structures.protein_file import ProteinFile, protein_of_text
from levinthal.workloads.docking.molecules.molecule import Receptor
from levinthal.workloads.docking.preparation.pdbqt import read_receptor_pdbqt
from levinthal.workloads.docking.preparation.receptor_cleaning import clean, simplify
from levinthal.workloads.docking.preparation.receptor_typing import completed, typed
from levinthal.workloads.docking.preparation.text import FARTHEST_ANGSTROM


def prepare_receptor(path: str | Path, *, keep_waters: bool = False) -> Receptor:
    """Read a receptor from a PDBQT, PDB or mmCIF file and prepare it; a PDBQT file is taken as it is.

    Parameters
    ----------
    path : str or Path
        `.pdbqt`, or `.pdb`, `.ent`, `.cif` or `.mmcif`, these also with `.gz`.
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
    receptor = receptor_from_structure(read_text(path), str(path), keep_waters=keep_waters)
    return replace(receptor, name=path.name.removesuffix(".gz").rpartition(".")[0] or path.name)


def receptor_from_structure(text: str, name: str, *, keep_waters: bool = False) -> Receptor:
    """Prepare a receptor of the text of a PDB or mmCIF file; see `prepare_receptor`."""
    found = protein_of_text(text, name)
    _check_places(found)
    cleaned = clean(found, keep_waters=keep_waters)
    try:
        return typed(completed(cleaned, name), cleaned, name)
    except DataError as error:
        refused = error
    cleaned = clean(found, keep_waters=keep_waters)
    simplified = simplify(cleaned)
    if not simplified:
        raise refused
    cleaned.notes += [f"simplified, because at first {refused}", *simplified]
    return typed(completed(cleaned, name), cleaned, name)


def _check_places(found: ProteinFile) -> None:
    """Refuse places that the columns of a PDB file do not hold."""
    for chain in found.structure[0]:
        for residue in chain:
            for atom in residue:
                if not all(abs(value) < FARTHEST_ANGSTROM for value in atom.pos.tolist()):
                    where = f"{found.name}: atom {atom.name} of {residue.name} {chain.name} {residue.seqid}"
                    raise DataError(f"{where} is not within {FARTHEST_ANGSTROM:g} A: fix that line")
