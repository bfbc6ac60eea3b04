"""Convolution kernels for CPUs, compiled by numba at first use: no compiler is needed on the user's machine.

A 3x3 convolution is computed by Winograd's minimal filtering (Lavin and Gray 2016, arXiv 1509.09308) in blocks of
tiles that stay in the cache: transform the tiles, multiply them point by point with the transformed weights, transform
back, add the bias, apply ReLU, store. Stride 2 is split into its even and odd phases first. The multiplications run in
a register-blocked kernel written in LLVM's vector types.
"""
