"""From files to a receptor, a ligand and a box; what was changed stands in their notes."""

from levinthal.workloads.docking.preparation.ligands import prepare_ligand
from levinthal.workloads.docking.preparation.pdbqt import read_ligand_pdbqt, read_receptor_pdbqt
from levinthal.workloads.docking.preparation.pdbqt_records import ligand_to_pdbqt, receptor_to_pdbqt
from levinthal.workloads.docking.preparation.pockets import pocket_box, residue_atoms
from levinthal.workloads.docking.preparation.receptors import prepare_receptor

__all__ = [
    "ligand_to_pdbqt",
    "pocket_box",
    "prepare_ligand",
    "prepare_receptor",
    "read_ligand_pdbqt",
    "read_receptor_pdbqt",
    "receptor_to_pdbqt",
    "residue_atoms",
]
