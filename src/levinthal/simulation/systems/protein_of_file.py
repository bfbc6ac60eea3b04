"""The protein of a user's file as any simulation takes it, and what of the file it leaves out, in words."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

from levinthal.errors import DataError
from levinthal.proteins.structures.protein_file import ProteinFile, read_protein_file
from levinthal.proteins.structures.residue_kinds import ResidueKind, is_amino_acid_name


def read_protein(path: Path) -> ProteinFile:
    """Read a file whose chains can be simulated.

    Raises
    ------
    DataError
        It cannot be read, holds no protein or has faults, or a chain is a ring.
    """
    found = read_protein_file(path)
    if not any(each.kind is ResidueKind.AMINO_ACID for chain in found.chains for each in chain.residues):
        raise DataError(f"{path} holds no protein: name a file with standard amino acids")
    found.refuse_faults()
    for chain in found.chains:
        if chain.is_ring:
            raise DataError(
                f"{path}: {chain.residues[-1]} is bonded to {chain.residues[0]} (C to N): a ring closed by its "
                "backbone is not simulated; give a chain with two ends"
            )
    return found


def left_out(found: ProteinFile) -> tuple[list[str], list[str]]:
    """Say what of a file is not part of its protein.

    Returns
    -------
    notes, warnings : list of str
        Of water and further models; of everything else.
    """
    notes = [f"model 1 of {found.n_models} taken"] if found.n_models > 1 else []
    warnings = []
    counted: Counter[tuple[bool, str]] = Counter()
    for each in found.others:
        if each.kind is ResidueKind.OTHER and is_amino_acid_name(each.residue.name):
            warnings.append(f"{each} removed: no peptide bond joins it to a chain, so it is taken for a ligand")
        else:
            counted[each.kind is ResidueKind.WATER, each.residue.name] += 1
    for (is_water, name), count in sorted(counted.items(), key=lambda item: item[0][1]):
        if is_water:
            notes.append(f"removed {count} x {name}")
        else:
            warnings.append(f"removed {count} x {name}: only the protein is simulated")
    return notes, warnings
