"""The typing of a ligand: AutoDock types and rotatable bonds by meeko, positions and bond orders by RDKit."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from levinthal.errors import DataError
from levinthal.workloads.docking.molecules.molecule import Ligand
from levinthal.workloads.docking.preparation.libraries import REFUSED, quiet_libraries
from levinthal.workloads.docking.preparation.pdbqt import ligand_from_pdbqt


def typed_ligand(molecule: Any, name: str) -> Ligand:
    """Let meeko find types and rotatable bonds of a whole molecule, and keep which atom is which."""
    from meeko import MoleculePreparation, PDBQTWriterLegacy
    from rdkit import Chem

    with quiet_libraries():
        try:
            (setup,) = MoleculePreparation(rigid_macrocycles=True).prepare(molecule)
            text, sound, _ = PDBQTWriterLegacy.write_string(setup, add_index_map=True)
            block = Chem.MolToMolBlock(molecule, forceV3000=molecule.GetNumAtoms() > 999)
        except REFUSED:
            sound = False
    if not sound:  # the words of meeko are for its developers
        raise DataError(
            f"{name[:80]}: no AutoDock atom types can be found for it: look for odd bonds, charges or isotopes"
        )
    numbers = _index_map(text)
    ligand = ligand_from_pdbqt(text, name)
    places = molecule.GetConformer().GetPositions()
    order = np.array([numbers[serial] for serial in range(1, len(ligand.types) + 1)], np.int64)
    # The file's three decimals would shift the template against the mol block.
    exact = places[order]
    centre = exact[ligand.heavy_atoms].mean(axis=0)
    return replace(
        ligand,
        coordinates_angstrom=exact - centre,
        centre_angstrom=centre,
        atom_names=tuple(f"{element}{number + 1}" for element, number in zip(ligand.elements, order, strict=True)),
        mol_block=block,
        mol_block_atoms=order,
        has_bond_orders=True,
    )


def _index_map(text: str) -> dict[int, int]:
    """Return the index in the molecule of each serial number of a PDBQT file of meeko's."""
    numbers: dict[int, int] = {}
    for line in text.splitlines():
        if line.startswith("REMARK INDEX MAP"):
            values = [int(value) for value in line.split()[3:]]
            numbers.update(zip(values[1::2], (value - 1 for value in values[::2]), strict=True))
    return numbers
