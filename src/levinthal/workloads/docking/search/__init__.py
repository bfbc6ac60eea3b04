"""Searches for the best pose of a ligand: the contract, the built-in ones, the trained policy and the last word."""
