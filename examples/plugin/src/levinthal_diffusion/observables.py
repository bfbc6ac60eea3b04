"""The observable: mean squared displacement over all time origins."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

Doubles = npt.NDArray[np.float64]


def mean_squared_displacement(positions: Doubles) -> Doubles:
    """Return the mean squared displacement at each lag, over particles and over all frames that a lag can begin at.

    The sum over origins is a correlation, taken by a Fourier transform (Calandrini et al., Collection SFN 12:201,
    2011).

    Parameters
    ----------
    positions : ndarray of float64, shape (n_particles, n_frames, d)
        In nm, unwrapped.

    Returns
    -------
    ndarray of float64, shape (n_frames,)
        In nm^2, at lags of 0, 1, ... frames.
    """
    n_frames = positions.shape[1]
    moved = positions - positions[:, :1]
    squared = np.square(moved).sum(axis=2)
    spectrum = np.fft.rfft(moved, 2 * n_frames, axis=1)
    products = np.fft.irfft(np.square(np.abs(spectrum)), 2 * n_frames, axis=1)[:, :n_frames].sum(axis=2)
    # Squares at the origins of a lag, and at its ends: all of them but the last, or the first, `lag` frames.
    sums = np.cumsum(squared, axis=1)
    ends = sums[:, -1:] - np.concatenate([np.zeros((len(sums), 1)), sums[:, :-1]], axis=1)
    origins = sums[:, ::-1]
    return np.asarray(((origins + ends - 2.0 * products) / np.arange(n_frames, 0, -1)).mean(axis=0), np.float64)
