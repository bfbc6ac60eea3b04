"""Learners: what they keep of frames, that models travel, and that training goes on where it was."""

from __future__ import annotations

import pickle

import numpy as np
import pytest

from levinthal.errors import DataError, UsageError
from levinthal.workloads.sampling.learners.features import pair_distances
from levinthal.workloads.sampling.learners.learner import LEARNERS, fit_learner, make_learner

SMALL = {"filters": 8, "layers": 2, "dense": 16, "latent": 2, "epochs": 4, "warm_epochs": 2, "batch_size": 50}


@pytest.fixture(scope="module")
def chains() -> np.ndarray:
    """Chains of 10 residues in two states, extended and a hairpin, each with noise."""
    rng = np.random.default_rng(0)
    along = np.arange(10) * 0.35
    extended = np.c_[along, np.zeros(10), np.zeros(10)]
    hairpin = np.c_[np.minimum(along, along[::-1]), np.where(np.arange(10) < 5, 0.0, 0.5), np.zeros(10)]
    state = np.arange(600) // 30 % 2
    frames = np.stack([extended, hairpin])[state] + 0.03 * rng.normal(size=(600, 10, 3))
    return frames.astype(np.float32)


def _end_to_end(frames: np.ndarray) -> np.ndarray:
    return np.linalg.norm(frames[:, 0] - frames[:, -1], axis=1)[:, None]


def _settings(name: str) -> dict[str, object]:
    return {"cvae": SMALL, "true-coordinates": {"coordinates": _end_to_end}}.get(name, {})


@pytest.mark.parametrize("name", LEARNERS.built_in())
def test_a_model_travels_and_embeds_frame_by_frame(name: str, chains: np.ndarray):
    learner = pickle.loads(pickle.dumps(make_learner(name, **_settings(name))))
    assert learner.name == name
    first = fit_learner(learner, chains[:300], None, 3, np.zeros(300, np.int64))
    model = fit_learner(learner, chains, first, 4, np.zeros(600, np.int64))
    assert (first.version, model.version) == (1, 2)
    assert model.duration_s >= 0
    embedding = model.embed(chains)
    assert embedding.dtype == np.float32
    copy = pickle.loads(pickle.dumps(model))
    np.testing.assert_array_equal(copy.embed(chains), embedding)
    np.testing.assert_allclose(np.concatenate([model.embed(chains[:7]), model.embed(chains[7:])]), embedding, atol=1e-5)
    assert model.embed(chains[:0]).shape == (0, embedding.shape[1])
    # a turned and shifted frame is the same structure
    turned = (chains[:50] @ np.array([[0, 1, 0], [0, 0, 1], [1, 0, 0]], np.float32) + 1.5).astype(np.float32)
    np.testing.assert_allclose(model.embed(turned), embedding[:50], atol=1e-4)
    states = np.arange(600) // 30 % 2 == 0
    centres = embedding[states].mean(axis=0), embedding[~states].mean(axis=0)
    nearer = np.linalg.norm(embedding - centres[0], axis=1) < np.linalg.norm(embedding - centres[1], axis=1)
    assert (nearer == states).mean() > 0.98
    with pytest.raises(DataError, match="frames have the shape"):
        model.embed(chains[:, :9])


def test_principal_components_are_those_of_the_singular_value_decomposition(chains: np.ndarray):
    model = make_learner("pca", components=3).fit(chains, None, 0)
    distances = pair_distances(chains).astype(np.float64)
    left, singular, _ = np.linalg.svd(distances - distances.mean(axis=0), full_matrices=False)
    ours = model.embed(chains)
    for k in range(3):
        expected = left[:, k] * singular[k]
        assert min(np.abs(ours[:, k] - expected).max(), np.abs(ours[:, k] + expected).max()) < 2e-3
    contacts = make_learner("pca", components=1, features="contacts").fit(chains, None, 0).embed(chains)
    assert contacts.std() > 0.5


def test_frames_without_residues_stay_what_they_are():
    places = np.random.default_rng(0).normal(size=(50, 2)).astype(np.float32)
    np.testing.assert_array_equal(make_learner("coordinates").fit(places, None, 0).embed(places), places)
    assert make_learner("pca").fit(places, None, 0).embed(places).shape == (50, 2)
    with pytest.raises(UsageError, match="learner=coordinates"):
        make_learner("cvae").fit(places, None, 0)


def test_the_cvae_goes_on_from_its_weights(chains: np.ndarray):
    learner = make_learner("cvae", **SMALL, deterministic=True)
    first = learner.fit(chains, None, 1)
    again = learner.fit(chains, None, 1)
    np.testing.assert_array_equal(first.embed(chains), again.embed(chains))
    warm = learner.fit(chains, first, 2)
    cold = learner.fit(chains, None, 2)
    assert warm.n_frames == cold.n_frames < len(chains)
    assert warm.validation.total < cold.validation.total
    assert warm.validation.total < first.validation.total
    assert all(np.array_equal(first.weights[k], again.weights[k]) for k in first.weights)  # not changed by the warm fit
    other = make_learner("cvae", **{**SMALL, "dense": 8}).fit(chains, first, 2)
    assert other.version == 2


def test_mistakes_are_told(chains: np.ndarray):
    with pytest.raises(UsageError, match="did you mean cvae"):
        make_learner("cave")
    with pytest.raises(UsageError, match="did you mean latent"):
        make_learner("cvae", latnt=3)
    with pytest.raises(UsageError, match="epochs is 0"):
        make_learner("cvae", epochs=0)
    with pytest.raises(DataError, match="at least 2 frames"):
        make_learner("pca").fit(chains[:1], None, 0)
