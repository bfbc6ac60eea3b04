"""Compiled loops: arrays in, arrays out. A leaf: nothing here imports the rest of the package."""
