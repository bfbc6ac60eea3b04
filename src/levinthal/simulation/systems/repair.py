"""A user's structure made whole by PDBFixer, and the list of what was changed."""

from __future__ import annotations

from pathlib import Path

from levinthal.errors import DataError

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
        The file cannot be read, or not be made whole.
    """
    from openmm import app
    from pdbfixer import PDBFixer

    path = Path(path)
    if not path.is_file():
        raise DataError(f"{path}: no such file: name a readable PDB or mmCIF file")
    try:
        fixer = PDBFixer(filename=str(path))
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


def _name(residue: object) -> str:
    chain = getattr(getattr(residue, "chain", None), "id", "")
    return f"{getattr(residue, 'name', '?')} {chain} {getattr(residue, 'id', '?')}"
