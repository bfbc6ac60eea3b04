"""Figures, and a pose to turn."""
