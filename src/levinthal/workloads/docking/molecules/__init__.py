"""Ligands, receptors and the box in memory: atom types, poses, RMSD, and files for other programs."""
