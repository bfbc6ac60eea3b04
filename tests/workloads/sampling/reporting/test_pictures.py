"""Pictures and trajectories of a study: nothing that was seen is left out, and times are those of the simulation."""

from __future__ import annotations

import importlib
import importlib.util

import gemmi
import mdtraj
import numpy as np
import pytest

from levinthal.simulation.systems.peptide import capped_peptide
from levinthal.simulation.trajectories.frame_headers import count_frames
from levinthal.workloads.sampling.reporting.figures import free_energy_figure, free_energy_grid
from levinthal.workloads.sampling.reporting.structures import evenly_spaced, superposed_pdb, write_trajectory


def test_every_place_that_was_seen_has_an_energy_or_is_marked() -> None:
    rng = np.random.default_rng(0)
    unfolded, folded = rng.normal(0.0, 0.1, (500, 2)), rng.normal(1.0, 0.05, (80, 2))
    values = np.concatenate([unfolded, folded]).astype(np.float32)
    weights = np.concatenate([np.full(500, 1 / 500), np.zeros(80)])  # folded, and never left
    edges = [np.linspace(-0.5, 1.5, 41)] * 2
    energy, outside = free_energy_grid(values, weights, edges)
    seen = np.histogram2d(*values.T, bins=edges)[0] > 0
    np.testing.assert_array_equal(np.isfinite(energy) ^ outside, seen)
    assert outside[20:].any()
    assert not outside[:20, :20].any()
    assert np.nanmin(energy) == 0.0
    assert "<svg" in free_energy_figure({"plain": (values, weights)}, ("Q", "RMSD"))


def test_frames_shown_are_equally_far_apart_and_the_last_is_there() -> None:
    for n_frames in (1, 2, 1999, 2000, 2001, 5003):
        shown = evenly_spaced(n_frames, 2000)
        assert len(shown) <= 2000
        assert shown[-1] == n_frames - 1
        assert len(set(np.diff(shown))) <= 1


def test_structures_to_look_at_lie_on_each_other() -> None:
    system, starts = capped_peptide("dialanine", "AA", ("extended",))
    first = starts["extended"]
    turned = first @ np.array([[0.0, 1.0, 0.0], [-1.0, 0.0, 0.0], [0.0, 0.0, 1.0]]) + 2.0
    structure = gemmi.read_pdb_string(superposed_pdb(system, np.stack([first, turned])))
    one, other = (np.array([each.atom.pos.tolist() for each in model.all()]) for model in structure)
    assert len(one) == len(first)
    np.testing.assert_allclose(one, other, atol=0.002)
    np.testing.assert_allclose(np.linalg.norm(one[0] - one[-1]), 10 * np.linalg.norm(first[0] - first[-1]), atol=0.003)


@pytest.fixture
def written(tmp_path):
    system, starts = capped_peptide("dialanine", "AA", ("extended",))
    positions = np.stack([starts["extended"] + 0.01 * k for k in range(5)])
    steps = np.arange(3, 8, dtype=np.int64) * 50
    write_trajectory(system, positions, tmp_path / "lineage", steps, 0.004)
    return tmp_path, positions, 0.004 * steps


def test_a_folder_of_any_name_holds_the_same_files(written, tmp_path) -> None:
    folder, positions, _ = written
    other = tmp_path / "größere Läufe"
    other.mkdir()
    system, _ = capped_peptide("dialanine", "AA", ("extended",))
    write_trajectory(system, positions, other / "lineage", np.arange(3, 8, dtype=np.int64) * 50, 0.004)
    for suffix in (".pdb", ".dcd", ".xtc"):
        assert (other / f"lineage{suffix}").read_bytes() == (folder / f"lineage{suffix}").read_bytes()


def test_dcd_and_xtc_carry_the_times_of_the_simulation(written) -> None:
    folder, positions, time_ps = written
    titles = (folder / "lineage.dcd").read_bytes()[100:260]
    assert titles.replace(b"\0", b" ").split() == [
        b"Created",
        b"by",
        b"OpenMM",
    ]  # and no date: the same frames give the same bytes
    count = count_frames(folder / "lineage.dcd")
    assert count is not None
    assert (count.n_frames, count.n_promised) == (5, 5)
    assert count.time_ps == pytest.approx((time_ps[0], time_ps[1] - time_ps[0]), rel=1e-5)
    for suffix in (".dcd", ".xtc"):
        found = mdtraj.load(str(folder / f"lineage{suffix}"), top=str(folder / "lineage.pdb"))
        np.testing.assert_allclose(found.xyz, positions, atol=1e-3)
        if suffix == ".xtc":
            np.testing.assert_allclose(found.time, time_ps, rtol=1e-6)
        if importlib.util.find_spec("MDAnalysis"):
            universe = importlib.import_module("MDAnalysis").Universe
            other = universe(str(folder / "lineage.pdb"), str(folder / f"lineage{suffix}")).trajectory
            assert len(other) == 5
            assert other.dt == pytest.approx(time_ps[1] - time_ps[0], rel=1e-4)
