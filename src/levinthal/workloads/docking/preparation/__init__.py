"""From files to a receptor, a ligand and a box; what was changed stands in their notes."""

from levinthal.workloads.docking.preparation.pdbqt import (
    ligand_to_pdbqt,
    read_ligand_pdbqt,
    read_receptor_pdbqt,
    receptor_to_pdbqt,
)

__all__ = ["ligand_to_pdbqt", "read_ligand_pdbqt", "read_receptor_pdbqt", "receptor_to_pdbqt"]
