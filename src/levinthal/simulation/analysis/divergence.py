"""How far a sampled distribution is from the reference: Jensen-Shannon, in nats, at most ln 2."""

from __future__ import annotations

import math
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt
from scipy import special

from levinthal.errors import DataError

Floats: TypeAlias = npt.NDArray[np.floating[Any]] | npt.NDArray[np.integer[Any]]

JENSEN_SHANNON_MAXIMUM_NATS = math.log(2.0)


def _distribution(weights: Floats, name: str) -> npt.NDArray[np.float64]:
    array = np.asarray(weights, np.float64)
    if array.ndim != 1 or not np.isfinite(array).all() or (array < 0.0).any() or not array.sum() > 0.0:
        raise DataError(f"{name} is not a distribution: expected a list of numbers, none negative, not all zero")
    return np.asarray(array / array.sum(), np.float64)


def jensen_shannon_nats(p: Floats, q: Floats) -> float:
    """Return the Jensen-Shannon divergence, H((p + q)/2) - (H(p) + H(q))/2 (Lin, IEEE Trans. Inf. Theory 37:145, 1991).

    Of counts it is biased upward, see `jensen_shannon_noise_nats`: compare policies at equal numbers of frames.

    Parameters
    ----------
    p, q : ndarray, shape (n_states,)
        Distributions or counts on the same states; they are normalised.

    Returns
    -------
    float
        Between 0 and ln 2, which it is where no state belongs to both.

    Raises
    ------
    DataError
        Different lengths, or weights that make no distribution.

    Examples
    --------
    >>> import numpy as np
    >>> from levinthal.simulation import jensen_shannon_nats
    >>> round(jensen_shannon_nats(np.array([1.0, 0.0]), np.array([0.0, 1.0])), 4)  # ln 2, the largest
    0.6931
    """
    a, b = _distribution(p, "p"), _distribution(q, "q")
    if a.shape != b.shape:
        raise DataError(f"distributions over {len(a)} and {len(b)} states: both must be over the same")
    middle = (a + b) / 2.0
    value = 0.5 * float(special.rel_entr(a, middle).sum() + special.rel_entr(b, middle).sum())
    return min(max(value, 0.0), JENSEN_SHANNON_MAXIMUM_NATS)


def jensen_shannon_noise_nats(reference: Floats, n_independent: float) -> float:
    """Return the divergence that a sample of the reference itself shows on average, (K - 1) / (8 N).

    To second order the divergence is chi-squared / (8 N) with K - 1 degrees of freedom; it holds where each of the K
    states is drawn some times. A divergence near this figure cannot be told from none.

    Parameters
    ----------
    reference : ndarray, shape (n_states,)
        The distribution drawn from.
    n_independent : float
        Independent draws: frames divided by the statistical inefficiency.
    """
    if not n_independent > 0.0:
        raise DataError(f"{n_independent} draws: expected a positive number")
    k = int((_distribution(reference, "the reference") > 0.0).sum())
    return min((k - 1) / (8.0 * n_independent), JENSEN_SHANNON_MAXIMUM_NATS)
