"""Protein families and records, as batches."""
