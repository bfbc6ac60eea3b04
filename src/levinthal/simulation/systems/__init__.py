"""Molecular systems: from a sequence or a file to something that can be simulated."""
