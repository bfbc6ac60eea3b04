"""How a rate grows with the number of workers: Amdahl's law and Gunther's universal scalability law.

Both say of the rate X of n workers that

    n / X(n) = (1 + contention (n - 1) + crosstalk n (n - 1)) / X(1),

Amdahl's without crosstalk; its contention is the serial share [1]_. With crosstalk the rate has a peak [2]_. That is
linear in what is unknown, so it is fitted by least squares of relative deviations under the condition that nothing is
negative.

References
----------
.. [1] G. M. Amdahl, AFIPS Conference Proceedings 30, 483 (1967), doi:10.1145/1465482.1465560
.. [2] N. J. Gunther, Guerrilla Capacity Planning, Springer (2007), doi:10.1007/978-3-540-31010-5
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy import special
from scipy.optimize import nnls

from levinthal.arrays import Doubles
from levinthal.errors import DataError

__all__ = ["Scalability", "amdahl", "universal"]


@dataclass(frozen=True)
class Scalability:
    """A law that was fitted.

    Attributes
    ----------
    rate : float
        Of one worker.
    contention, crosstalk : float
        See above; crosstalk is 0 where it was not fitted.
    low, high : float
        Limits of the contention, 95 %, from the scatter about the law; not below 0.
    deviation : float
        The largest of a rate from the law, relative.

    Examples
    --------
    >>> from levinthal.metrics.scaling_laws import amdahl
    >>> law = amdahl([1, 2, 4, 8], [100 / (0.1 + 0.9 / n) for n in (1, 2, 4, 8)])
    >>> round(law.contention, 6), round(law.speed_up(1e12), 3)
    (0.1, 10.0)
    """

    rate: float
    contention: float
    crosstalk: float
    low: float
    high: float
    deviation: float

    def speed_up(self, n: float) -> float:
        """Return how many times the rate of one worker that of n is."""
        return n / (1.0 + self.contention * (n - 1.0) + self.crosstalk * n * (n - 1.0))

    @property
    def peak(self) -> float:
        """The number of workers at which the rate is highest, infinite without crosstalk."""
        if not self.crosstalk:
            return math.inf
        return math.sqrt(max(1.0 - self.contention, 0.0) / self.crosstalk)


def amdahl(workers: Sequence[int], rates: Sequence[float]) -> Scalability:
    """Fit Amdahl's law.

    Parameters
    ----------
    workers : sequence of int
    rates : sequence of float
        One for each, above 0.

    Raises
    ------
    DataError
        Fewer than three numbers of workers: any two rates fit some law.
    """
    return _fitted(workers, rates, 2)


def universal(workers: Sequence[int], rates: Sequence[float]) -> Scalability:
    """Fit the universal scalability law; as `amdahl`, from four numbers of workers on."""
    return _fitted(workers, rates, 3)


def _fitted(workers: Sequence[int], rates: Sequence[float], n_unknown: int) -> Scalability:
    n, x = np.asarray(workers, np.float64), np.asarray(rates, np.float64)
    if len(n) != len(x) or not (np.isfinite(x).all() and (x > 0).all() and (n >= 1).all()):
        raise DataError("a rate above 0 is needed for each number of workers")
    if len(np.unique(n)) <= n_unknown:
        raise DataError(f"{len(np.unique(n))} numbers of workers: a law with {n_unknown} unknowns needs more of them")
    columns = np.stack([np.ones_like(n), n - 1.0, n * (n - 1.0)][:n_unknown], axis=1)
    design: Doubles = columns * (x / n)[:, None]  # relative deviations: n / X is 1 everywhere
    found, _ = nnls(design, np.ones_like(n))
    if not found[0] > 0.0:
        raise DataError("the rates fit no law of this kind")
    scatter = 1.0 - design @ found
    contention, crosstalk = found[1] / found[0], (found[2] / found[0] if n_unknown > 2 else 0.0)
    freedom = len(n) - n_unknown
    covariance = np.linalg.pinv(design.T @ design) * float(scatter @ scatter) / freedom
    slope = np.zeros(n_unknown)
    slope[:2] = -contention / found[0], 1.0 / found[0]
    half = float(special.stdtrit(freedom, 0.975)) * math.sqrt(max(float(slope @ covariance @ slope), 0.0))
    return Scalability(
        rate=1.0 / found[0],
        contention=float(contention),
        crosstalk=float(crosstalk),
        low=max(float(contention) - half, 0.0),
        high=float(contention) + half,
        deviation=float(np.abs(1.0 / (design @ found) - 1.0).max()),
    )
