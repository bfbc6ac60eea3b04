"""LSTM kernels for CPUs, compiled by numba at first use: no compiler is needed on the user's machine.

A recurrent layer at batch 1 is bound by reading its recurrent weights at every residue. So a whole direction runs in
one compiled call on one core, with no meeting of cores inside a layer, weights lie in the order in which they are read,
and prediction may keep them in 16-bit integers. Sequences are sorted by length: those that have ended cost nothing.
"""
