"""Simulation as a pure function, ensembles of it, and the frames that it leaves."""
