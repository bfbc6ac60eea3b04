"""Trajectories that others made: read right or refused, in a process of its own."""
