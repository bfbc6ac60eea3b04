"""How good a model of contact maps is: reconstruction of held-out frames, and what its latent space has found.

Pure functions of arrays; PCA and tICA stand beside the CVAE as baselines with as many dimensions and the same frames.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from levinthal.arrays import Doubles, Floats, Mask

_SILHOUETTE_FRAMES = 2000
_LN2 = float(np.log(2.0))


def bits_per_contact(logits: Floats, truth: Mask) -> float:
    """Return the mean negative log-likelihood of contacts under independent Bernoulli logits, in bits a pair.

    Parameters
    ----------
    logits : ndarray, shape (n_frames, n_pairs) or (n_pairs,)
        Log odds of a contact.
    truth : ndarray of bool, shape (n_frames, n_pairs)
        Whether the pair is in contact.

    Returns
    -------
    float
        0 for certainty that is always right, 1 for a coin.
    """
    odds = np.asarray(logits, np.float64)
    # log(1 + e^x) - t x, written so that neither sign of x overflows
    losses = np.logaddexp(0.0, odds) - np.where(truth, odds, 0.0)
    return float(losses.mean() / _LN2)


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


def cluster_labels(latent: Floats, n_clusters: int, seed: int) -> npt.NDArray[np.int32]:
    """Return k-means labels of embeddings, each axis scaled to unit variance first."""
    from sklearn.cluster import KMeans

    return np.asarray(KMeans(n_clusters, n_init=10, random_state=seed).fit_predict(scaled(latent)), np.int32)


def state_agreement(labels: npt.NDArray[np.integer], states: npt.NDArray[np.integer]) -> float | None:
    """Return the adjusted mutual information of clusters and known states; null where there is one state only.

    0 is what chance gives, 1 perfect agreement (Vinh, Epps and Bailey, J. Mach. Learn. Res. 11:2837, 2010).
    """
    from sklearn.metrics import adjusted_mutual_info_score

    if len(np.unique(states)) < 2:
        return None
    return float(adjusted_mutual_info_score(states, labels))


def silhouette(latent: Floats, labels: npt.NDArray[np.integer], seed: int) -> float | None:
    """Return the mean silhouette of clusters (Rousseeuw 1987) on at most 2,000 frames; null for a single cluster."""
    from sklearn.metrics import silhouette_score

    n_labels = len(np.unique(labels))
    if n_labels < 2 or n_labels >= len(labels):
        return None
    size = min(_SILHOUETTE_FRAMES, len(labels))
    return float(silhouette_score(scaled(latent), labels, sample_size=size, random_state=seed))


def pca_embedding(train: Mask, frames: Mask, n_latent: int, seed: int) -> Doubles:
    """Return the principal components of contacts, fitted on the training frames.

    Parameters
    ----------
    train, frames : ndarray of bool, shape (n_frames, n_pairs)
        What to fit on and what to embed.
    n_latent : int
        How many components; fewer where there are fewer frames or pairs, filled up with zeros.
    seed : int
        Of the randomised solver.

    Returns
    -------
    ndarray of float64, shape (len(frames), n_latent)
    """
    from sklearn.decomposition import PCA

    n_components = min(n_latent, *train.shape)
    model = PCA(n_components, random_state=seed).fit(train.astype(np.float64))
    components = np.asarray(model.transform(frames.astype(np.float64)), np.float64)
    return np.pad(components, ((0, 0), (0, n_latent - n_components)))


def tica_embedding(train_blocks: Sequence[Mask], frames: Mask, n_latent: int, lag: int) -> Doubles | None:
    """Return time-lagged independent components of contacts, fitted on contiguous blocks of training frames.

    Parameters
    ----------
    train_blocks : sequence of ndarray of bool, shape (n_frames, n_pairs)
        Blocks within which frames follow each other; those not longer than the lag are left out.
    frames : ndarray of bool, shape (n_frames, n_pairs)
        What to embed.
    n_latent : int
        How many components; fewer where the data have fewer, filled up with zeros.
    lag : int
        In frames.

    Returns
    -------
    ndarray of float64, shape (len(frames), n_latent), or None
        Null where no block is longer than the lag, or no contact varies.
    """
    from deeptime.decomposition import TICA
    from deeptime.numeric import ZeroRankError

    long_enough = [block.astype(np.float64) for block in train_blocks if len(block) > lag + 1]
    if not long_enough:
        return None
    estimator = TICA(lagtime=lag, dim=n_latent, epsilon=1e-4)
    for block in long_enough:
        estimator.partial_fit((block[:-lag], block[lag:]))
    try:
        components = np.asarray(estimator.fetch_model().transform(frames.astype(np.float64)), np.float64)
    except ZeroRankError:
        return None
    return np.pad(components, ((0, 0), (0, n_latent - components.shape[1])))


def vamp2_held_out(fitted: Sequence[Floats], scored: Sequence[Floats], lag: int) -> float | None:
    """Return the VAMP-2 score of an embedding, fitted on some stretches of frames and scored on others.

    Parameters
    ----------
    fitted, scored : sequence of ndarray, shape (n_frames, n_latent)
        Stretches within which frames follow each other; those not longer than the lag are left out.
    lag : int
        In frames.

    Returns
    -------
    float or None
        At least 1 (the constant function) but for noise; null where either part has no stretch longer than the lag, or
        does not vary.
    """
    from deeptime.numeric import ZeroRankError

    from levinthal.simulation.analysis.markov import held_out_vamp2

    usable = [[stretch for stretch in part if len(stretch) > lag] for part in (fitted, scored)]
    if not all(usable):
        return None
    try:
        return held_out_vamp2(usable[0], usable[1], lag)
    except ZeroRankError:
        return None


def scaled(latent: Floats) -> Doubles:
    """Return embeddings with each axis centred and of unit variance; one that does not vary stays at 0."""
    spread = latent.std(axis=0)
    return np.asarray((latent - latent.mean(axis=0)) / np.where(spread > 0, spread, 1.0), np.float64)
