"""The environment as gymnasium and stable-baselines3 know environments."""

from __future__ import annotations

import warnings

import gymnasium
import numpy as np
import pytest
import torch
from gymnasium.utils.env_checker import check_env
from gymnasium.vector import AutoresetMode

from docking_examples import made_problem
from levinthal.workloads.docking.search.agent.environment import DockingEnvironment
from levinthal.workloads.docking.search.agent.episodes import EpisodeSettings
from levinthal.workloads.docking.search.agent.gymnasium_faces import ENVIRONMENT_ID, DockingVectorEnv, RigidDockingEnv


@pytest.mark.parametrize("receptor", ["start", "choose"])
def test_the_single_environment_passes_gymnasiums_checker(receptor):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        warnings.filterwarnings("ignore", message=".*not None.*")  # the checker resets without a seed too
        environment = RigidDockingEnv(made_problem(n_conformations=2), EpisodeSettings(horizon=5, receptor=receptor))
        check_env(environment, skip_render_check=True)


def test_it_is_registered_and_docks_into_t4_lysozyme():
    environment = gymnasium.make(ENVIRONMENT_ID)
    observation, info = environment.reset(seed=1)
    assert environment.observation_space.contains(observation)
    assert np.isfinite(info["energy_kcal_mol"])
    truncated = False
    for _ in range(environment.unwrapped.environment.settings.horizon):
        assert not truncated
        observation, reward, terminated, truncated, _ = environment.step(environment.action_space.sample())
        assert environment.observation_space.contains(observation)
        assert np.isfinite(reward)
        assert not terminated
    assert truncated
    # eight heavy atoms of p-xylene
    assert observation.shape == (4 * 8 + 15,)


def test_stable_baselines3_trains_on_it_unchanged():
    stable_baselines3 = pytest.importorskip("stable_baselines3", reason="the peer stable-baselines3 is not installed")
    from stable_baselines3.common.env_checker import check_env as their_check

    def make():
        return RigidDockingEnv(made_problem(), EpisodeSettings(horizon=8))

    their_check(make())
    model = stable_baselines3.PPO("MlpPolicy", make(), n_steps=64, batch_size=32, seed=0, device="cpu")
    before = [parameter.clone() for parameter in model.policy.parameters()]
    model.learn(256)
    assert model.num_timesteps == 256
    assert any(not torch.equal(a, b) for a, b in zip(before, model.policy.parameters(), strict=True))


def test_the_vector_environment_begins_anew_at_the_step_after_the_last():
    problems = [made_problem(5), made_problem(7)]
    environment = DockingVectorEnv(problems, 3, EpisodeSettings(horizon=2))
    assert environment.metadata["autoreset_mode"] is AutoresetMode.NEXT_STEP
    observations, infos = environment.reset(seed=5)
    assert environment.observation_space.contains(observations)
    assert infos["energy_kcal_mol"].shape == (6,)
    again, _ = environment.reset(seed=5)
    np.testing.assert_array_equal(observations, again)
    environment.action_space.seed(0)
    ends = []
    for _ in range(6):
        observations, rewards, terminated, truncated, _ = environment.step(environment.action_space.sample())
        ends.append(bool(truncated.all()))
        assert truncated.all() == truncated.any()
        assert not terminated.any()
    assert ends == [False, True, False, False, True, False]
    assert (rewards == 0).all()
    assert (observations[:, -1] == 0).all()


def test_both_faces_show_what_the_tensors_show():
    problem, settings = made_problem(), EpisodeSettings(horizon=3)
    tensors = DockingEnvironment([problem], 2, settings)
    vector = DockingVectorEnv([problem], 2, settings)
    seen = tensors.reset([8, 9])
    rows, _ = vector.reset(seed=[8, 9])
    np.testing.assert_array_equal(rows, seen.flat().numpy())
    actions = np.random.default_rng(0).uniform(-1, 1, (2, 6)).astype(np.float32)
    seen, rewards, _ = tensors.step(torch.from_numpy(actions))
    rows, others, *_ = vector.step(actions)
    np.testing.assert_array_equal(rows, seen.flat().numpy())
    np.testing.assert_allclose(others, rewards.numpy())
