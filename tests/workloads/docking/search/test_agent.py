"""The agent: symmetry, learning, and checkpoints that a kill does not hurt."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
from dataclasses import fields, replace
from pathlib import Path

import pytest
import torch

import docking_examples
from docking_examples import made_problem
from levinthal.errors import DataError
from levinthal.workloads.docking.molecules.pose import Poses
from levinthal.workloads.docking.search.agent.checkpoint import (
    load_policy,
    resume_training,
    save_policy,
    save_training,
)
from levinthal.workloads.docking.search.agent.environment import DockingEnvironment
from levinthal.workloads.docking.search.agent.episodes import EpisodeSettings, Observation
from levinthal.workloads.docking.search.agent.policy import DockingPolicy, PolicySettings, TrainedPolicy, features_of
from levinthal.workloads.docking.search.agent.ppo import PPOSettings, Training, play, train
from levinthal.workloads.docking.search.built_in.policy import PolicySearch
from levinthal.workloads.training.checkpoint import ForeignCheckpointError


@pytest.fixture(autouse=True)
def one_thread():
    """Batches this small gain nothing from a second thread, and lose where a neighbour has it."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


QUICK = PPOSettings(iterations=6, epochs=1, minibatches=2)


def restless(settings=None, seed=0):
    """A policy whose every weight counts, unlike a new one's."""
    policy = DockingPolicy(settings or PolicySettings(width=12), seed=seed)
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for parameter in policy.parameters():
            parameter.add_(0.3 * torch.randn(parameter.shape, generator=generator))
    return policy


def observation(problem, seed=0, n=5):
    environment = DockingEnvironment([problem], n, EpisodeSettings(horizon=3))
    environment.reset(seed)
    moves = 0.3 * torch.randn(n, 6, generator=torch.Generator().manual_seed(seed))
    return environment.step(moves).observation


@pytest.mark.parametrize("recurrent", [False, True])
def test_the_mean_action_turns_with_the_axes_of_the_ligand(recurrent):
    policy = restless(PolicySettings(width=12, recurrent=recurrent, chooses_conformation=True))
    seen = observation(made_problem())
    quaternion = torch.nn.functional.normalize(torch.randn(1, 4, generator=torch.Generator().manual_seed(1)), dim=1)
    turn = Poses(quaternion, torch.zeros(1, 3)).rotations()[0]
    vectors = {name: getattr(seen, name) @ turn.T for name in ("atom_forces", "places", "forces", "torques")}
    last = torch.cat((seen.last_actions[:, :3] @ turn.T, seen.last_actions[:, 3:] @ turn.T), dim=1)
    other = replace(seen, **vectors, last_actions=last)
    memory = policy.first_memory(5)
    with torch.no_grad():
        one, two = policy(features_of(seen), memory), policy(features_of(other), memory)
    expected = torch.cat((one.means[:, :3] @ turn.T, one.means[:, 3:6] @ turn.T, one.means[:, 6:]), dim=1)
    torch.testing.assert_close(two.means, expected, rtol=1e-4, atol=1e-5)
    torch.testing.assert_close(two.values, one.values, rtol=1e-4, atol=1e-5)
    torch.testing.assert_close(two.log_spreads, one.log_spreads, rtol=1e-4, atol=1e-5)
    assert one.means[:, :6].abs().max() > 1e-3


def test_padding_and_the_order_of_atoms_do_not_matter():
    policy, seen = restless(), observation(made_problem(6))
    order = torch.tensor([5, 2, 0, 1, 4, 3])
    of_atoms = ("atom_energies", "atom_forces", "places", "kinds", "mask")
    shuffled = replace(seen, **{name: getattr(seen, name)[:, order] for name in of_atoms})
    padded = replace(
        seen,
        **{
            name: torch.nn.functional.pad(
                getattr(seen, name), (0, 0, 0, 3) if getattr(seen, name).ndim == 3 else (0, 3)
            )
            for name in of_atoms
        },
    )
    memory = policy.first_memory(5)
    with torch.no_grad():
        plain = policy(features_of(seen), memory)
        for other in (shuffled, padded):
            found = policy(features_of(other), memory)
            torch.testing.assert_close(found.means, plain.means, rtol=1e-4, atol=1e-5)
            torch.testing.assert_close(found.values, plain.values, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("recurrent", [False, True])
def test_whole_episodes_at_once_are_the_steps_one_by_one(recurrent):
    policy = restless(PolicySettings(width=12, recurrent=recurrent))
    environment = DockingEnvironment([made_problem()], 6, EpisodeSettings(horizon=5))
    episodes = play(environment, policy, environment.reset(0), 1)
    with torch.no_grad():
        decision = policy(episodes.seen, policy.first_memory(6))
    torch.testing.assert_close(
        decision.log_probability(episodes.actions), episodes.log_probabilities, rtol=1e-4, atol=1e-4
    )
    torch.testing.assert_close(decision.values, episodes.values, rtol=1e-4, atol=1e-4)


def test_log_probability_and_entropy_are_those_of_a_normal_distribution():
    policy = restless()
    decision = policy(features_of(observation(made_problem())), policy.first_memory(5))
    normal = torch.distributions.Independent(torch.distributions.Normal(decision.means, decision.log_spreads.exp()), 1)
    actions = decision.sample(torch.Generator().manual_seed(0))
    torch.testing.assert_close(decision.log_probability(actions), normal.log_prob(actions))
    torch.testing.assert_close(decision.entropy(), normal.entropy())


def test_training_learns_to_dock_two_ligands_in_two_conformations():
    problems = [made_problem(5, n_conformations=2), made_problem(8, n_conformations=2)]
    environment = DockingEnvironment(problems, 64, EpisodeSettings(horizon=8, start_draws=1))
    settings = PPOSettings(iterations=40, learning_rate=3e-3, minibatches=4)
    training = Training.start(DockingPolicy(PolicySettings(width=16)), settings)
    train(training, environment, settings, seed=0)
    first = sum(each.reward for each in training.history[:5]) / 5
    last = sum(each.reward for each in training.history[-5:]) / 5
    assert last > first + 0.5, (first, last)
    assert training.history[-1].explained_variance > 0.2


def test_the_recurrent_policy_that_chooses_conformations_trains():
    problem = made_problem(n_conformations=3)
    environment = DockingEnvironment([problem], 16, EpisodeSettings(horizon=4, receptor="choose"))
    policy = DockingPolicy(PolicySettings(width=8, recurrent=True, chooses_conformation=True))
    before = {name: value.clone() for name, value in policy.state_dict().items()}
    training = Training.start(policy, QUICK)
    train(training, environment, QUICK, seed=0)
    moved = [name for name, value in policy.state_dict().items() if not torch.equal(value, before[name])]
    assert set(moved) == set(before)
    assert all(torch.isfinite(value).all() for value in policy.state_dict().values())


def environment_of_training():
    return DockingEnvironment([made_problem()], 16, EpisodeSettings(horizon=4))


def history_of(training):
    return [
        tuple(getattr(each, name.name) for name in fields(each) if not name.name.endswith("_s"))
        for each in training.history
    ]


def test_training_that_goes_on_is_training_that_never_stopped(tmp_path):
    whole = Training.start(DockingPolicy(PolicySettings(width=8)), QUICK)
    train(whole, environment_of_training(), QUICK, seed=3)
    part = Training.start(DockingPolicy(PolicySettings(width=8)), QUICK)
    train(part, environment_of_training(), QUICK, seed=3, on_iteration=lambda training: len(training.history) == 2)
    resumed = Training.start(DockingPolicy(PolicySettings(width=8), seed=1), QUICK)
    assert not resume_training(tmp_path, resumed, QUICK, 3)
    save_training(tmp_path, part, QUICK, 3)
    assert resume_training(tmp_path, resumed, QUICK, 3)
    train(resumed, environment_of_training(), QUICK, seed=3)
    assert history_of(resumed) == history_of(whole)
    for name, value in whole.policy.state_dict().items():
        assert torch.equal(value, resumed.policy.state_dict()[name]), name


KILLED = """
import sys
from pathlib import Path
sys.path.insert(0, {tests!r})
from docking_examples import made_problem
from levinthal.workloads.docking.search.agent.checkpoint import save_training
from levinthal.workloads.docking.search.agent.policy import DockingPolicy, PolicySettings
from levinthal.workloads.docking.search.agent.ppo import PPOSettings, Training, train
from levinthal.workloads.docking.search.agent.environment import DockingEnvironment
from levinthal.workloads.docking.search.agent.episodes import EpisodeSettings
settings = PPOSettings(iterations=10_000, epochs=1, minibatches=2)
training = Training.start(DockingPolicy(PolicySettings(width=8)), settings)
def keep(training):
    save_training(Path({folder!r}), training, settings, 0)
    print(len(training.history), flush=True)
environment = DockingEnvironment([made_problem()], 16, EpisodeSettings(horizon=4))
train(training, environment, settings, seed=0, on_iteration=keep)
"""


def test_a_killed_training_leaves_a_whole_checkpoint(tmp_path):
    program = KILLED.format(tests=str(Path(docking_examples.__file__).parent), folder=str(tmp_path))
    with subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE, text=True) as process:
        for _ in range(4):
            assert process.stdout.readline()
        time.sleep(0.01)
        process.send_signal(signal.SIGKILL)
    settings = PPOSettings(iterations=10_000, epochs=1, minibatches=2)
    resumed = Training.start(DockingPolicy(PolicySettings(width=8), seed=1), settings)
    assert resume_training(tmp_path, resumed, settings, 0)
    done = len(resumed.history)
    assert done >= 4
    until = done + 2
    train(resumed, environment_of_training(), settings, seed=0, on_iteration=lambda each: len(each.history) == until)
    whole = Training.start(DockingPolicy(PolicySettings(width=8)), settings)
    train(whole, environment_of_training(), settings, seed=0, on_iteration=lambda each: len(each.history) == until)
    assert history_of(resumed) == history_of(whole)


def test_a_policy_comes_back_from_its_file(tmp_path):
    policy = restless(PolicySettings(width=12, recurrent=True))
    save_policy(tmp_path / "a.safetensors", policy, {"ligands": ["one"]})
    found, about = load_policy(tmp_path / "a.safetensors")
    assert found.settings == policy.settings
    assert about == {"ligands": ["one"]}
    seen = features_of(observation(made_problem()))
    with torch.no_grad():
        assert torch.equal(found(seen, found.first_memory(5)).means, policy(seen, policy.first_memory(5)).means)


def test_damaged_and_foreign_files_are_refused(tmp_path):
    path = tmp_path / "policy.safetensors"
    with pytest.raises(DataError, match="does not exist"):
        load_policy(path)
    save_policy(path, restless(), {})
    whole = path.read_bytes()
    for damaged in (whole[:-5], b"", b"\x80\x04K\x01.", whole[:200], json.dumps({"a": 1}).encode()):
        path.write_bytes(damaged)
        with pytest.raises(DataError):
            load_policy(path)
    training = Training.start(DockingPolicy(PolicySettings(width=8)), QUICK)
    save_training(tmp_path, training, QUICK, 0)
    with pytest.raises(DataError, match="format"):
        load_policy(tmp_path / "training.safetensors")
    for settings, seed, what in ((QUICK, 1, "seed"), (replace(QUICK, clip=0.3), 0, "settings")):
        with pytest.raises(ForeignCheckpointError, match=f"of another training .{what} is "):
            resume_training(tmp_path, training, settings, seed)
    with torch.no_grad():
        training.policy.critic[0].weight[0, 0] = torch.nan
    save_policy(path, training.policy)
    with pytest.raises(DataError, match="not finite"):
        load_policy(path)


def test_the_search_returns_what_it_counted_and_is_decided_by_its_seed():
    problem = made_problem(n_conformations=2)
    model = TrainedPolicy(DockingPolicy(PolicySettings(width=8)), EpisodeSettings(horizon=5))
    search = PolicySearch(model, n_drawn=128, n_starts=32, n_last=8, last_steps=10, n_evaluations=1000)
    one, again, other = (search.search(problem, seed=seed) for seed in (1, 1, 2))
    assert one.energies_kcal_mol.tolist() == again.energies_kcal_mol.tolist()
    assert one.energies_kcal_mol.tolist() != other.energies_kcal_mol.tolist()
    per_round = 128 + 32 * 6 + 8 * 11
    assert one.n_evaluations == per_round * -(-1000 // per_round)
    assert one.trace.best_kcal_mol[-1] == pytest.approx(one.energies_kcal_mol[0], abs=1e-4)
    assert (one.trace.best_kcal_mol[1:] <= one.trace.best_kcal_mol[:-1]).all()
    assert set(one.conformations.tolist()) <= {0, 1}


def test_an_observation_can_be_cut():
    seen = observation(made_problem())
    part = seen[torch.tensor([0, 3])]
    assert isinstance(part, Observation)
    assert len(part) == 2
    assert torch.equal(part.energies, seen.energies[[0, 3]])
