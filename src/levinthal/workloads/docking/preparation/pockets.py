"""The box to search: around a ligand that sits there, around residues, or as given."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import numpy.typing as npt

from levinthal.errors import DataError
from levinthal.workloads.docking.molecules.molecule import Box, Receptor
from levinthal.workloads.docking.preparation.ligands import prepare_ligand
from levinthal.workloads.docking.preparation.sources import names_file


def pocket_box(pocket: str, receptor: Receptor, *, padding_angstrom: float = 4.0) -> Box:
    """Return the box of a pocket.

    Parameters
    ----------
    pocket : str
        A file of a ligand that sits in the pocket; six numbers `x/y/z/length/width/height` in A (centre and edges);
        or residues such as `A:99/A:102`, `99/102` where the chain has no name or is the only one.
    receptor : Receptor
    padding_angstrom : float
        What is left on each side of the ligand or of the residues' heavy atoms; six numbers are taken as they are.

    Raises
    ------
    DataError
        The text is none of these, or a residue is not in the receptor.

    Examples
    --------
    >>> from pathlib import Path
    >>> from levinthal.docking import pocket_box, prepare_receptor
    >>> from levinthal.simulation import capped_peptide
    >>> size = Path("helix.pdb").write_text(capped_peptide("helix", "AKAEA", ("helix",))[0].topology_pdb)
    >>> receptor = prepare_receptor("helix.pdb")
    >>> pocket_box("0/0/0/12/12/12", receptor).size_angstrom
    (12.0, 12.0, 12.0)
    """
    if names_file(pocket):
        marker = prepare_ligand(Path(pocket))
        if not marker.placed:
            raise DataError(f"{pocket} has no place: it is SMILES or a drawing; set pocket to a ligand that sits there")
        return marker.box(padding_angstrom)
    parts = [part.strip() for part in pocket.split("/")]
    numbers = _numbers(parts)
    if len(parts) == 6 and numbers is not None:
        x, y, z, length, width, height = numbers
        return Box((x, y, z), (length, width, height))
    atoms = np.concatenate([residue_atoms(receptor, part) for part in parts])
    scored = atoms[receptor.vina_types[atoms] >= 0]
    return Box.around(receptor.coordinates_angstrom[scored], padding_angstrom)


def residue_atoms(receptor: Receptor, residue: str) -> npt.NDArray[np.int64]:
    """Return the indices of a residue's atoms.

    Parameters
    ----------
    receptor : Receptor
    residue : str
        `A:99`, or `99` where no two chains have such a residue.

    Raises
    ------
    DataError
        There is none of that name, or there are several.
    """
    chain, _, number = residue.rpartition(":")
    labels = [label.split(" ") for label in receptor.residues]
    found = [
        k for k, (_, its_chain, its_number) in enumerate(labels) if its_number == number and chain in ("", its_chain)
    ]
    chains = {labels[k][1] for k in found}
    if not number or not found:
        raise DataError(
            f"receptor {receptor.name} has no residue {residue[:20]!r}: its first is {receptor.residues[0]}; name one "
            "as A:99"
        )
    if len(chains) > 1:
        raise DataError(f"residue {residue} is in the chains {', '.join(sorted(chains))}: name one as A:{number}")
    return np.array(found, np.int64)


def _numbers(parts: list[str]) -> list[float] | None:
    try:
        return [float(part) for part in parts]
    except ValueError:
        return None
