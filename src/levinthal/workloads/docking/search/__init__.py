"""Searches for the best pose: Vina, and ours on one batched score; a file for each method, all with one outcome."""
