"""References: refused where they do not hold, kept by content, and the same whatever was kept."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import openmm
import pytest

from levinthal.errors import DataError, UsageError
from levinthal.harness.contract.settings import make_settings
from levinthal.harness.engines.built_in.inline import InlineExecutor
from levinthal.simulation.analysis.coarse_model import coarse_model
from levinthal.simulation.analysis.divergence import jensen_shannon_nats
from levinthal.workloads.sampling.settings import SamplingSettings
from levinthal.workloads.sampling.study import reference as reference_module
from levinthal.workloads.sampling.study import walks as module
from levinthal.workloads.sampling.study.given import given_reference
from levinthal.workloads.sampling.study.reference import exact_reference, simulated_reference
from levinthal.workloads.sampling.study.walks import SHIPPED, WalkTask, content_key, make_walk, shipped_folder
from levinthal.workloads.sampling.systems.system import make_system


def system_of(**settings):
    return make_system(make_settings(SamplingSettings, "tiny", {"system": "three-helix-bundle", **settings}))


@pytest.fixture
def landscape(monkeypatch, tmp_path):
    """The landscape as if nobody knew its answer, with a cache of its own."""
    monkeypatch.setenv("LEVINTHAL_DATA", str(tmp_path / "data"))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return replace(system_of(system="landscape", depth_kt="5"), stationary=None)


def simulated(system, n_steps):
    return simulated_reference(system, n_steps, 10, InlineExecutor(), lambda: None)


def test_a_simulated_reference_is_the_exact_answer(landscape):
    exact = exact_reference(system_of(system="landscape", depth_kt="5"))
    found = simulated(landscape, 800_000)
    off = jensen_shannon_nats(found.populations, exact.populations)
    assert off < 0.005
    assert off < 2.0 * found.halves_nats
    assert found.event_population == pytest.approx(exact.event_population, rel=0.1)
    assert found.model.n_round_trips >= 50


def test_one_that_does_not_hold_says_what_to_raise(landscape):
    with pytest.raises(UsageError, match=r"round trips .* \(at least 50\).*fix: raise reference_steps from 80,000 to"):
        simulated(landscape, 80_000)
    rare = replace(system_of(system="landscape", depth_kt="18"), stationary=None)
    with pytest.raises(UsageError, match=r"fix: raise temperature .* or set reference_steps=0"):
        simulated(rare, 80_000)


def test_walks_are_the_same_whatever_was_kept(landscape, tmp_path):
    key, named = content_key(landscape.dynamics, landscape.observables, 10)
    assert named

    def walk(n_frames, folder):
        return make_walk(WalkTask(landscape.dynamics, landscape.observables, 1, n_frames, 10, folder, key))

    whole = walk(2_300, None)
    short = walk(700, tmp_path / "kept")
    longer = walk(2_300, tmp_path / "kept")
    np.testing.assert_array_equal(whole.cell, longer.cell)
    np.testing.assert_array_equal(whole.cell[:700], short.cell)
    np.testing.assert_array_equal(whole.state, longer.state)
    np.testing.assert_array_equal(walk(700, tmp_path / "kept").cell, short.cell)


@pytest.mark.parametrize("damage", [b"", b"no archive", None])
def test_a_damaged_file_is_made_again(landscape, tmp_path, damage, monkeypatch):
    key, _ = content_key(landscape.dynamics, landscape.observables, 10)
    task = WalkTask(landscape.dynamics, landscape.observables, 0, 500, 10, tmp_path, key)
    expected = make_walk(task)
    file = tmp_path / "walk-0.npz"
    if damage is None:  # of other kinds, and with a Python object in it
        np.savez(file, cell=np.array([{}], object), arrived=np.zeros(1, bool), state=np.zeros(1))
    else:
        file.write_bytes(damage)
    np.testing.assert_array_equal(make_walk(task).cell, expected.cell)
    monkeypatch.setattr(landscape.dynamics.__class__, "advance", lambda *_: pytest.fail("it was not kept"))
    np.testing.assert_array_equal(make_walk(task).cell, expected.cell)


def test_a_folder_that_cannot_be_written_costs_nothing_else(landscape, tmp_path):
    (tmp_path / "file").write_text("")
    key, _ = content_key(landscape.dynamics, landscape.observables, 10)
    task = WalkTask(landscape.dynamics, landscape.observables, 0, 500, 10, tmp_path / "file" / "deeper", key)
    assert len(make_walk(task)) == 500


def test_what_decides_a_walk_names_it(landscape):
    keys = {
        content_key(landscape.dynamics, landscape.observables, 10)[0],
        content_key(landscape.dynamics, landscape.observables, 20)[0],
        content_key(landscape.dynamics, replace(landscape.observables, event="another"), 10)[0],
        content_key(system_of(system="landscape", depth_kt="6").dynamics, landscape.observables, 10)[0],
    }
    assert len(keys) == 4
    again = system_of(system="landscape", depth_kt="5")
    assert content_key(again.dynamics, again.observables, 10)[0] in keys

    class Opaque:
        """Observables that are not plain data: their walks are not kept."""

    assert not content_key(landscape.dynamics, Opaque(), 10)[1]


@pytest.mark.parametrize("name", ["landscape", "mueller-brown"])
def test_the_exact_event_is_that_of_long_walks(name):
    system = system_of(system=name)
    task = WalkTask(system.dynamics, system.observables, 0, 40_000, 100, None, "0" * 64)
    assert exact_reference(system).event_population == pytest.approx(make_walk(task).arrived.mean(), abs=0.05)


def test_the_reference_of_small_is_shipped_and_holds(monkeypatch, tmp_path):
    monkeypatch.setenv("LEVINTHAL_DATA", str(tmp_path))
    members = {each.name: each for each in make_settings(SamplingSettings, "small", {}).members()}
    bundle = members["three-helix-bundle"]
    system, interval = make_system(bundle.sampled), bundle.campaign.frame_interval
    key, _ = content_key(system.reference_dynamics, system.observables, interval)
    (made_with,) = SHIPPED.glob("*/made-with.txt")
    if made_with.read_text().split()[-1] != openmm.__version__:
        pytest.skip("another version of OpenMM may write another system: then its walks are simulated")
    assert shipped_folder(key) == made_with.parent
    monkeypatch.setattr(system.reference_dynamics.__class__, "advance", lambda *_: pytest.fail("it was simulated"))
    found = simulated_reference(system, bundle.comparison.reference_steps, interval, InlineExecutor(), lambda: None)
    assert found.model.n_round_trips >= 50
    assert found.model.share_of_transitions_outside < 0.01
    assert found.model.chosen.holds
    assert found.halves_nats < 0.01
    assert 0.01 < found.event_population < 0.1
    assert not list(tmp_path.iterdir())


def test_there_is_no_exact_event_where_none_was_declared():
    assert math.isnan(system_of(system="three-helix-bundle").event_population)
    assert exact_reference(system_of(system="three-helix-bundle")) is None
    assert module.WalkTask is WalkTask


@pytest.fixture(scope="module")
def bundle_trajectories(tmp_path_factory):
    """Walks of the bundle, hot enough to go back and forth, as XTC files with their topology."""
    import mdtraj

    folder = tmp_path_factory.mktemp("own")
    system = system_of(temperature="1.0")
    (folder / "top.pdb").write_text(system.molecule.topology_pdb)
    topology = mdtraj.load_pdb(str(folder / "top.pdb")).topology
    for number in range(2):
        dynamics = system.reference_dynamics
        chunk = dynamics.advance(dynamics.start(number, 0), 20_000, 1, 100, 0)
        mdtraj.Trajectory(chunk.frames, topology).save_xtc(str(folder / f"{number}.xtc"))
    return system, [str(folder / f"{number}.xtc") for number in range(2)], str(folder / "top.pdb")


def test_a_persons_own_trajectories_are_read_as_cells(bundle_trajectories, monkeypatch):
    system, paths, topology = bundle_trajectories
    with pytest.raises(UsageError, match=r"round trips .* fix: give more or longer trajectories as reference"):
        given_reference(system, paths, topology)
    seen = []
    monkeypatch.setattr(reference_module, "why_not", lambda *_: "")
    monkeypatch.setattr(
        reference_module, "coarse_model", lambda cells, *more: seen.append(cells) or coarse_model(cells, *more)
    )
    found, _ = given_reference(system, paths, topology)
    assert found.populations.sum() == pytest.approx(1.0)
    observed = system.observables.observe(
        system.reference_dynamics.advance(system.reference_dynamics.start(0, 0), 20_000, 1, 100, 0).frames, None
    )
    assert (seen[0][0] == observed.cell).mean() > 0.95  # XTC keeps thousandths of a nanometre


def test_trajectories_of_another_protein_are_refused(bundle_trajectories):
    _, paths, topology = bundle_trajectories
    with pytest.raises(DataError, match=r"has 33 residues, .* has 21"):
        given_reference(system_of(system="fs-peptide"), paths, topology)
    with pytest.raises(DataError, match=r"not seen by CA atoms"):
        given_reference(system_of(system="mueller-brown"), paths, topology)
    with pytest.raises(UsageError, match=r"needs both"):
        system_of(reference="a.xtc")
