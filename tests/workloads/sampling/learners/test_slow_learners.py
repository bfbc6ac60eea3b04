"""Learners on lifted chains, where the slow coordinates are known: who finds them, and who sees only what is wide."""

from __future__ import annotations

import pickle

import numpy as np
import pytest

from levinthal.errors import DataError, UsageError
from levinthal.harness.contract.settings import make_settings
from levinthal.workloads.sampling.learners.features import pairs_in_time
from levinthal.workloads.sampling.learners.learner import fit_learner, make_learner
from levinthal.workloads.sampling.settings import SamplingSettings
from levinthal.workloads.sampling.systems.system import make_system


def lifted(**settings):
    (member,) = make_settings(SamplingSettings, "tiny", {"system": "lifted:landscape:5", **settings}).members()
    return make_system(member.sampled)


def walks(system, n_walks=10, n_frames=300):
    """Return frames, their trajectories and their microstates; walks stand one behind the other, as chunks do."""
    chunks = [system.dynamics.advance(np.array([50.0 * k]), 10 * n_frames, k, 10, 0) for k in range(n_walks)]
    frames = np.concatenate([chunk.frames for chunk in chunks])
    states = np.concatenate([chunk.states[:, 0] for chunk in chunks]).astype(int)
    return frames, np.repeat(np.arange(n_walks), n_frames), states


def explained(embedding, truth):
    """Return the share of the variance of each true coordinate that an embedding explains linearly."""
    columns = np.column_stack([embedding.astype(np.float64), np.ones(len(embedding))])
    left = truth - columns @ np.linalg.lstsq(columns, truth, rcond=None)[0]
    return 1.0 - left.var(axis=0) / truth.var(axis=0)


def test_frames_are_lifted_the_same_each_time_and_can_be_brought_down_again():
    system = lifted()
    frames, _, states = walks(system, 2)
    again, _, _ = walks(lifted(), 2)
    np.testing.assert_array_equal(frames, again)
    np.testing.assert_allclose(system.true_coordinates(frames), system.observables.points[states], atol=1e-6)
    twice = np.flatnonzero(states == np.bincount(states).argmax())[:2]
    assert np.abs(frames[twice[0]] - frames[twice[1]]).max() > 1.0  # the same state, other fast dimensions
    assert system.dynamics.sha256 != lifted(nuisance="2").dynamics.sha256
    assert system.stationary.shape == (500,)


def test_the_time_of_frames_tells_slow_from_wide():
    system = lifted()
    frames, trajectory, states = walks(system)
    truth = system.observables.points[states]
    found = {
        name: explained(fit_learner(make_learner(name), frames, None, 1, trajectory).embed(frames), truth).min()
        for name in ("pca", "tica")
    }
    assert found["pca"] < 0.05
    assert found["tica"] > 0.9
    shuffled = np.random.default_rng(0).permutation(len(frames))  # without their order nothing is slow
    blind = fit_learner(make_learner("tica"), frames[shuffled], None, 1, trajectory).embed(frames)
    norm = np.linalg.norm(blind, axis=1)
    assert explained(blind[:, :2], truth).min() < 0.5
    assert norm.max() > 0.0


def test_pca_is_enough_where_nothing_fast_is_in_the_way():
    """What fails above is not the learner: it is what it is asked."""
    system = lifted(nuisance="0.05")
    frames, trajectory, states = walks(system)
    embedding = fit_learner(make_learner("pca"), frames, None, 1, trajectory).embed(frames)
    assert explained(embedding, system.observables.points[states]).min() > 0.5


def test_a_lagged_autoencoder_sees_what_one_without_lag_does_not():
    system = lifted()
    frames, trajectory, states = walks(system)
    truth = system.observables.points[states]
    options = {"epochs": 12, "most_frames": 2000}
    models = {name: fit_learner(make_learner(name, **options), frames, None, 1, trajectory) for name in ("vae", "tvae")}
    found = {name: explained(model.embed(frames), truth).min() for name, model in models.items()}
    assert found["vae"] < 0.3
    assert found["tvae"] > 0.6
    again = pickle.loads(pickle.dumps(models["tvae"]))
    np.testing.assert_array_equal(again.embed(frames[:5]), models["tvae"].embed(frames[:5]))


def test_pairs_are_of_one_trajectory_and_a_lag_apart():
    trajectory = np.array([4, 4, 7, 7, 4, 4, 7])  # two walkers by turns
    earlier, later = pairs_in_time(trajectory, 2, 100, 0)
    assert list(zip(earlier.tolist(), later.tolist(), strict=True)) == [(0, 4), (1, 5), (2, 6)]
    earlier, later = pairs_in_time(np.array([0, 1, 1]), 9, 100, 0)
    assert (earlier.tolist(), later.tolist()) == ([1], [2])  # the lag is halved until there is a pair
    assert len(pairs_in_time(np.zeros(50, np.int64), 3, 10, 0)[0]) == 10
    assert pairs_in_time(np.arange(3), 4, 10, 0)[0].tolist() == [0, 1, 2]


@pytest.mark.parametrize("name", ["tica", "vae", "tvae"])
def test_what_does_not_vary_is_said(name):
    with pytest.raises(DataError, match="nothing that varies"):
        fit_learner(make_learner(name), np.ones((40, 6), np.float32), None, 0, np.zeros(40, np.int64))


def test_distances_of_a_molecule_are_learned_too():
    frames = np.random.default_rng(0).normal(size=(60, 9, 3)).astype(np.float32)
    for name in ("tica", "tvae"):
        model = fit_learner(make_learner(name), frames, None, 0, np.zeros(60, np.int64))
        assert model.embed(frames[:7]).shape[0] == 7
        with pytest.raises(DataError, match="fit one for these"):
            model.embed(frames[:7, :5])


def test_true_coordinates_are_those_of_a_system_that_knows_them():
    system = lifted()
    frames, trajectory, states = walks(system, 1)
    learner = make_learner("true-coordinates", coordinates=system.true_coordinates)
    embedding = fit_learner(learner, frames, None, 0, trajectory).embed(frames)
    np.testing.assert_allclose(embedding, system.observables.points[states], atol=1e-6)
    with pytest.raises(UsageError, match="does not know them"):
        make_learner("true-coordinates", coordinates=None)


def test_only_chains_are_lifted():
    with pytest.raises(UsageError, match="only exact chains are lifted"):
        lifted(system="lifted:mueller-brown")
