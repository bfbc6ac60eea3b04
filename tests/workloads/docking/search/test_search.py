"""The searches: on landscapes whose minimum is known, and on a real complex against AutoDock Vina."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from levinthal.errors import UsageError
from levinthal.workloads.docking.molecules.molecule import Box
from levinthal.workloads.docking.molecules.pose import Poses
from levinthal.workloads.docking.molecules.rmsd import CrystalPose
from levinthal.workloads.docking.redocking.comparison import judge
from levinthal.workloads.docking.registry import SEARCHES
from levinthal.workloads.docking.scoring import RigidScore, build_grids, exact_score
from levinthal.workloads.docking.scoring.rigid import rigid_sums
from levinthal.workloads.docking.search.built_in.cma_es import Evolution
from levinthal.workloads.docking.search.built_in.enumeration import Enumeration, even_rotations, lattice
from levinthal.workloads.docking.search.built_in.restarts import RandomRestarts
from levinthal.workloads.docking.search.built_in.vina import Vina
from levinthal.workloads.docking.search.contract import Problem, distinct
from levinthal.workloads.docking.search.descent import Descent
from levinthal.workloads.docking.search.outcome import SearchOutcome, Trace, TraceRecorder
from levinthal.workloads.docking.search.rescoring import rescore

BOX = Box((1.0, -2.0, 3.0), (12.0, 14.0, 16.0))


def spring(template, target):
    """Return the energy of springs between a template's atoms and a pose of it: its one minimum is that pose."""

    def evaluate(poses, _):
        places = poses.coordinates(template)
        pull = target - places
        energies = 0.5 * pull.square().sum(dim=(1, 2))
        return RigidScore(energies, *rigid_sums(pull, places - poses.centres_angstrom[:, None]))

    return evaluate


@settings(max_examples=12)
@given(st.integers(0, 2**31 - 1))
def test_descent_finds_the_minimum_and_never_climbs(seed):
    generator = torch.Generator().manual_seed(seed)
    template = torch.randn(7, 3, generator=generator, dtype=torch.float64) * 3
    template = template - template.mean(dim=0)
    target = Poses.random(1, BOX, generator, dtype=torch.float64).coordinates(template)[0]
    starts = Poses.random(8, BOX, generator, dtype=torch.float64)
    evaluate = spring(template, target)
    descent = Descent.start(evaluate, starts, torch.zeros(8, dtype=torch.int64), 4.0)
    before = descent.energies_kcal_mol
    for _ in range(60):
        descent.step(evaluate)
        assert (descent.energies_kcal_mol <= before + 1e-9).all()
        before = descent.energies_kcal_mol
    # a start that is exactly opposite has no slope; all others arrive
    assert (descent.energies_kcal_mol < 1e-6).sum() >= 7
    assert torch.allclose(descent.poses.quaternions.norm(dim=1), torch.ones(8, dtype=torch.float64))


def test_the_recorder_keeps_falls_only_and_closes_at_the_end():
    recorder, pose = TraceRecorder(), Poses.random(1, BOX)
    for energy in (-1.0, -0.5, -2.0, -2.0):
        recorder.note(10, torch.tensor([energy]), pose)
    trace = recorder.finish()
    assert trace.evaluations.tolist() == [10, 30, 40]
    assert trace.best_kcal_mol.tolist() == [-1.0, -2.0, -2.0]
    assert (np.diff(trace.seconds) >= 0).all()
    assert trace.evaluations_to(-1.5) == 30
    assert trace.evaluations_to(-3.0) is None


def test_distinct_poses_are_apart_or_in_other_conformations():
    places = np.zeros((5, 4, 3))
    places[1] += 0.3
    places[2] += 5.0
    kept = distinct(places, np.array([0, 0, 0, 1, 1]), 9)
    assert kept.tolist() == [0, 2, 3]
    assert distinct(places, np.array([0, 0, 0, 1, 1]), 2).tolist() == [0, 2]


def test_rotations_are_even_and_places_fill_the_box():
    rotations = even_rotations(1500).double()
    assert torch.allclose(rotations.norm(dim=1), torch.ones(1500, dtype=torch.float64), atol=1e-6)
    dots = (rotations @ rotations.T).abs().fill_diagonal_(0).amax(dim=1)
    nearest_deg = torch.rad2deg(2 * torch.acos(dots.clamp(max=1)))
    assert nearest_deg.min() > 8
    assert nearest_deg.max() < 25
    rng = torch.Generator().manual_seed(0)
    anywhere = Poses.random(2000, BOX, rng, dtype=torch.float64).quaternions
    farthest = torch.rad2deg(2 * torch.acos((anywhere @ rotations.T).abs().amax(dim=1).clamp(max=1)))
    assert farthest.max() < 25
    places = lattice(BOX, 1.0, 3.0)
    assert BOX.contains(places.numpy())
    assert len(places) == 7 * 9 * 11
    assert torch.allclose(places.mean(dim=0), torch.tensor(BOX.centre_angstrom))
    assert len(lattice(BOX, 1.0, 30.0)) == 1


@pytest.mark.parametrize(
    ("rmsd", "energy", "verdict"),
    [
        (1.9, -3.0, "success"),
        (2.1, -8.0, "scoring failure"),
        (2.1, -7.0, "search failure"),
        (9.0, -7.6, "scoring failure"),
    ],
)
def test_who_is_to_blame(rmsd, energy, verdict):
    assert judge(rmsd, energy, -8.0) == verdict


@pytest.fixture(scope="module")
def real(reductase):
    """Return a receptor, its ligand, box, crystal pose and problem, in two conformations of which one is strained."""
    receptor, ligand, box = reductase
    crystal = CrystalPose.of(ligand)
    strained = receptor.in_conformation(receptor.coordinates_angstrom, energy_kcal_mol=3.0)
    grids = build_grids([receptor, strained], ligand.scored_types, box)
    return receptor, strained, ligand, box, crystal, Problem(grids, ligand)


SMALLER = {
    "restarts": RandomRestarts(n_drawn=2048, n_starts=512, n_last=32),
    "enumeration": Enumeration(1.5, 400, 3.0, 128),
}


@pytest.mark.parametrize("name", SMALLER)
def test_a_search_finds_the_crystal_pose_of_a_real_complex(real, name):
    receptor, strained, ligand, box, crystal, problem = real
    outcome = SMALLER[name].search(problem, seed=1)
    assert isinstance(outcome, SearchOutcome)
    assert (np.diff(outcome.energies_kcal_mol) >= 0).all()
    assert outcome.coordinates.shape[1:] == (len(ligand.types), 3)
    assert outcome.n_evaluations > 0
    final = rescore([receptor, strained], ligand, outcome)
    assert crystal.rmsd(final.coordinates[:1])[0] < 2.0
    assert final.conformations[0] == 0  # the same place costs 3 kcal/mol more in the strained conformation
    assert final.energies_kcal_mol[0] == pytest.approx(-12.88, abs=0.25)
    # what is reported is Vina's exact path
    exact = exact_score(receptor, ligand, torch.as_tensor(final.coordinates[:1]))
    assert float(exact[0]) == pytest.approx(final.energies_kcal_mol[0], abs=1e-9)
    assert box.contains(final.coordinates[0][ligand.heavy_atoms])


def test_evolution_beats_as_many_random_draws_and_stays_within_its_budget(real):
    _, _, ligand, box, _, problem = real
    outcome = Evolution(8, 24, 12_000).search(problem, seed=1)
    assert 12_000 <= outcome.n_evaluations < 16_000
    draws = Poses.random(12_000, box, torch.Generator().manual_seed(1), margin_angstrom=2.0)
    assert outcome.energies_kcal_mol[0] < float(problem.energies(draws, problem.spread(12_000)).min())
    # maps reach up to a node beyond the box, and what lies outside them is dear, not forbidden
    wider = Box(box.centre_angstrom, tuple(size + 1.0 for size in box.size_angstrom))
    assert wider.contains(outcome.coordinates[0][ligand.heavy_atoms])


def test_the_same_seed_gives_the_same_poses_and_another_other_draws(real):
    *_, problem = real
    search = RandomRestarts(n_drawn=512, n_starts=64, n_last=16)
    first, again, other = (search.search(problem, seed=seed) for seed in (5, 5, 6))
    assert np.array_equal(first.coordinates, again.coordinates)
    assert first.n_evaluations == again.n_evaluations
    assert not np.array_equal(first.trace.best_kcal_mol, other.trace.best_kcal_mol)


def test_vina_docks_the_same_ligand_to_the_same_place(real):
    pytest.importorskip("vina")
    receptor, strained, ligand, box, crystal, problem = real
    outcome = Vina(16, 1500, threads=1).dock([receptor, strained], ligand, box, seed=3)
    assert crystal.rmsd(outcome.coordinates[:1])[0] < 2.0
    assert outcome.conformations[0] == 0
    assert outcome.n_evaluations == 2 * 16 * 1500
    assert list(outcome.setup_s) == ["receptor", "ligand", "maps"]
    assert min(*outcome.setup_s.values(), outcome.duration_s) > 0
    final = rescore([receptor, strained], ligand, outcome, polished=False)
    assert final.energies_kcal_mol[0] == pytest.approx(outcome.energies_kcal_mol[0], abs=2e-3)
    tuned = SEARCHES.make("vina-tuned")
    assert (tuned.exhaustiveness, tuned.max_evals) == (256, 1500)
    assert tuned.at_budget(4)[1].exhaustiveness == 4
    with pytest.raises(UsageError, match="give the problem its receptors"):
        tuned.search(problem)


def test_trace_is_plain_data():
    trace = Trace(np.array([1]), np.array([0.5]), np.array([-3.0]), np.array([1.0]))
    assert trace.seconds[np.flatnonzero(trace.best_kcal_mol <= -3.0)[0]] == 0.5
