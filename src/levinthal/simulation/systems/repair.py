"""A user's structure made whole by PDBFixer, and the list of what was changed."""

from __future__ import annotations

import io
from pathlib import Path
from string import ascii_lowercase, ascii_uppercase, digits

from levinthal.errors import DataError
from levinthal.proteins.structures.pdb_text import pdb_of_chains
from levinthal.proteins.structures.protein_file import read_protein_file

_SEED = 1


def repair_structure(path: str | Path, output: str | Path) -> tuple[str, ...]:
    """Replace residues that are not standard, add missing heavy atoms, take the first of alternate locations.

    Missing residues are not built: a loop that nobody saw is a guess, and a chain that is broken stays to be refused.

    Parameters
    ----------
    path : str or Path
        PDB or mmCIF file.
    output : str or Path
        Where the whole structure is written as PDB.

    Returns
    -------
    tuple of str
        What was changed, one sentence part each.

    Raises
    ------
    DataError
        The file cannot be read, has bonds that are not a protein's, or cannot be made whole.
    """
    from openmm import app
    from pdbfixer import PDBFixer

    path = Path(path)
    found = read_protein_file(path)
    found.refuse_faults()
    letters = _letters([chain.name for chain in found.structure[0]])
    chains = [(letters[chain.name], [each.residue for each in chain.residues]) for chain in found.chains]
    chains += [(letters[each.chain], [each.residue]) for each in found.others]
    try:
        fixer = PDBFixer(pdbfile=io.StringIO(pdb_of_chains(chains)))
        fixer.missingResidues = {}
        fixer.findNonstandardResidues()
        replaced = [f"{_name(residue)} replaced by {standard}" for residue, standard in fixer.nonstandardResidues]
        fixer.replaceNonstandardResidues()
        fixer.findMissingAtoms()
        added = [
            f"{', '.join(atom.name for atom in atoms)} added to {_name(residue)}"
            for residue, atoms in fixer.missingAtoms.items()
        ]
        added += [f"{', '.join(atoms)} added to {_name(residue)}" for residue, atoms in fixer.missingTerminals.items()]
        fixer.addMissingAtoms(seed=_SEED)
    except Exception as error:  # PDBFixer raises whatever its parsers and OpenMM do
        raise DataError(f"{path} cannot be made whole by PDBFixer ({error}): repair it by hand") from error
    with Path(output).open("w", encoding="utf-8") as file:
        app.PDBFile.writeFile(fixer.topology, fixer.positions, file, keepIds=True)
    return tuple(replaced + added)


def _letters(names: list[str]) -> dict[str, str]:
    """Return a name of one character, all that a PDB file holds, for each: the own one where all are such."""
    if all(len(name) < 2 for name in names):
        return {name: name for name in names}
    letters = ascii_uppercase + ascii_lowercase + digits
    return {name: letters[k % len(letters)] for k, name in enumerate(dict.fromkeys(names))}


def _name(residue: object) -> str:
    chain = getattr(getattr(residue, "chain", None), "id", "")
    return f"{getattr(residue, 'name', '?')} {chain} {getattr(residue, 'id', '?')}"
