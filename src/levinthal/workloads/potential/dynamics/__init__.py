"""Dynamics on whatever gives energies and forces."""
