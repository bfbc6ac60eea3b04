"""What stands beside the model: PCA and tICA of contacts, as many dimensions, each with a logistic decoder."""

from __future__ import annotations

import traceback
from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np

from levinthal.arrays import Doubles, Integers, Mask
from levinthal.harness import Run
from levinthal.workloads.cvae.data.features import Features
from levinthal.workloads.cvae.evaluation.logistic import LogisticDecoder, tuned_decoder
from levinthal.workloads.cvae.evaluation.scores import frame_bits, mean_map_logits
from levinthal.workloads.cvae.settings import CVAESettings

__all__ = ["PCA", "Space", "fit_baselines", "pca_embedding", "target_bits", "tica_embedding"]

PCA, TICA = "PCA", "tICA"
_MOST_FITTED = 20_000


class Space(NamedTuple):
    """Embeddings of all frames, and what makes maps of them; null where a method found none, and why."""

    points: Doubles | None
    decoder: LogisticDecoder | None = None
    why: str = ""

    @property
    def missing(self) -> str | None:
        """Why there are no embeddings; None where there are."""
        return self.why if self.points is None else None


def fit_baselines(run: Run, settings: CVAESettings, data: Features) -> dict[str, Space]:
    """Fit PCA and tICA with their decoders to the training frames, in phase `baselines`.

    The penalty of a decoder is chosen on the validation frames. A baseline that fails costs its own figures and nothing
    else.
    """
    fit, contacts = data.split.train, data.pairs.contacts
    seed = run.seed_for("clusters", bits=31)

    def fitted(name: str, embed: Callable[[], Doubles | None]) -> Space:
        try:
            points = embed()
            return Space(
                points,
                None if points is None else _decoder(settings, data, points),
                f"no contact varies in stretches longer than the lag of {settings.lag} frames",
            )
        except (ArithmeticError, ValueError, RuntimeError, np.linalg.LinAlgError) as error:
            traceback.print_exc()
            return Space(None, None, f"{name} failed: {type(error).__name__}: {' '.join(str(error).split())[:200]}")

    with run.phase("baselines", items=len(fit), doing="PCA, tICA and their decoders"):
        stretches = [contacts[stretch] for stretch in data.stretches(fit)]
        return {
            PCA: fitted(PCA, lambda: pca_embedding(contacts[fit], contacts, settings.latent, seed)),
            TICA: fitted(TICA, lambda: tica_embedding(stretches, contacts, settings.latent, settings.lag)),
        }


def _decoder(settings: CVAESettings, data: Features, points: Doubles) -> LogisticDecoder:
    def of(frames: Integers) -> tuple[Doubles, Mask]:
        encoded, decoded = data.pairs_in_time(frames, settings.model_lag)
        some = np.unique(np.linspace(0, len(encoded) - 1, min(len(encoded), _MOST_FITTED)).astype(np.int64))
        return points[encoded[some]], data.pairs.contacts[decoded[some]]

    return tuned_decoder(of(data.split.train), of(data.split.validation))


def target_bits(settings: CVAESettings, data: Features, pca: Space) -> float:
    """Return the bits per contact on the validation frames that training is timed to.

    Those of the baseline that the gate names: PCA with its decoder, or of a person's own molecule the mean map less the
    margin.
    """
    contacts, split = data.pairs.contacts, data.split
    encoded, decoded = data.pairs_in_time(split.validation, settings.model_lag)
    if settings.is_own or pca.points is None or pca.decoder is None:
        mean_map = mean_map_logits(contacts[split.train])
        return (1.0 - settings.margin) * float(frame_bits(mean_map, contacts[decoded]).mean())
    return float(frame_bits(pca.decoder.logits(pca.points[encoded]), contacts[decoded]).mean())


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
