"""Synthetic protein families, made by the project."""
