"""Drift of a conserved energy: what single precision, long steps or loose constraints do to dynamics without a bath."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from levinthal.arrays import Doubles
from levinthal.errors import UsageError

_BOLTZMANN_KJ_MOL_K = 0.00831446261815324
_PS_PER_NS = 1000.0


@dataclass(frozen=True)
class Drift:
    """How fast the total energy of a system drifts, in kT a nanosecond and degree of freedom.

    Attributes
    ----------
    per_run : tuple of float
        Slope of each run, by least squares.
    value : float
        Their mean.
    interval : tuple of (float, float) or None
        95 % by Student's t over the runs, which are independent whatever the noise within one; None with a single run.
    """

    per_run: tuple[float, ...]
    value: float
    interval: tuple[float, float] | None

    @property
    def size(self) -> tuple[float, float] | None:
        """Least and largest size of the drift, whatever its sign, that the interval allows."""
        if self.interval is None:
            return None
        low, high = self.interval
        return 0.0 if low <= 0.0 <= high else min(abs(low), abs(high)), max(abs(low), abs(high))


def energy_drift(energies_kj_mol: Doubles, interval_ps: float, *, n_dof: int, temperature_k: float) -> Drift:
    """Return the drift of a total energy.

    Parameters
    ----------
    energies_kj_mol : ndarray, shape (runs, frames)
        Of independent runs, at least three frames each.
    interval_ps : float
        Between two frames.
    n_dof : int
        Degrees of freedom: three an atom, less the constraints.
    temperature_k : float
        Of the kT that it is told in.

    Raises
    ------
    UsageError
        Too few frames, or an energy that is not finite.

    Examples
    --------
    >>> import numpy as np
    >>> from levinthal.simulation.analysis.drift import energy_drift
    >>> rising = np.linspace(0.0, 1.0, 11)[None] + np.array([[0.0], [5.0]])
    >>> round(energy_drift(rising, 1.0, n_dof=40, temperature_k=300.0).value, 3)
    1.002
    """
    energies = np.asarray(energies_kj_mol, np.float64)
    if energies.ndim != 2 or energies.shape[1] < 3 or not np.isfinite(energies).all():
        raise UsageError(f"energies of shape {energies.shape}: give (runs, frames), three frames or more, all finite")
    times_ns = np.arange(energies.shape[1]) * interval_ps / _PS_PER_NS
    centred = times_ns - times_ns.mean()
    slopes = energies @ centred / (centred @ centred) / (_BOLTZMANN_KJ_MOL_K * temperature_k * n_dof)
    value, interval = float(slopes.mean()), None
    if len(slopes) > 1:
        from scipy import stats

        error = float(slopes.std(ddof=1)) / np.sqrt(len(slopes))
        reach = float(stats.t.ppf(0.975, len(slopes) - 1)) * error
        interval = (value - reach, value + reach)
    return Drift(tuple(slopes.tolist()), value, interval)


def drifts_less(one: Drift, other: Drift) -> bool | None:
    """Return whether one drift is smaller than another in size; None where their intervals do not tell."""
    if one.size is None or other.size is None:
        return None
    if one.size[1] < other.size[0]:
        return True
    return False if other.size[1] < one.size[0] else None
