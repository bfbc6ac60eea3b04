"""Sequences, their alignments and their profiles."""
