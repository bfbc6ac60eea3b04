"""Sizes of the network `moments`, the same in torch and in compiled loops, where they must be known to the compiler."""

N_SPLINES, N_CHANNELS, WIDTH = 10, 16, 32

FIRST_PLACE, LAST_PLACE = 1.0, N_SPLINES - 2.0
"""Between which places, in spacings from the first spline, splines sum to 1."""
