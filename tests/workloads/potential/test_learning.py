"""Learning: the same bits for the same task, better with training, and gates that broken students miss."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import numpy as np
import pytest
import torch

from levinthal.harness import Run
from levinthal.harness.results.events import EventLog
from levinthal.workloads.potential.dynamics.compiled import CompiledPotential
from levinthal.workloads.potential.dynamics.langevin import Motion
from levinthal.workloads.potential.evaluation.errors import errors_of
from levinthal.workloads.potential.evaluation.production import ReplicaTask, failure_times, run_replicas
from levinthal.workloads.potential.evaluation.report import report_errors, report_failures
from levinthal.workloads.potential.learning.active import Learned, chosen_frames
from levinthal.workloads.potential.learning.exploration import Committee, CommitteeDynamics
from levinthal.workloads.potential.learning.labels import read_labels, write_labels
from levinthal.workloads.potential.learning.training import TrainingTask, make_student, train
from levinthal.workloads.potential.settings import PotentialSettings
from levinthal.workloads.potential.students.built_in.moments import Moments
from levinthal.workloads.potential.students.contract import Labels


@pytest.fixture(scope="module")
def task(dipeptide, mmff_labels):
    return TrainingTask("moments", dipeptide, mmff_labels, mmff_labels, None, 60, 8, 2e-2, 0)


@pytest.fixture(scope="module")
def trained(task):
    return train(task)


def committee_of(task, *weights):
    return Committee("moments", task.molecule, task.made_from, weights)


def run_in(tmp_path):
    (tmp_path / "repeat").mkdir(parents=True)
    return Run(folder=tmp_path / "repeat", events=EventLog(tmp_path / "events.jsonl"), device="cpu")


def test_training_lowers_the_error_and_is_the_same_to_the_last_bit(task, trained, mmff_labels):
    module = make_student("moments", task.molecule, task.made_from, trained.weights, 0)
    after = errors_of(CompiledPotential(module), mmff_labels)
    before = errors_of(CompiledPotential(Moments.of(task.molecule, task.made_from, 0)), mmff_labels)
    assert after.force < 0.5 * min(before.force, after.floor)
    assert trained.losses[-10:].mean() < 0.9 * trained.losses[:10].mean()
    short = replace(task, steps=5)
    again = train(short)
    for name, value in train(short).weights.items():
        assert torch.equal(value, again.weights[name])


def gates_of(tmp_path, task, weights, held_out, limit):
    run = run_in(tmp_path)
    learned = Learned(task.labels, held_out, committee_of(task, weights))
    learned.counts, learned.committees = [len(task.labels)], [learned.committee]
    report_errors(run, PotentialSettings(largest_force_error=limit), learned, 0)
    return [gate.passed for gate in run.record().gates]


def test_students_that_learned_wrong_labels_miss_the_gate(tmp_path, task, trained, mmff_labels):
    pairs = make_student("moments", task.molecule, task.made_from, None, 0)
    learned, fitted = (
        errors_of(each, mmff_labels).force
        for each in (committee_of(task, trained.weights).potentials()[0], CompiledPotential(pairs))
    )
    limit = 0.5 * (learned + fitted)
    assert gates_of(tmp_path / "right", task, trained.weights, mmff_labels, limit) == [True]
    assert gates_of(tmp_path / "pairs", task, pairs.state_dict(), mmff_labels, limit) == [False]
    x, energies, forces, group = mmff_labels
    shuffled = Labels(x, energies, forces[np.random.default_rng(0).permutation(len(forces))], group)
    wrong = train(replace(task, made_from=shuffled, labels=shuffled, steps=5))
    assert gates_of(tmp_path / "shuffled", task, wrong.weights, mmff_labels, limit) == [False]
    against = Labels(x, -energies, -forces, group)
    flipped = train(replace(task, made_from=against, labels=against, steps=5))
    assert gates_of(tmp_path / "flipped", task, flipped.weights, mmff_labels, limit) == [False]


def failures(tmp_path, task, weights):
    run = run_in(tmp_path)
    settings = PotentialSettings(replicas=3, replica_steps=400, frame_interval=20)
    what = ReplicaTask(committee_of(task, weights), 0, Motion(1.0, 300.0), 0, 400, 20, 1)
    with ThreadPoolExecutor(1) as executor:
        replicas = run_replicas(executor, what, 3)
    report_failures(run, settings, replicas)
    return run.record(), failure_times(replicas, 1.0)


def test_a_student_that_breaks_bonds_misses_the_gate(tmp_path, task, trained):
    record, times = failures(tmp_path / "whole", task, trained.weights)
    assert [gate.passed for gate in record.gates] == [True]
    assert times.n_censored == 3
    broken = dict(trained.weights)
    broken["stiffness"] = -broken["stiffness"]
    record, times = failures(tmp_path / "broken", task, broken)
    assert [gate.passed for gate in record.gates] == [False]
    assert times.n_observed == 3
    assert times.steps.max() < 0.4
    assert next(each for each in record.metrics if each.name == "time to failure").value < 0.4


def test_where_nothing_was_seen_springs_bring_an_atom_back(task, trained):
    (potential,) = committee_of(task, trained.weights).potentials()
    molecule, positions = task.molecule, task.molecule.conformers_nm[0]
    for first, second in molecule.bonds:
        carrier, hydrogen = (first, second) if molecule.numbers[second] == 1 else (second, first)
        if molecule.numbers[hydrogen] != 1:
            continue
        outward = positions[hydrogen] - positions[carrier]
        outward /= np.linalg.norm(outward)
        for moved_nm in (-0.03, 0.03, 0.1):
            moved = positions.copy()
            moved[hydrogen] += moved_nm * outward
            assert potential.energy_forces(moved)[1][hydrogen] @ outward * np.sign(moved_nm) < -1000.0


def test_the_most_disagreed_frames_are_chosen_and_none_twice():
    states = np.arange(20.0).reshape(10, 2)
    states[7:] = states[6]  # it fell apart
    disagreement = np.array([0, 5, 1, 4, 2, 3, 0.5, 9, 9, 9])
    assert chosen_frames(disagreement, states, 3, None).tolist() == [1, 3, 5]
    blind = chosen_frames(disagreement, states, 5, np.random.default_rng(0))
    assert len(set(blind.tolist())) == 5
    assert blind.max() < 7
    assert len(chosen_frames(disagreement, states, 50, None)) == 7


def test_a_committee_of_equals_agrees_and_its_dynamics_is_pure(task, trained, mmff_labels):
    same = committee_of(task, trained.weights, trained.weights)
    assert same.disagreement(mmff_labels.positions_nm[:3]).max() == 0.0
    other = train(replace(task, steps=5, seed=1))
    two = committee_of(task, trained.weights, other.weights)
    assert two.disagreement(mmff_labels.positions_nm[:3]).min() > 10.0
    dynamics = CommitteeDynamics(two, Motion(1.0, 300.0))
    begin = dynamics.start(1, 5)
    first, second = (dynamics.advance(begin, 40, 9, 10, 0) for _ in range(2))
    np.testing.assert_array_equal(first.states, second.states)
    assert first.frames.shape == (4, 1)
    assert dynamics.sha256 != CommitteeDynamics(same, Motion(1.0, 300.0)).sha256


def test_labels_in_files(tmp_path, mmff_labels):
    write_labels(tmp_path / "labels.safetensors", mmff_labels)
    for found, wanted in zip(read_labels(tmp_path / "labels.safetensors"), mmff_labels, strict=True):
        np.testing.assert_array_equal(found, wanted)
