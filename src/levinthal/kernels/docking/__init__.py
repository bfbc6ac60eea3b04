"""Compiled loops of docking scores."""
