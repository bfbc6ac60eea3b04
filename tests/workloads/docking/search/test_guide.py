"""The agent's guide: what it sees, that it learns and transfers, and that what it learned is kept."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

from docking_examples import made_problem
from levinthal.errors import DataError
from levinthal.harness.contract.recording import Recording
from levinthal.harness.results.events import EventLog
from levinthal.workloads.docking.redocking.practice import report_insight
from levinthal.workloads.docking.search.agent import guiding
from levinthal.workloads.docking.search.agent.guide import Guide, GuidedPocket, TrainedGuide
from levinthal.workloads.docking.search.agent.guiding import Descents, GuidingSettings, insight, train_guide
from levinthal.workloads.docking.search.agent.places import Places
from levinthal.workloads.docking.search.built_in.guided import GuidedRestarts

QUICK = GuidingSettings(n_starts=256, updates=60)


@pytest.fixture(scope="module")
def trained() -> Guide:
    """Return a guide that practised on three made pockets, each with a ligand of its own."""
    guide = Guide(seed=0)
    train_guide(guide, [made_problem(n, seed=n) for n in (5, 7, 9)], QUICK, seed=0)
    return guide


@pytest.fixture(scope="module")
def unseen():
    return made_problem(8, seed=42)


def test_places_are_found_again_and_inside_the_box():
    problem = made_problem(n_conformations=2)
    places = Places.of(problem)
    allowed = torch.nonzero(places.allowed.expand(2, *places.allowed.shape).flatten())[:, 0]
    centres, conformations = places.centres(allowed)
    assert torch.equal(places.index(centres, conformations), allowed)
    assert problem.grids.box.contains(centres.numpy())
    assert set(conformations.tolist()) == {0, 1}


def test_what_is_seen_of_a_place_is_the_map_there():
    problem = made_problem()
    places = Places.of(problem)
    kinds = problem.grids.map_of_atoms(problem.ligand)
    mean = problem.grids.energies_kcal_mol[0][kinds].mean(0)
    stride = round(places.spacing_angstrom / problem.grids.spacing_angstrom)
    cell = mean[:stride, :stride, :stride]
    assert places.numbers[0, 0, 0, 0, 0] == pytest.approx(float(cell.clamp(max=0).mean()), abs=1e-5)
    assert places.numbers[0, 0, 0, 0, 1] == pytest.approx(float((cell > 0.5).float().mean()), abs=1e-5)


def test_a_new_guide_knows_nothing_and_proposes_anywhere(unseen):
    known = insight(Guide(), unseen, 128, seed=0)
    assert known.places_nats == pytest.approx(0.0, abs=1e-4)
    assert known.starts_nats == pytest.approx(0.0, abs=1e-4)
    pocket = GuidedPocket.of(Guide(), unseen)
    poses, _ = pocket.propose(4000, torch.Generator().manual_seed(0), 0.0)
    assert float(poses.centres_angstrom.std(0).min()) > 2.0


def test_what_is_learned_holds_in_a_pocket_that_was_not_practised_on(trained, unseen, tmp_path):
    verdicts = []
    for number, guide in enumerate((trained, Guide(seed=0))):
        run = Recording(folder=tmp_path, events=EventLog(tmp_path / f"{number}.jsonl"), index=0)
        report_insight(run, insight(guide, unseen, 512, seed=1), gated=True)
        verdicts.append([gate.passed for gate in run._gates.values()])
    assert verdicts == [[True, True], [False, False]]  # of an agent that has practised, and of one that has not


def test_a_training_on_ends_that_mean_nothing_learns_nothing(unseen, monkeypatch):
    """The mutation of the gate on what is known of a new pocket: the energies of the ends are shuffled."""
    honest = guiding.descend

    def shuffled(problem, poses, conformations) -> Descents:
        found = honest(problem, poses, conformations)
        order = torch.randperm(len(found.end_energies), generator=torch.Generator().manual_seed(3))
        return replace(found, end_energies=found.end_energies[order])

    guide = Guide(seed=0)
    monkeypatch.setattr(guiding, "descend", shuffled)
    train_guide(guide, [made_problem(n, seed=n) for n in (5, 7, 9)], QUICK, seed=0)
    monkeypatch.setattr(guiding, "descend", honest)
    assert insight(guide, unseen, 512, seed=1).starts_nats < 0.03


def test_conformations_are_chosen_by_what_they_are_worth(trained):
    problem = made_problem(8, seed=42, n_conformations=2)
    pocket = GuidedPocket.of(trained, problem)
    _, conformations = pocket.propose(4000, torch.Generator().manual_seed(0), 0.0)
    dear = replace(
        problem,
        grids=replace(problem.grids, receptor_energies_kcal_mol=torch.tensor([3.0, 0.0])),
    )
    _, cheaper = GuidedPocket.of(trained, dear).propose(4000, torch.Generator().manual_seed(0), 0.0)
    assert float((cheaper == 0).float().mean()) < float((conformations == 0).float().mean())


def test_the_search_finds_what_restarts_find_and_a_seed_decides(trained, unseen):
    search = GuidedRestarts(TrainedGuide(trained), 256, 32, n_last=8)
    first, again = (search.search(unseen, seed=4) for _ in range(2))
    assert np.array_equal(first.coordinates, again.coordinates)
    assert first.n_evaluations == again.n_evaluations
    from levinthal.workloads.docking.search.built_in.restarts import RandomRestarts

    best = RandomRestarts(4096, 512).search(unseen, seed=0).energies_kcal_mol[0]
    assert min(search.search(unseen, seed=k).energies_kcal_mol[0] for k in range(4)) < best + 0.5


def test_a_guide_goes_to_a_file_and_comes_back(trained, unseen, tmp_path):
    trained.save(tmp_path / "guide.safetensors")
    again = Guide.load(tmp_path / "guide.safetensors")
    first, second = (GuidedPocket.of(each, unseen).log_probabilities for each in (trained, again))
    assert torch.equal(first, second)
    (tmp_path / "broken.safetensors").write_bytes(b"nothing")
    with pytest.raises(DataError, match=r"broken\.safetensors"):
        Guide.load(tmp_path / "broken.safetensors")
