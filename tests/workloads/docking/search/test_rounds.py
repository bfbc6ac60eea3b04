"""Searches that run until they succeed: what is counted, when it is cut short, and what the waiting times say."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

import numpy as np
import pytest
import torch

from docking_examples import made_problem
from levinthal.harness.contract.recording import Recording
from levinthal.harness.results.events import EventLog
from levinthal.harness.results.labels import find_figure
from levinthal.simulation.analysis.survival import durations
from levinthal.workloads.docking.molecules.pose import Poses
from levinthal.workloads.docking.molecules.rmsd import CrystalPose, automorphisms
from levinthal.workloads.docking.redocking.cases import told_apart
from levinthal.workloads.docking.redocking.waiting import Waiting, median_of, report_waiting, waiting_of
from levinthal.workloads.docking.search.built_in.restarts import RandomRestarts
from levinthal.workloads.docking.search.contract import Search
from levinthal.workloads.docking.search.outcome import Goal, SearchOutcome, Trace
from levinthal.workloads.docking.search.rounds import attempt


def reference_in(problem, seed=0) -> CrystalPose:
    """Return the best pose of a long search as the one to find."""
    best = RandomRestarts(4096, 512).search(problem, seed=seed).coordinates[0]
    heavy = problem.ligand.heavy_atoms
    elements = [problem.ligand.elements[atom] for atom in heavy]
    return CrystalPose(best[heavy], heavy, automorphisms(elements, problem.ligand.heavy_bonds))


@dataclass(frozen=True)
class Scripted(Search):
    """Rounds of 100 evaluations and 1 s whose best energies and distances are given."""

    energies: tuple[float, ...]
    distances: tuple[float, ...]
    seen: list = field(default_factory=list)
    n_poses: int = 1

    shown = "scripted"

    def search(self, problem, *, seed=0):
        number = len(self.seen)
        self.seen.append(seed)
        energy, distance = self.energies[number], self.distances[number]
        known = np.nan if energy >= problem.goal.below_kcal_mol else distance
        trace = Trace(np.array([40, 100]), np.array([0.4, 1.0]), np.array([energy, energy]), np.array([known, known]))
        places = np.zeros((1, len(problem.ligand.types), 3)) + number * 10
        return SearchOutcome(places, np.zeros(1, np.int64), np.array([energy]), trace)


@pytest.fixture(scope="module")
def problem():
    made = made_problem()
    return replace(made, goal=Goal(reference_in(made), 1000))


def test_rounds_add_up_to_success(problem):
    search = Scripted((-1.0, -3.0, -2.0, -4.0), (9.0, 5.0, 1.0, 1.5))
    done = attempt(search, problem, budget_s=100.0, seed=7)
    # the third round is near the reference, but with a worse pose than the second has: not the best so far
    assert (done.succeeded, done.n_rounds, done.evaluations) == (True, 4, 340)
    assert done.seconds == pytest.approx(3.4)
    assert len(set(search.seen)) == 4
    assert search.seen[0] == 7
    assert done.outcome.energies_kcal_mol[0] == -4.0
    assert done.outcome.n_evaluations == 400
    assert done.outcome.trace.best_kcal_mol.tolist() == [-1, -1, -3, -3, -3, -3, -4, -4]


def test_a_budget_cuts_short_what_never_succeeds(problem):
    never = Scripted((-1.0,) * 20, (9.0,) * 20)
    done = attempt(never, problem, budget_s=100.0, seed=0)
    assert (done.succeeded, done.n_rounds, done.evaluations) == (False, 10, 1000)
    done = attempt(Scripted((-1.0,) * 20, (9.0,) * 20), problem, budget_s=2.5, seed=0)
    assert (done.succeeded, done.n_rounds, done.evaluations) == (False, 3, 300)
    # success after the budget is none
    late = replace(problem, goal=replace(problem.goal, evaluations=30))
    assert attempt(Scripted((-1.0,), (0.5,)), late, budget_s=100.0, seed=0).succeeded is False


def test_without_a_reference_a_search_runs_once(problem):
    blind = replace(problem, goal=None)
    done = attempt(RandomRestarts(128, 16, n_last=4), blind, budget_s=0.0, seed=0)
    assert (done.succeeded, done.n_rounds) == (None, 1)
    assert waiting_of([done]) is None


def test_a_search_ends_when_its_goal_is_met_or_its_evaluations_are_spent(problem):
    whole = RandomRestarts(2048, 256).search(replace(problem, goal=None), seed=3)
    ample = replace(problem, goal=replace(problem.goal, evaluations=10**6))
    met = RandomRestarts(2048, 256).search(ample, seed=3)
    assert met.n_evaluations < whole.n_evaluations
    evaluations, seconds = met.trace.success()
    assert evaluations <= met.n_evaluations
    assert 0 < seconds <= met.duration_s
    far = replace(problem.goal.reference, coordinates=problem.goal.reference.coordinates + 50.0)
    spent = RandomRestarts(512, 64).search(replace(problem, goal=Goal(far, 700)), seed=3)
    assert spent.trace.success() is None
    assert 700 <= spent.n_evaluations < 700 + 64
    going_on = replace(problem, goal=replace(problem.goal, evaluations=10**6, ends_at_success=False))
    assert RandomRestarts(2048, 256).search(going_on, seed=3).n_evaluations == whole.n_evaluations


def test_poses_of_a_batch_count_in_their_order(problem):
    goal, recorder = problem.goal, problem.recorder()
    poses = Poses.random(5, problem.grids.box, torch.Generator().manual_seed(0))
    recorder.note(5, torch.tensor([3.0, -2.0, 1.0, -4.0, 5.0]), poses)
    recorder.note(10, torch.tensor([-3.0, -5.0, -6.0, 0.0, 0.0]), poses)  # two evaluations each: the end alone is known
    trace = recorder.finish()
    assert trace.evaluations.tolist() == [1, 2, 4, 15, 15]
    assert trace.best_kcal_mol.tolist() == [3.0, -2.0, -4.0, -6.0, -6.0]
    places = poses[torch.tensor([0, 1, 3, 2, 2])].coordinates(
        torch.as_tensor(problem.ligand.coordinates_angstrom, dtype=torch.float32)
    )
    assert trace.rmsd_angstrom == pytest.approx(goal.reference.rmsd(places.double().numpy()), abs=1e-4)


def test_waiting_times_are_kaplan_meiers():
    waits = durations([10, 20, 30, 40], [True, False, True, False])
    assert median_of(waits) == 30.0  # 3/4, then 3/8
    assert median_of(durations([10, 20, 20, 20], [True, False, False, False])) is None
    assert median_of(None) is None


def test_what_is_recorded_of_waiting_times(tmp_path):
    run = Recording(folder=tmp_path, events=EventLog(tmp_path / "events.jsonl"), index=0)
    some = Waiting(4, 2, durations([10, 20, 30, 40], [True, False, True, False]), durations([1, 2, 3, 4], [True] * 4))
    report_waiting(run, some, {"search": "a", "case": "b"})
    unreported = Waiting(2, 0, None, durations([1, 2], [False, False]))
    report_waiting(run, unreported, {"search": "c", "case": "b"})
    metrics = list(run._metrics.values())
    assert find_figure(metrics, "evaluations to success", {"search": "a", "case": "b"}).value == 30.0
    assert find_figure(metrics, "succeeded within the budget", {"search": "a", "case": "b"}).value == 0.5
    unknown = find_figure(metrics, "evaluations to success", {"search": "c", "case": "b"})
    assert (unknown.value, unknown.reason) == (None, "the search does not report its evaluations")
    assert "0 of 2 runs" in find_figure(metrics, "time to success", {"search": "c", "case": "b"}).reason
    curve = find_figure(list(run._curves.values()), "not yet successful, by evaluations", {"search": "a", "case": "b"})
    assert list(zip(curve.x, curve.y, strict=True)) == [
        (0, 1), (10, 1), (10, 0.75), (30, 0.75), (30, 0.375), (40, 0.375),
    ]  # fmt: skip


def test_cases_that_do_not_tell_searches_apart_are_named():
    def waiting(n_succeeded):
        return Waiting(3, n_succeeded, None, durations([1.0] * 3, [True] * 3))

    assert "every run of every search succeeded" in told_apart("easy", {"a": waiting(3), "b": waiting(3)})
    assert "no run of any search" in told_apart("hopeless", {"a": waiting(0), "b": waiting(0)})
    assert told_apart("good", {"a": waiting(3), "b": waiting(2)}) is None
