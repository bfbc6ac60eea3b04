"""How good a model of contact maps is: bits of held-out frames with intervals, clusters, what can be read linearly.

Pure functions of arrays.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from levinthal.arrays import Doubles, Floats, Integers, Mask
from levinthal.simulation.analysis.intervals import Estimate
from levinthal.simulation.analysis.pair_bootstrap import bootstrap, exponentials, interval_of, log_of_means

_LN2 = float(np.log(2.0))
_TIMES_A_BLOCK = 4


def frame_bits(logits: Floats, truth: Mask) -> Doubles:
    """Return the negative log-likelihood of each frame's contacts under independent Bernoulli logits, in bits a pair.

    Parameters
    ----------
    logits : ndarray, shape (n_frames, n_pairs) or (n_pairs,)
        Log odds of a contact.
    truth : ndarray of bool, shape (n_frames, n_pairs)
        Whether the pair is in contact.

    Returns
    -------
    ndarray of float64, shape (n_frames,)
        0 for certainty that is always right, 1 for a coin.
    """
    odds = np.asarray(logits, np.float64)
    # log(1 + e^x) - t x, written so that neither sign of x overflows
    losses = np.logaddexp(0.0, odds) - np.where(truth, odds, 0.0)
    return np.asarray(losses.mean(axis=1) / _LN2, np.float64)


def ratio_of_bits(
    candidate: Doubles, baseline: Doubles, blocks: Sequence[Integers], *, seed: int = 0, confidence: float = 0.95
) -> Estimate:
    """Return the bits of one model over those of another on the same frames, with an interval.

    Frames of a trajectory are no independent witnesses: what is drawn again are blocks of them, longer than the frames
    remember (Kuensch, Ann. Stat. 17:1217, 1989; the studentised bootstrap of `pair_bootstrap`, Student's interval where
    there are fewer than 8 blocks, none below 3).

    Parameters
    ----------
    candidate, baseline : ndarray, shape (n_frames,)
        From `frame_bits`.
    blocks : sequence of ndarray of int64
        Which frames each block holds; see `blocks_of`.
    seed : int
        Of the bootstrap.
    confidence : float
        Of the interval.

    Returns
    -------
    Estimate
        NaN limits where there are too few blocks.
    """
    sums = [np.array([bits[block].sum() for block in blocks]) for bits in (candidate, baseline)]
    logs = bootstrap(log_of_means((sums[0], 1), (sums[1], -1)), len(blocks), confidence, seed)
    return Estimate(*exponentials(logs), confidence, f"{interval_of(len(blocks))} over {len(blocks)} blocks of frames")


def blocks_of(stretches: Sequence[Integers], correlation_time: float) -> list[Integers]:
    """Cut stretches of frames into equal blocks of at least four correlation times; a shorter stretch is a block.

    Blocks of one correlation time still remember each other: an interval of 95 % held the truth 85 times of 100.
    """
    length = _TIMES_A_BLOCK * max(1.0, correlation_time)
    return [part for each in stretches for part in np.array_split(each, max(1, int(len(each) / length)))]


def mean_map_logits(truth: Mask) -> Doubles:
    """Return the log odds of each pair from its frequency in the training frames, with Laplace's rule of succession.

    This is the best that can be said of a frame without looking at it: the bar that any model has to clear.

    Parameters
    ----------
    truth : ndarray of bool, shape (n_frames, n_pairs)
        Training frames.

    Returns
    -------
    ndarray of float64, shape (n_pairs,)
    """
    seen = truth.sum(axis=0, dtype=np.float64) + 1.0
    unseen = len(truth) - truth.sum(axis=0, dtype=np.float64) + 1.0
    return np.asarray(np.log(seen) - np.log(unseen), np.float64)


def area_under_curve(logits: Floats, truth: Mask) -> float | None:
    """Return the area under the ROC curve over all pairs and frames; null where all pairs are alike."""
    from sklearn.metrics import roc_auc_score

    labels = truth.ravel()
    if labels.all() or not labels.any():
        return None
    return float(roc_auc_score(labels, np.broadcast_to(logits, truth.shape).ravel()))


def linear_correlation(
    fit_latent: Floats, fit_values: Floats, test_latent: Floats, test_values: Floats
) -> float | None:
    """Return how well a property can be read linearly from the latent space, on frames not used for the reading.

    A least-squares fit on one set of frames predicts the property of another; the answer is Pearson's correlation of
    prediction and truth. It does not depend on how the latent axes are turned or scaled.

    Parameters
    ----------
    fit_latent, test_latent : ndarray, shape (n_frames, n_latent)
        Embeddings.
    fit_values, test_values : ndarray, shape (n_frames,)
        The property.

    Returns
    -------
    float or None
        Null where the property, or what is predicted of it, does not vary.
    """
    design = np.column_stack([fit_latent, np.ones(len(fit_latent))]).astype(np.float64)
    weights, *_ = np.linalg.lstsq(design, np.asarray(fit_values, np.float64), rcond=None)
    predicted = np.column_stack([test_latent, np.ones(len(test_latent))]) @ weights
    if len(predicted) < 2 or np.ptp(predicted) == 0 or np.ptp(test_values) == 0:
        return None
    return float(np.corrcoef(predicted, test_values)[0, 1])


def cluster_labels(points: Floats, fit: Integers, n_clusters: int, seed: int) -> npt.NDArray[np.int32]:
    """Return k-means labels of all frames, the means fitted to some; each axis has unit variance on these.

    Parameters
    ----------
    points : ndarray, shape (n_frames, n_latent)
        Embeddings.
    fit : ndarray of int64
        Which frames to fit to.
    n_clusters, seed : int
    """
    from sklearn.cluster import KMeans

    on_scale = scaled(points, fit)
    found = KMeans(n_clusters, n_init=10, random_state=seed).fit(on_scale[fit])
    return np.asarray(found.predict(on_scale), np.int32)


def state_agreement(labels: npt.NDArray[np.integer], states: npt.NDArray[np.integer]) -> float | None:
    """Return the adjusted mutual information of clusters and states; null where there is one state only.

    0 is what chance gives, 1 perfect agreement (Vinh, Epps and Bailey, J. Mach. Learn. Res. 11:2837, 2010).
    """
    from sklearn.metrics import adjusted_mutual_info_score

    if len(np.unique(states)) < 2:
        return None
    return float(adjusted_mutual_info_score(states, labels))


def scaled(points: Floats, fit: Integers | None = None) -> Doubles:
    """Return embeddings, each axis centred and of unit variance on some frames (all); one that is constant is 0."""
    some = points if fit is None else points[fit]
    spread = some.std(axis=0)
    return np.asarray((points - some.mean(axis=0)) / np.where(spread > 0, spread, 1.0), np.float64)
