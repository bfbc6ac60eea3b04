"""The environment: what it must keep whatever an agent does."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from docking_examples import made_ligand, made_problem, made_receptor
from levinthal.errors import UsageError
from levinthal.workloads.docking.molecules.pose import Poses
from levinthal.workloads.docking.scoring import AtomScores, exact_score
from levinthal.workloads.docking.scoring.functions import pair_energy, scoring_function
from levinthal.workloads.docking.search.agent.environment import DockingEnvironment
from levinthal.workloads.docking.search.agent.episodes import EpisodeSettings


def actions_of(environment, seed):
    size = environment.settings.action_size
    return torch.randn(environment.n_environments, size, generator=torch.Generator().manual_seed(seed))


def play(environment, seed=0):
    rewards = []
    done = False
    while not done:
        observation, reward, done = environment.step(actions_of(environment, seed + len(rewards)))
        rewards.append(reward)
    return observation, torch.stack(rewards)


@settings(max_examples=15)
@given(st.integers(0, 10**6), st.sampled_from(["start", "movie", "choose"]))
def test_rewards_of_an_episode_are_the_potential_between_its_ends_and_the_bonus(seed, receptor):
    problem = made_problem(n_conformations=3)
    environment = DockingEnvironment([problem], 5, EpisodeSettings(horizon=6, receptor=receptor, best_bonus=0.7))
    first = environment.reset(seed)
    start = environment.potential(first.energies + first.strains)
    last, rewards = play(environment, seed)
    end = environment.potential(last.energies + last.strains)
    expected = end - start + 0.7 * environment.potential(environment.best_energies)
    torch.testing.assert_close(rewards.sum(0), expected, rtol=1e-4, atol=1e-4)
    assert (
        environment.best_energies <= torch.minimum(first.energies + first.strains, last.energies + last.strains)
    ).all()


def test_the_reward_is_bounded_however_bad_a_pose_is():
    environment = DockingEnvironment([made_problem()], 1)
    worst = environment.potential(torch.tensor([0.0, 1e3, 1e9]))
    assert worst[0] == 0
    assert (worst > -10.0 / environment.settings.energy_unit_kcal_mol - 1e-3).all()
    assert (worst.diff() < 0).all()


def test_a_thousand_steps_there_and_back_do_not_drift():
    problem = made_problem()
    environment = DockingEnvironment([problem], 4, EpisodeSettings(horizon=1000, step_decay=1.0))
    environment.reset(0)
    before = environment.poses
    for step in range(500):
        moves = actions_of(environment, step)
        environment.step(torch.cat((moves[:, :3], torch.zeros(4, 3)), dim=1))
        environment.step(torch.cat((-moves[:, :3], torch.zeros(4, 3)), dim=1))
    torch.testing.assert_close(environment.poses.centres_angstrom, before.centres_angstrom, rtol=0, atol=1e-3)
    environment = DockingEnvironment([problem], 4, EpisodeSettings(horizon=1000, step_decay=1.0))
    environment.reset(0)
    for step in range(1000):
        environment.step(actions_of(environment, step))
    assert torch.allclose(environment.poses.quaternions.norm(dim=1), torch.ones(4), atol=1e-6)
    template = torch.from_numpy(problem.ligand.scored_template_angstrom).float()
    placed = environment.poses.coordinates(template)
    torch.testing.assert_close(
        torch.cdist(placed, placed), torch.cdist(template, template).expand(4, -1, -1), rtol=0, atol=2e-3
    )


def turned(receptor, rotation):
    return receptor.in_conformation(receptor.coordinates_angstrom @ rotation.T)


def exact_scorer(receptor):
    """Score without maps, whose axes would show; the derivative of the energy of each atom is its own force."""

    def score(problem, poses, _):
        template = torch.as_tensor(problem.ligand.scored_template_angstrom, dtype=torch.float64)
        places = poses.to(torch.float64).coordinates(template).requires_grad_()
        around = torch.as_tensor(receptor.coordinates_angstrom)
        types = torch.as_tensor(receptor.vina_types.astype(np.int64))
        kinds = torch.as_tensor(problem.ligand.scored_types.astype(np.int64))
        distances = (places[:, :, None] - around).norm(dim=-1)
        energies = pair_energy(scoring_function("vina"), kinds[:, None], types, distances).sum(-1)
        (gradient,) = torch.autograd.grad(energies.sum(), places)
        return AtomScores(energies.detach().float(), -gradient.float())

    return score


@pytest.mark.parametrize("seed", range(3))
def test_turning_the_whole_complex_leaves_the_observation_as_it_is(seed):
    problem, receptor = made_problem(), made_receptor()
    quaternion = torch.nn.functional.normalize(torch.randn(1, 4, generator=torch.Generator().manual_seed(seed)), dim=1)
    rotation = Poses(quaternion, torch.zeros(1, 3)).rotations()[0]
    poses = Poses.random(6, problem.grids.box, torch.Generator().manual_seed(seed))
    whole = Poses(quaternion, torch.zeros(1, 3))
    turned_poses = Poses(
        torch.stack([_product(quaternion[0], each) for each in poses.quaternions]),
        poses.centres_angstrom @ rotation.T,
    )
    assert len(whole) == 1
    seen = []
    for these, protein in ((poses, receptor), (turned_poses, turned(receptor, rotation.double().numpy()))):
        environment = DockingEnvironment([problem], 6, scorer=exact_scorer(protein))
        environment.reset_to(these)
        seen.append(environment.step(actions_of(environment, seed)).observation)
    torch.testing.assert_close(seen[0].flat(), seen[1].flat(), rtol=1e-3, atol=2e-3)
    assert seen[0].atom_energies.abs().max() > 0.1


def _product(first, second):
    from levinthal.workloads.docking.molecules.pose import multiply

    return multiply(first, second)


def test_energies_and_forces_are_those_of_the_score():
    problem, receptor = made_problem(), made_receptor()
    environment = DockingEnvironment([problem], 8, scorer=exact_scorer(receptor))
    seen = environment.reset(3)
    template = torch.from_numpy(problem.ligand.coordinates_angstrom)
    places = environment.poses.to(torch.float64).coordinates(template)
    expected = exact_score(receptor, problem.ligand, places, mode="analytic", curl=1e12)
    torch.testing.assert_close(seen.energies.double(), expected, rtol=1e-4, atol=1e-4)
    # a small step along the net force, in the ligand's own frame, lowers the energy by force times way
    step = 1e-3 * torch.nn.functional.normalize(seen.forces, dim=1)
    nearby = environment.poses.to(torch.float64).moved(step.double(), torch.zeros(8, 3, dtype=torch.float64))
    energies = exact_score(receptor, problem.ligand, nearby.coordinates(template), mode="analytic", curl=1e12)
    torch.testing.assert_close(expected - energies, (seen.forces * step).sum(1).double(), rtol=0.05, atol=1e-4)


def test_an_environment_starts_from_its_own_seed_alone():
    problem = made_problem(n_conformations=2)
    together = DockingEnvironment([problem], 4)
    rows = together.reset([11, 22, 33, 44]).flat()
    alone = DockingEnvironment([problem], 1).reset([33]).flat()
    torch.testing.assert_close(rows[2:3], alone)
    again = DockingEnvironment([problem], 4).reset([11, 22, 33, 44]).flat()
    assert torch.equal(rows, again)
    assert not torch.equal(rows[0], rows[1])


def test_ligands_of_different_sizes_share_one_observation():
    small, large = made_problem(4), made_problem(9)
    environment = DockingEnvironment([small, large], 3)
    seen = environment.reset(0)
    assert seen.atom_energies.shape == (6, 9)
    assert seen.mask.sum(1).tolist() == [4, 4, 4, 9, 9, 9]
    assert (seen.atom_energies[:3, 4:] == 0).all()
    alone = DockingEnvironment([small], 3)
    torch.testing.assert_close(alone.reset_to(environment.poses[:3]).energies, seen.energies[:3])


def test_conformations_are_kept_shown_or_chosen():
    problem = made_problem(n_conformations=3)
    for mode, expected in (("start", [0, 0, 0]), ("movie", [1, 2, 0])):
        environment = DockingEnvironment([problem], 2, EpisodeSettings(horizon=3, receptor=mode))
        environment.reset_to(Poses.random(2, problem.grids.box, torch.Generator().manual_seed(0)))
        found = []
        for _ in range(3):
            seen = environment.step(torch.zeros(2, 6)).observation
            found.append(int(environment.conformations[0]))
            torch.testing.assert_close(seen.strains, problem.strain(environment.conformations))
        assert found == expected
    environment = DockingEnvironment([problem], 3, EpisodeSettings(horizon=2, receptor="choose"))
    environment.reset_to(Poses.random(3, problem.grids.box, torch.Generator().manual_seed(0)))
    chosen = torch.zeros(3, 7)
    chosen[:, 6] = torch.tensor([-1.0, 0.0, 1.0])
    environment.step(chosen)
    assert environment.conformations.tolist() == [2, 0, 1]
    many = DockingEnvironment([problem], 40, EpisodeSettings(horizon=2, receptor="choose"))
    many.reset(0)
    assert set(many.conformations.tolist()) == {1, 2}  # the given conformation has to be found


def test_a_long_action_is_cut_and_keeps_its_direction():
    problem = made_problem()
    settings_ = EpisodeSettings(horizon=2, step_decay=1.0)
    environment = DockingEnvironment([problem], 1, settings_)
    environment.reset(0)
    before = environment.poses.centres_angstrom.clone()
    environment.step(torch.tensor([[30.0, 0.0, 0.0, 0.0, 0.0, 0.0]]))
    way = (environment.poses.centres_angstrom - before).norm()
    assert float(way) == pytest.approx(settings_.translation_step_angstrom, rel=1e-4)


def test_mistakes_are_told():
    problem = made_problem()
    environment = DockingEnvironment([problem], 2, EpisodeSettings(horizon=1))
    with pytest.raises(UsageError, match="reset"):
        environment.step(torch.zeros(2, 6))
    environment.reset(0)
    with pytest.raises(UsageError, match="shape"):
        environment.step(torch.zeros(2, 7))
    with pytest.raises(UsageError, match="seeds"):
        environment.reset([1])
    for wrong in ({"horizon": 0}, {"receptor": "all"}, {"rotation_step_rad": 0.0}, {"start_draws": 0}):
        with pytest.raises(UsageError):
            EpisodeSettings(**wrong)
    with pytest.raises(UsageError, match="largest"):
        DockingEnvironment([problem], 2, n_atoms=3)
    assert made_ligand(5).scored_types.shape == (5,)
    assert replace(EpisodeSettings(), receptor="choose").action_size == 7
