"""Docking: a rigid ligand in a flexible pocket, searched by a trained agent and by others on one clock."""
