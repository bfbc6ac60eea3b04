"""How many independent samples a set of frames is worth."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from scipy import fft

from levinthal.arrays import Doubles, Floats
from levinthal.errors import DataError


def kish_effective_sample_size(weights: Floats) -> float:
    """Return (sum w)^2 / sum w^2: how many equal weights have the same variance (Kish, Survey Sampling, 1965).

    It knows nothing of correlation in time: the frames are taken as independent.

    Parameters
    ----------
    weights : ndarray, shape (n_frames,)
        Not negative, not all zero; of any scale.

    Raises
    ------
    DataError
        Weights that make no sense.
    """
    w = np.asarray(weights, np.float64)
    if not w.size or not np.isfinite(w).all() or (w < 0.0).any() or not w.sum() > 0.0:
        raise DataError("weights must be finite and not negative, and not all zero")
    w = w / w.max()
    return float(w.sum() ** 2 / (w**2).sum())


def integrated_autocorrelation_time_steps(series: Floats, lag_steps: int = 1) -> float:
    """Return tau_int = lag (1/2 + sum over k >= 1 of rho(k)), in steps; lag/2 for independent values.

    The sum ends after Geyer's initial monotone sequence (Stat. Sci. 7:473, 1992): sums of two neighbouring
    autocorrelations of a reversible chain are positive and fall. It is biased downward where the series is not many
    times longer than tau_int, and tells nothing of states that were never visited.

    Parameters
    ----------
    series : ndarray, shape (n_frames,)
        An observable along one trajectory.
    lag_steps : int
        Steps between frames.

    Returns
    -------
    float
        Infinite for a constant series, from which nothing can be told.

    Raises
    ------
    DataError
        Fewer than 4 frames, or values that are not finite.
    """
    x = np.asarray(series, np.float64)
    if x.ndim != 1 or len(x) < 4 or not np.isfinite(x).all():
        raise DataError(f"a series of shape {x.shape}: expected at least 4 finite numbers")
    if np.ptp(x) == 0.0:
        return float("inf")
    # Scaled by a power of two, which changes no digit, so that no square is beyond the range of numbers.
    x = np.ldexp(x, -int(np.frexp(np.abs(x).max())[1]))
    x = x - x.mean()
    x = np.ldexp(x, -int(np.frexp(np.abs(x).max())[1]))
    n = len(x)
    return float(lag_steps * max(_sum_of_correlations(_products(x) / n) - 0.5, 0.5 / n))


def _products(x: Doubles) -> Doubles:
    """Return the sum of x(t) x(t + k) for every k."""
    transformed = fft.rfft(x, fft.next_fast_len(2 * len(x)))
    return np.asarray(fft.irfft(np.abs(transformed) ** 2)[: len(x)], np.float64)


def _sum_of_correlations(covariance: Doubles) -> float:
    """Return the sum of the autocorrelations from lag 0 on, ended by Geyer's initial monotone sequence."""
    n = len(covariance)
    rho = covariance / covariance[0]
    pairs = rho[0 : n - n % 2 : 2] + rho[1 : n - n % 2 : 2]
    end = int((pairs <= 0.0).argmax()) if (pairs <= 0.0).any() else len(pairs)
    return float(np.minimum.accumulate(pairs[:end]).sum())


def correlation_time_of_runs_steps(runs: Sequence[Floats], lag_steps: int = 1) -> float:
    """Return 2 tau_int of an observable along several runs of one process, in steps.

    Autocovariances are taken about the mean of all runs, which a single short run does not know, each lag over the
    pairs of frames that there are. The sum ends as that of `integrated_autocorrelation_time_steps`.

    Parameters
    ----------
    runs : sequence of ndarray, shape (n_frames,)
        The observable along each.
    lag_steps : int
        Steps between frames.

    Returns
    -------
    float
        0 where it does not vary in any.

    Raises
    ------
    DataError
        No frames, or values that are not finite.

    Examples
    --------
    >>> import numpy as np
    >>> from levinthal.simulation.analysis.effective_samples import correlation_time_of_runs_steps
    >>> white = np.random.default_rng(0).normal(size=(4, 500))
    >>> bool(abs(correlation_time_of_runs_steps(np.repeat(white, 8, axis=1)) - 8) < 1)
    True
    """
    series = [np.asarray(run, np.float64) for run in runs if len(run)]
    together = np.concatenate([np.empty(0), *series])
    if not len(together) or not np.isfinite(together).all():
        raise DataError("a correlation time needs finite values along at least one run")
    if np.ptp(together) == 0.0:
        return 0.0
    scale = float(np.abs(together - together.mean()).max())
    total = np.zeros(max(map(len, series)))
    frames = np.zeros(len(total))
    for run in series:
        total[: len(run)] += _products((run - together.mean()) / scale)
        frames[: len(run)] += np.arange(len(run), 0, -1)
    return float(2 * lag_steps * max(_sum_of_correlations(total / frames) - 0.5, 0.0))


def statistical_inefficiency(series: Floats) -> float:
    """Return 2 tau_int in frames: how many frames are worth one independent sample; 1 for independent values."""
    return 2.0 * integrated_autocorrelation_time_steps(series)


def effective_sample_size(series: Floats) -> float:
    """Return N / (2 tau_int), the number of independent samples with the same variance of the mean.

    Parameters
    ----------
    series : ndarray, shape (n_frames,)
        An observable along one trajectory.

    Returns
    -------
    float
        0 for a constant series.

    Examples
    --------
    >>> import numpy as np
    >>> from levinthal.simulation import effective_sample_size
    >>> white = np.random.default_rng(0).normal(size=1000)
    >>> effective_sample_size(np.repeat(white, 10)) < 2000
    True
    """
    return len(series) / statistical_inefficiency(series)
