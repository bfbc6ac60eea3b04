"""Logistic regression of every contact on a few coordinates: the decoder of embeddings that have none of their own.

All pairs of residues are fitted at once by Newton's method, which takes a second where scikit-learn's regressions, one
after the other, take a minute; the minimum is the same.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from levinthal.arrays import Doubles, Floats, Mask

__all__ = ["PENALTIES", "LogisticDecoder", "fit_decoder", "tuned_decoder"]

PENALTIES = (0.1, 1.0, 10.0, 100.0)
"""Ridge penalties that `tuned_decoder` tries."""

_MOST_STEPS, _MOST_HALVINGS = 40, 8
_CONVERGED = 1e-6
_PAIRS_AT_ONCE = 256


@dataclass(frozen=True, eq=False)
class LogisticDecoder:
    """Log odds of every pair, linear in the coordinates.

    Attributes
    ----------
    centre, scale : ndarray, shape (n_latent,)
        Coordinates are centred and scaled by these before they are weighted.
    weights : ndarray of float64, shape (n_latent + 1, n_pairs)
        The intercept comes last.
    penalty : float
        Of the squared weights, on the scale of a sum over frames.
    """

    centre: Doubles
    scale: Doubles
    weights: Doubles
    penalty: float

    def logits(self, points: Floats) -> Doubles:
        """Return log odds (n_frames, n_pairs) of points (n_frames, n_latent)."""
        return _design(points, self.centre, self.scale) @ self.weights


def _design(points: Floats, centre: Doubles, scale: Doubles) -> Doubles:
    scaled = (np.asarray(points, np.float64) - centre) / scale
    return np.column_stack([scaled, np.ones(len(scaled))])


def _losses(odds: Floats, truth: Floats) -> Doubles:
    """Return the negative log-likelihood of each pair, summed over the frames."""
    # log(1 + e^x) - t x; log1p of a negative power of e is several times faster than logaddexp
    losses = np.maximum(odds, 0.0) + np.log1p(np.exp(-np.abs(odds))) - truth * odds
    return np.asarray(losses.sum(axis=0, dtype=np.float64), np.float64)


def _newton(design: Floats, truth: Floats, penalty: float, weights: Doubles) -> Doubles:
    """Return the weights (n_columns, n_pairs) of the penalised maximum likelihood; the last column is not penalised.

    Sums over frames are taken in single precision: the minimum is found by comparing losses, and those differ by more.
    """
    n, columns = design.shape
    ridge = np.full(columns, penalty)
    ridge[-1] = 0.0
    products = (design[:, :, None] * design[:, None, :]).reshape(n, -1)

    def objective_of(weights: Doubles) -> tuple[Doubles, Floats]:
        odds = design @ weights.astype(np.float32)
        return _losses(odds, truth) + 0.5 * (ridge[:, None] * weights**2).sum(axis=0), odds

    objective, odds = objective_of(weights)
    for _ in range(_MOST_STEPS):
        chance = 1.0 / (1.0 + np.exp(-np.clip(odds, -50.0, 50.0)))
        gradient = (design.T @ (chance - truth)).astype(np.float64) + ridge[:, None] * weights
        curvature = (products.T @ (chance * (1.0 - chance))).T.reshape(-1, columns, columns).astype(np.float64)
        # a pair that never changes has no curvature left: the small number keeps its equations solvable
        curvature += np.diag(ridge + 1e-6 * n)
        step = np.linalg.solve(curvature, gradient.T[:, :, None])[:, :, 0].T
        for _ in range(_MOST_HALVINGS):
            found, tried = objective_of(weights - step)
            worse = found > objective * (1.0 + _CONVERGED)
            if not worse.any():
                break
            step[:, worse] *= 0.5
        better = found < objective
        gain = float((objective - found)[better].sum())
        weights = np.where(better, weights - step, weights)
        objective, odds = np.where(better, found, objective), np.where(better, tried, odds)
        if gain <= _CONVERGED * float(objective.sum()):
            break
    return weights


def fit_decoder(points: Floats, truth: Mask, penalty: float, first: LogisticDecoder | None = None) -> LogisticDecoder:
    """Fit a logistic regression of every pair on the coordinates.

    Parameters
    ----------
    points : ndarray, shape (n_frames, n_latent)
        Coordinates; those that do not vary are left alone.
    truth : ndarray of bool, shape (n_frames, n_pairs)
        Contacts.
    penalty : float
        Half of it times the squared weights, of coordinates of unit variance, is added to the negative log-likelihood
        of all frames; scikit-learn's 1 / C.
    first : LogisticDecoder, optional
        Of the same frames and another penalty, to go on from.

    Examples
    --------
    >>> import numpy as np
    >>> from levinthal.workloads.cvae.evaluation.logistic import fit_decoder
    >>> points = np.linspace(-3.0, 3.0, 200)[:, None]
    >>> decoder = fit_decoder(points, points > 0.0, penalty=1.0)
    >>> (decoder.logits(np.array([[-2.0], [2.0]])) > 0.0).ravel().tolist()
    [False, True]
    """
    centre = np.asarray(points, np.float64).mean(axis=0)
    spread = np.asarray(points, np.float64).std(axis=0)
    scale = np.where(spread > 0.0, spread, 1.0)
    design = _design(points, centre, scale).astype(np.float32)
    mean = (truth.sum(axis=0) + 0.5) / (len(truth) + 1.0)
    weights = np.zeros((design.shape[1], truth.shape[1]))
    weights[-1] = np.log(mean) - np.log1p(-mean)
    if first is not None:
        weights = first.weights
    parts = [
        _newton(
            design, truth[:, k : k + _PAIRS_AT_ONCE].astype(np.float32), penalty, weights[:, k : k + _PAIRS_AT_ONCE]
        )
        for k in range(0, truth.shape[1], _PAIRS_AT_ONCE)
    ]
    return LogisticDecoder(centre, scale, np.concatenate(parts, axis=1), penalty)


def tuned_decoder(
    fitted: tuple[Floats, Mask], checked: tuple[Floats, Mask], penalties: Sequence[float] = PENALTIES
) -> LogisticDecoder:
    """Fit a decoder for each penalty, the largest first, and return the one with the lowest loss on other frames.

    Parameters
    ----------
    fitted, checked : tuple of ndarray
        Points and contacts, as for `fit_decoder`, of the training and of the validation frames.
    penalties : sequence of float
        To choose from.
    """
    truth, last = checked[1].astype(np.float64), None
    found = []
    for penalty in sorted(penalties, reverse=True):
        last = fit_decoder(*fitted, penalty, last)
        found.append((float(_losses(last.logits(checked[0]), truth).sum()), last))
    return min(found, key=lambda each: each[0])[1]
