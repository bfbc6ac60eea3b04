"""Ligands and receptors in memory, and poses of a ligand."""
