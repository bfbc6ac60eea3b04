"""The decoder of the baselines against scikit-learn's logistic regression, one pair after the other."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression

from levinthal.workloads.cvae.evaluation.logistic import fit_decoder, tuned_decoder
from levinthal.workloads.cvae.evaluation.scores import frame_bits


def contacts_of(rng: np.random.Generator, n_frames: int, n_pairs: int) -> tuple[np.ndarray, np.ndarray]:
    points = rng.normal(size=(n_frames, 3)) * [1.0, 5.0, 0.1] + [0.0, 3.0, 0.0]
    odds = (points / [1.0, 5.0, 0.1]) @ rng.normal(size=(3, n_pairs)) + rng.normal(size=n_pairs)
    return points, rng.random((n_frames, n_pairs)) < 1.0 / (1.0 + np.exp(-odds))


@pytest.mark.parametrize("penalty", [0.3, 20.0])
def test_weights_are_those_of_scikit_learn(penalty):
    points, truth = contacts_of(np.random.default_rng(0), 800, 300)
    truth[:, 7] = points[:, 0] > 0.0  # without a penalty the weights of this pair would be infinite
    decoder = fit_decoder(points, truth, penalty)
    scaled = (points - points.mean(axis=0)) / points.std(axis=0)
    for pair in (0, 7, 150, 299):
        peer = LogisticRegression(C=1.0 / penalty, tol=1e-8, max_iter=1000).fit(scaled, truth[:, pair])
        expected = np.append(peer.coef_[0], peer.intercept_)
        np.testing.assert_allclose(decoder.weights[:, pair], expected, atol=0.02, rtol=0.02)
        chance = 1.0 / (1.0 + np.exp(-decoder.logits(points)[:, pair]))
        np.testing.assert_allclose(chance, peer.predict_proba(scaled)[:, 1], atol=5e-3)


def test_pairs_that_never_change_and_axes_that_do_not_vary_do_no_harm():
    points, truth = contacts_of(np.random.default_rng(1), 200, 4)
    truth[:, 0], truth[:, 1] = True, False
    points[:, 2] = 1.5
    logits = fit_decoder(points, truth, 1.0).logits(points)
    assert np.isfinite(logits).all()
    assert (logits[:, 0] > 4.0).all()
    assert (logits[:, 1] < -4.0).all()


def test_the_penalty_is_the_one_that_other_frames_like_best():
    rng = np.random.default_rng(2)
    points, truth = rng.normal(size=(30, 5)), rng.random((30, 40)) < 0.5  # there is nothing to learn
    fresh = rng.normal(size=(500, 5)), rng.random((500, 40)) < 0.5
    tuned = tuned_decoder((points, truth), fresh)
    assert tuned.penalty == 100.0
    loose = fit_decoder(points, truth, 0.1)
    assert frame_bits(tuned.logits(fresh[0]), fresh[1]).mean() < frame_bits(loose.logits(fresh[0]), fresh[1]).mean()
