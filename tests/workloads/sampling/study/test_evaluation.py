"""Observables, what is kept of a campaign, and ratios of campaigns that were made up."""

from __future__ import annotations

import math
import subprocess
import sys
import time
from dataclasses import replace

import mdtraj
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from carried import protein
from levinthal.errors import DataError, UsageError
from levinthal.harness.contract.settings import make_settings
from levinthal.simulation.analysis.entropy import configurational_entropy
from levinthal.simulation.exact.potential import MuellerBrown
from levinthal.workloads.sampling.loop.budget import own_seconds
from levinthal.workloads.sampling.reporting.structures import chosen_states
from levinthal.workloads.sampling.settings import SamplingSettings
from levinthal.workloads.sampling.study.comparison import Sides, compare_policies
from levinthal.workloads.sampling.study.evaluation import (
    budget_to_cover,
    coverage_at,
    coverage_curve,
    divergences,
    first_arrival,
    prices,
    recurrence_error,
    recurrence_steps,
    reweighted_populations,
    unbroken_runs,
)
from levinthal.workloads.sampling.study.outcome import Outcome, entropies, load_outcome, save_outcome
from levinthal.workloads.sampling.study.reference import Reference
from levinthal.workloads.sampling.study.spending import Interval, Spending
from levinthal.workloads.sampling.study.tasks import read_options
from levinthal.workloads.sampling.systems.observables import GridObservables, PlaneProjection
from levinthal.workloads.sampling.systems.system import make_system
from levinthal.workloads.sampling.systems.torsions import torsion_features
from trajectory_examples import built_conformations

NO_SPENDING = Spending(1.0, 0.5, 0.1, 0.1, 0.1, 0.0, 0.0, 1.0, 1.0, 0.0, math.nan, 0.0, 0.0, 0.0, 0.0)


def outcome(cells, *, core_s=None, segment=None, parents=(-1,), arrived=(), policy="plain", replica=0) -> Outcome:
    n = len(cells)
    return Outcome(
        policy=policy,
        replica=replica,
        seed=replica,
        frame_interval=10,
        values=np.zeros((n, 2), np.float32),
        cell=np.asarray(cells, np.int64),
        segment=np.zeros(n, np.int64) if segment is None else np.asarray(segment, np.int64),
        arrived=np.isin(np.arange(n), list(arrived)),
        core_s=np.arange(1.0, n + 1) if core_s is None else np.asarray(core_s, np.float64),
        simulate_s=0.5 * np.arange(1.0, n + 1),
        parents=np.asarray(parents, np.int64),
        n_restarts=0,
        n_models=0,
        n_failures=0,
        n_quarantined=0,
        kinetic_ratio=math.nan,
        schlitter=math.nan,
        quasi_harmonic=math.nan,
        entropy_frames=0,
        withheld={"configurational entropy": "the system has no atoms"},
        spending=NO_SPENDING,
        intervals=(Interval("simulate", "here:1", 1.0, 2.0, 3),),
    )


@given(st.lists(st.integers(0, 5), min_size=1, max_size=40), st.integers(0, 45))
def test_coverage_agrees_with_counting(cells, budget):
    campaign = outcome(cells)
    seen = [len(set(cells[:k])) for k in range(len(cells) + 1)]
    assert coverage_at(campaign, "core-seconds", budget) == seen[min(budget, len(cells))]
    assert coverage_at(campaign, "steps", 10 * budget) == seen[min(budget, len(cells))]
    grid = np.arange(0.0, 46.0)
    assert coverage_curve(campaign, "core-seconds", grid).tolist() == [seen[min(int(b), len(cells))] for b in grid]
    for n in range(1, 7):
        wanted = next((k for k, found in enumerate(seen) if found >= n), math.inf)
        assert budget_to_cover(campaign, "core-seconds", n) == wanted


def test_an_event_is_paid_for_when_it_is_seen():
    assert first_arrival(outcome([0] * 5, arrived=[3, 4]), "core-seconds") == 4.0
    assert first_arrival(outcome([0] * 5, arrived=[3, 4]), "steps") == 40
    assert first_arrival(outcome([0] * 5), "steps") == math.inf


def test_segments_are_led_by_the_frame_they_went_on_from():
    # walkers take turns: segment 1 begins again, segment 2 goes on from frame 1
    campaign = outcome([5, 6, 7, 8, 9, 4], segment=[0, 0, 1, 2, 1, 2], parents=[-1, -1, 1])
    assert [run.tolist() for run in unbroken_runs(campaign)] == [[0, 1], [2, 4], [1, 3, 5]]
    assert [run.tolist() for run in unbroken_runs(campaign, 4)] == [[0, 1], [2], [1, 3]]


def test_reweighting_recovers_populations_whatever_the_restarts_show():
    """A two-state chain with pi = (3/4, 1/4), restarted from state 1 all the time."""
    rng = np.random.default_rng(0)
    cells, segment, parents = [], [], []
    for k in range(3000):
        here = 1
        parents.append(-1)
        for _ in range(4):
            cells.append(here)
            segment.append(k)
            here = int(rng.random() < 0.1) if here == 0 else int(rng.random() >= 0.3)
    campaign = outcome(cells, segment=segment, parents=parents)
    assert np.mean(cells) > 0.4
    assert reweighted_populations(campaign, 2, 1)[1] == pytest.approx(0.25, abs=0.02)
    counted, reweighted = divergences(campaign, np.array([0.75, 0.25]), 1, "steps", 1e9)
    assert reweighted < 0.01 * counted
    assert math.isnan(divergences(campaign, np.array([0.75, 0.25]), 1, "steps", 10)[1])


REFERENCE = Reference(np.array([0.5, 0.3, 0.19, 0.005, 0.005, *np.zeros(45)]), event_population=0.25)


def ratios(before, after, cost, budget, **known):
    sides = Sides(baseline=before, candidate=after, cost=cost, budget=budget, **known)
    return {each.words: each for each in compare_policies(sides, "x", "plain", papers=True)}


def test_ratios_of_made_up_campaigns():
    """The candidate sees every cell in half the steps, and each of its steps costs twice as much."""
    slow = [outcome(np.repeat(np.arange(20), 4 + k % 2), replica=k, arrived=[60]) for k in range(8)]
    fast = [
        outcome(np.repeat(np.arange(40), 2 + k % 2), replica=k, arrived=[30], policy="x") for k in range(8)
    ]  # fmt: skip
    dear = [outcome(c.cell, core_s=2 * c.core_s, arrived=[30], policy="x", replica=c.replica) for c in fast]
    known = {"event": "it comes", "reference": REFERENCE}
    steps, seconds = ratios(slow, dear, "steps", 800.0, **known), ratios(slow, dear, "core-seconds", 80.0, **known)
    assert steps["faster (event)"].ratio.value == pytest.approx(61 / 31)
    assert steps["faster (event)"].ratio.verdict == "faster"
    assert seconds["faster (event)"].ratio.value == pytest.approx(61 / 62)
    # three cells hold more than 1 % of the mass: the third is seen at frame 2 (4 + k % 2), or 2 (2 + k % 2)
    third = [(2 * (4 + k % 2) + 1) / (2 * (2 + k % 2) + 1) for k in range(8)]
    assert steps["faster (states)"].ratio.value == pytest.approx(math.exp(np.mean(np.log(third))))
    assert steps["time to the baseline's cells"].ratio.value > 1.5
    assert seconds["time to the baseline's cells"].ratio.value < 1.2
    assert steps["cells seen"].ratio.value > 1.5
    assert steps["greater"].ratio.value == pytest.approx(1.0)  # all of the mass is in the first cells
    assert steps["better"].ratio is None
    assert "reference_steps" in steps["better"].reason
    assert steps["RMSD to native"].reason == "the system has no native structure"
    assert "no atoms" in steps["configurational entropy"].reason
    nothing = ratios(slow, fast, "steps", 800.0)
    assert nothing["faster (event)"].reason == "no event was declared for this system"
    assert "reference_steps" in nothing["greater"].reason


def test_what_sees_nothing_scores_as_nothing():
    """It stays where it began, whose cell holds a two-hundredth of the mass."""
    rng = np.random.default_rng(0)
    plain = [outcome(rng.permutation(50), replica=k, arrived=[45 + k % 6]) for k in range(16)]
    blind = [outcome(np.full(50, 3), replica=k, policy="x") for k in range(16)]
    found = ratios(plain, blind, "steps", 500.0, event="it comes", reference=REFERENCE)
    for name in ("faster (event)", "faster (states)"):
        assert found[name].ratio.value == 0.0
        assert found[name].ratio.verdict == "slower"
    assert found["greater"].ratio.value == pytest.approx(0.005)
    assert found["greater"].ratio.verdict == "smaller"


def test_a_step_at_the_price_of_an_all_atom_one():
    """All core-seconds but those of simulation stay, and each step has that price."""
    campaign = replace(outcome([0] * 4, core_s=[2, 4, 7, 9]), simulate_s=np.array([1.0, 3.0, 3.5, 4.0]))
    priced = prices(replace(campaign, all_atom_step_s=0.1), "all-atom core-seconds")
    np.testing.assert_allclose(priced, [1 + 1, 1 + 2, 3.5 + 3, 5 + 4])


def test_any_statistic_may_fail_and_costs_no_other(monkeypatch):
    campaigns = [outcome(np.arange(30), replica=k, arrived=[5]) for k in range(4)]
    expected = ratios(campaigns, campaigns, "steps", 300.0, event="it comes", reference=REFERENCE)

    def broken(*_, **__):
        raise FloatingPointError("it broke")

    for name in ("better", "faster", "greater", "mass_at", "coverage_at", "recurrence_error", "budget_to_see"):
        monkeypatch.setattr(f"levinthal.workloads.sampling.study.comparison.{name}", broken)
        found = ratios(campaigns, campaigns, "steps", 300.0, event="it comes", reference=REFERENCE)
        lost = {each for each in found if found[each].reason.startswith("FloatingPointError: it broke")}
        assert all(found[each] == expected[each] for each in found if each not in lost), name
        monkeypatch.undo()


@given(st.lists(st.lists(st.integers(0, 3), min_size=1, max_size=20), min_size=1, max_size=5), st.integers(0, 25))
def test_ratios_of_any_campaigns_are_there_or_say_why(cells, arrival):
    """Ties, events that never come, campaigns of one frame: no exception, and a figure or a reason."""
    sides = [[outcome(each, replica=k, arrived=[arrival + shift]) for k, each in enumerate(cells)] for shift in (0, 1)]
    for cost in ("steps", "core-seconds"):
        budget = min(float(prices(each, cost)[-1]) for each in sides[0])
        found = ratios(*sides, cost, budget, event="it comes", reference=REFERENCE, rmsd_axis=0)
        assert len(found) >= 9
        for each in found.values():
            assert "Error" not in each.reason, each
            assert (each.ratio is None) == bool(each.reason)


def test_recurrence_is_held_against_kac():
    """Seen every fourth frame of ten steps each: 40 steps, as a population of a quarter asks for."""
    campaign = outcome([0] * 41, arrived=range(0, 41, 4))
    assert recurrence_steps(campaign) == 40.0
    assert recurrence_error(campaign, 0.25) == pytest.approx(0.0)
    assert recurrence_error(campaign, 0.5) == pytest.approx(math.log(2.0))
    assert recurrence_error(outcome([0] * 5), 0.5) == math.inf


def test_beads_in_reduced_units_have_no_entropy():
    system = make_system(make_settings(SamplingSettings, "tiny", {"system": "three-helix-bundle"}))
    with pytest.raises(DataError, match="reduced units"):
        entropies(np.random.default_rng(0).normal(size=(10, 33, 3)).astype(np.float32), system)
    with pytest.raises(DataError, match="no atoms"):
        entropies(
            np.zeros((10, 2), np.float32), make_system(make_settings(SamplingSettings, "tiny", {"system": "landscape"}))
        )


def test_entropy_takes_the_masses_of_elements():
    system = make_system(make_settings(SamplingSettings, "tiny", {"system": "fs-peptide"}))
    frames = np.random.default_rng(0).normal(size=(200, 21, 3)).astype(np.float32)
    schlitter, harmonic, n_frames = entropies(frames, system)
    known = configurational_entropy(frames.astype(np.float64), np.full(21, 12.011), system.molecule.temperature_k)
    assert (schlitter, harmonic, n_frames) == (known.schlitter_j_mol_k, known.quasi_harmonic_j_mol_k, 200)


def test_an_outcome_is_read_as_it_was_written(tmp_path):
    campaign = outcome([1, 2, 3], arrived=[1])
    save_outcome(campaign, tmp_path / "o.npz")
    again = load_outcome(tmp_path / "o.npz")
    assert again.spending.wait == pytest.approx(0.2)
    for name in ("values", "cell", "segment", "arrived", "core_s", "simulate_s", "parents"):
        np.testing.assert_array_equal(getattr(again, name), getattr(campaign, name))
        assert getattr(again, name).dtype == getattr(campaign, name).dtype
    assert again.intervals == campaign.intervals
    assert [path.name for path in tmp_path.iterdir()] == ["o.npz"]


def test_cells_are_those_of_the_exact_populations():
    system = make_system(make_settings(SamplingSettings, "tiny", {"system": "mueller-brown"}))
    observables, surface = system.observables, MuellerBrown()
    assert system.stationary.shape == (observables.n_cells,)
    deepest = observables.observe(
        np.array([[-0.558, 1.442], [99.0, -99.0], [0.623, 0.028]], np.float32), np.zeros((3, 4))
    )
    assert system.stationary[deepest.cell[0]] == system.stationary.max()
    assert 0 <= deepest.cell[1] < observables.n_cells  # what is outside counts to the nearest cell
    assert deepest.arrived.tolist() == [False, False, True]
    assert surface.energy(np.array([0.623, 0.028])) < -100


def test_a_grid_keeps_its_edges():
    edges = np.linspace(0.0, 1.0, 5)
    grid = GridObservables(PlaneProjection(), edges, edges)
    points = np.array([[0.0, 0.0], [1.0, 1.0], [0.25, 0.0]], np.float32)
    assert grid.observe(points, np.zeros((3, 0))).cell.tolist() == [0, 15, 4]
    assert not grid.observe(points, np.zeros((3, 0))).arrived.any()


def test_torsions_are_those_of_mdtraj():
    trajectory = built_conformations(5)
    phi_atoms, phi = mdtraj.compute_phi(trajectory)
    psi_atoms, psi = mdtraj.compute_psi(trajectory)
    for k in range(20):
        features = torsion_features(trajectory.xyz, np.array([phi_atoms[k], psi_atoms[k]]))
        expected = np.stack([np.cos(phi[:, k]), np.sin(phi[:, k]), np.cos(psi[:, k]), np.sin(psi[:, k])], axis=1)
        np.testing.assert_allclose(features, expected, atol=1e-4)


def test_alanine_dipeptide_is_seen_by_its_torsions():
    system = make_system(make_settings(SamplingSettings, "tiny", {"system": "alanine-dipeptide"}))
    dynamics = system.dynamics
    chunk = dynamics.advance(dynamics.start(0, 1), 200, 2, 50, 0)
    assert chunk.frames.shape == (4, 4)
    np.testing.assert_allclose(np.hypot(chunk.frames[:, 0], chunk.frames[:, 1]), 1.0, atol=1e-6)
    observed = system.observables.observe(chunk.frames, chunk.states)
    assert (observed.values[:, 0] < 0).all()  # beta or alpha, not the left-handed helix
    assert not observed.arrived.any()


def test_a_proteins_observables_knows_its_native_structure():
    path = protein("villin")
    system = make_system(make_settings(SamplingSettings, "tiny", {"system": f"go:{path}", "temperature": "0.9"}))
    native, stretched = system.reference_dynamics.start(0, 0), system.dynamics.start(0, 0)
    frames = np.array([state[:108].reshape(36, 3) for state in (native, stretched)], np.float32)
    observed = system.observables.observe(frames, np.array([native, stretched]))
    np.testing.assert_allclose(observed.values[0], [1.0, 0.0], atol=1e-4)
    assert observed.arrived.tolist() == [True, False]
    assert observed.values[1, 0] < 0.2
    assert any("Go" in note for note in system.notes)


def test_states_for_a_viewer_are_the_event_and_then_far_apart():
    rng = np.random.default_rng(0)
    values = rng.normal(size=(200, 2)).astype(np.float32)
    values[7] = (30.0, 30.0)
    arrived = np.zeros(200, bool)
    arrived[11] = True
    chosen = chosen_states(values, np.arange(200), arrived, 4)
    assert chosen[:2].tolist() == [11, 7]
    assert len(set(chosen.tolist())) == 4
    assert len(chosen_states(values, np.zeros(200, np.int64), arrived, 4)) == 1


def test_options_are_read_by_name():
    found = read_options(["dbscan.outliers=7", "dbscan.order=furthest", "cvae.latent=2"])
    assert found["dbscan"] == {"outliers": 7, "order": "furthest"}
    assert found["cvae"] == {"latent": 2}
    assert not found["lof"]
    with pytest.raises(UsageError, match=r"NAME\.KEY=VALUE"):
        read_options(["outliers=7"])
    with pytest.raises(UsageError, match="not a policy or learner: there are"):
        read_options(["log.outliers=7"])


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"system": "bundle"}, "is unknown"),
        ({"system": "go"}, "set system=go:FILE.pdb"),
        ({"system": "mueller-brown:3"}, "set system=mueller-brown"),
        ({"system": "landscape:deep"}, "give a depth in kT"),
        ({"system": "chain:nowhere.npz"}, "nowhere.npz"),
        ({"system": "go:nowhere.pdb"}, "nowhere.pdb"),
    ],
)
def test_a_system_that_is_not_there(settings, message):
    with pytest.raises((UsageError, DataError), match=message):
        make_system(make_settings(SamplingSettings, "tiny", settings))


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"policies": "random,dbscan"}, "baseline 'plain' is not among the policies random, dbscan"),
        ({"policies": "plain,plain"}, "named twice"),
        ({"policies": "plain,dbscna"}, "policy 'dbscna' is unknown: did you mean dbscan"),
        ({"learner": "cave"}, "learner 'cave' is unknown: did you mean cvae"),
        ({"steps": "0"}, "no budget"),
        ({"chunk_steps": "150"}, "not a multiple of frame_interval"),
        ({"deterministic": "true", "spread": "all"}, "several workers are not deterministic"),
    ],
)
def test_settings_that_do_not_fit_together(settings, message):
    with pytest.raises(UsageError, match=message):
        make_settings(SamplingSettings, "tiny", settings)


def test_a_neighbours_work_is_not_counted():
    """Two processes on one core: the clock goes on for each only while it has the core."""
    program = (
        "import os, sys, time\n"
        "os.sched_setaffinity(0, {int(sys.argv[1])})\n"
        "from levinthal.workloads.sampling.loop.budget import own_seconds\n"
        "own, wall, cpu = own_seconds(), time.monotonic(), time.process_time()\n"
        "while time.monotonic() - wall < 1.0: pass\n"
        "print(own_seconds() - own, time.process_time() - cpu)\n"
    )
    core = str(min(__import__("os").sched_getaffinity(0)))
    both = [
        subprocess.Popen([sys.executable, "-c", program, core], stdout=subprocess.PIPE, text=True) for _ in range(2)
    ]
    for process in both:
        own, cpu = map(float, process.communicate(timeout=60)[0].split())
        assert own == pytest.approx(cpu, abs=0.1)
    began = own_seconds()
    time.sleep(0.2)
    assert own_seconds() - began == pytest.approx(0.2, abs=0.1)  # idling counts
