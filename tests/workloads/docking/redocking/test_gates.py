"""Every gate of a redocking with the thing that is broken and must fail it: score, reference, sampler, training."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import pytest
import torch

from docking_examples import made_problem
from levinthal.harness.contract.recording import Recording
from levinthal.harness.contract.settings import make_settings
from levinthal.harness.results.events import EventLog
from levinthal.workloads.docking.molecules.pose import Poses
from levinthal.workloads.docking.molecules.rmsd import CrystalPose
from levinthal.workloads.docking.redocking.cases import reference_of
from levinthal.workloads.docking.redocking.comparison import Contender, finish
from levinthal.workloads.docking.redocking.learning import gate_training
from levinthal.workloads.docking.redocking.report import report_success
from levinthal.workloads.docking.search.agent.environment import DockingEnvironment
from levinthal.workloads.docking.search.agent.episodes import EpisodeSettings
from levinthal.workloads.docking.search.agent.policy import DockingPolicy
from levinthal.workloads.docking.search.agent.ppo import PPOSettings, Training, train
from levinthal.workloads.docking.search.built_in.restarts import RandomRestarts
from levinthal.workloads.docking.search.contract import Problem, Search
from levinthal.workloads.docking.search.outcome import Goal
from levinthal.workloads.docking.search.rounds import attempt
from levinthal.workloads.docking.settings import DockingSettings


@dataclass(frozen=True)
class DoesNothing(Search):
    """A sampler that returns its first draws."""

    n_poses: int = 1
    shown = "nothing"

    def search(self, problem, *, seed=0):
        recorder = problem.recorder()
        poses = Poses.random(4, problem.grids.box, torch.Generator().manual_seed(seed))
        layers = problem.spread(4)
        energies = problem.energies(poses, layers)
        recorder.note(4, energies, poses)
        return problem.outcome(poses, layers, energies, recorder.finish(), 1)


@pytest.fixture(scope="module")
def complex_of(lysozyme):
    receptor, ligand, box = lysozyme
    problem = Problem.of(receptor, ligand, box)
    return replace(problem, goal=Goal(CrystalPose.of(ligand), 20_000, ends_at_success=False)), CrystalPose.of(ligand)


def gates_of(tmp_path, problem, crystal, search, best_known):
    run = Recording(folder=tmp_path, events=EventLog(tmp_path / "events.jsonl"), index=0)
    runs = [finish(problem, crystal, search, attempt(search, problem, budget_s=5.0, seed=k)) for k in range(3)]
    finished = {Contender("any", search, search.shown): runs}
    report_success(run, problem, finished, best_known, gated=True)
    return {gate.name.split(" (")[0]: gate.passed for gate in run._gates.values()}


def test_of_several_conformations_the_crystal_pose_has_to_be_among_the_final_ones(tmp_path, complex_of):
    problem, crystal = complex_of
    receptor = problem.receptors[0]
    other = receptor.in_conformation(receptor.coordinates_angstrom)
    two = Problem.of((receptor, other), problem.ligand, problem.grids.box)
    found = gates_of(tmp_path, replace(two, goal=problem.goal), crystal, RESTARTS, -3.6)
    assert found["RMSD of the nearest final pose"] is True
    moved = replace(crystal, coordinates=crystal.coordinates + np.array([9.0, 0.0, 0.0]))
    elsewhere = replace(two, goal=replace(problem.goal, reference=moved))
    (tmp_path / "moved").mkdir()
    assert gates_of(tmp_path / "moved", elsewhere, moved, RESTARTS, -3.6)["RMSD of the nearest final pose"] is False


RESTARTS = RandomRestarts(1024, 128, n_last=8, last_steps=20, n_poses=3)


def test_the_whole_thing_passes(tmp_path, complex_of):
    problem, crystal = complex_of
    assert all(gates_of(tmp_path, problem, crystal, RESTARTS, -3.6).values())


def test_a_score_of_the_wrong_sign_misses_the_gate_on_the_pose(tmp_path, complex_of):
    problem, crystal = complex_of
    maps = (-problem.grids.energies_kcal_mol).clamp(-10.0, 10.0)
    broken = replace(problem, grids=replace(problem.grids, energies_kcal_mol=maps))
    found = gates_of(tmp_path, broken, crystal, replace(RESTARTS, n_poses=1), -3.6)
    assert found["RMSD of the redocked ligand"] is False


def test_a_reference_that_is_moved_misses_the_gate_on_the_pose(tmp_path, complex_of):
    problem, crystal = complex_of
    moved = replace(crystal, coordinates=crystal.coordinates + np.array([4.0, 0.0, 0.0]))
    elsewhere = replace(problem, goal=replace(problem.goal, reference=moved))
    assert gates_of(tmp_path, elsewhere, moved, RESTARTS, -3.6)["RMSD of the redocked ligand"] is False


def test_a_sampler_that_does_nothing_misses_the_gate_on_the_score(tmp_path, complex_of):
    problem, crystal = complex_of
    tight = replace(problem, goal=replace(problem.goal, evaluations=8))
    assert gates_of(tmp_path, tight, crystal, DoesNothing(), -3.6)["score above the best known"] is False


def test_a_reference_that_is_not_found_twice_is_none():
    problem = made_problem(9, seed=3)
    assert reference_of(problem, RandomRestarts(4096, 512, n_poses=1)).apart_angstrom <= 1.0
    assert reference_of(problem, DoesNothing()).apart_angstrom > 1.0


def test_a_policy_that_does_not_learn_misses_the_gate_on_its_training(tmp_path, complex_of):
    problem, _ = complex_of
    reach = float(RESTARTS.search(problem).energies_kcal_mol[0])
    environment = DockingEnvironment([problem], 64, EpisodeSettings(horizon=16))
    how = PPOSettings(iterations=2, learning_rate=1e-9)
    training = Training.start(DockingPolicy(seed=0), how)
    train(training, environment, how, seed=0)
    run = Recording(folder=tmp_path, events=EventLog(tmp_path / "events.jsonl"), index=0)
    target = make_settings(DockingSettings, "tiny").target
    gate_training(run, training.history[-1].best_energy_kcal_mol - reach, target)
    assert [gate.passed for gate in run._gates.values()] == [False]
