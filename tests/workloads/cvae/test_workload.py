"""The workload through the command line: simulated frames, a user's trajectory, a user's PDB file, and mistakes."""

from __future__ import annotations

import csv
import subprocess
import sys
import time

import mdtraj
import numpy as np
import pytest
from sklearn.metrics import adjusted_mutual_info_score

from levinthal.harness.results.store import load_result
from levinthal.proteins import pack_contacts
from levinthal.sampling import CVAE
from levinthal.simulation.dynamics.frame_store import FrameStore

SMALL = (
    "steps=20000", "frame_interval=100", "equilibration_steps=0", "filters=4", "replicas=4", "epochs=3",
    "batch_size=16", "least_crossings=0", "deterministic=true",
)  # fmt: skip


def values(folder) -> dict[str, float | None]:
    (repeat,) = load_result(folder).repeats
    assert repeat.error is None, repeat.error
    return {str(metric): metric.value for metric in repeat.metrics}


@pytest.fixture(scope="module")
def trajectory(tmp_path_factory):
    """Write a trajectory of a chain that switches between a helix and a line, with noise, as DCD and PDB."""
    rng = np.random.default_rng(0)
    n_residues, n_frames = 12, 400
    turn = np.arange(n_residues) * np.deg2rad(100)
    helix = 0.23 * np.column_stack([np.cos(turn), np.sin(turn), turn * 0])
    helix[:, 2] = 0.15 * np.arange(n_residues)  # 3.6 residues a turn, 5.4 A rise: an alpha helix
    line = np.column_stack([np.zeros(n_residues), np.zeros(n_residues), 0.36 * np.arange(n_residues)])
    coil = np.cumsum(rng.random(n_frames) < 0.03) % 2 == 1
    frames = np.where(coil[:, None, None], line, helix) + rng.normal(scale=0.008, size=(n_frames, n_residues, 3))
    topology = mdtraj.Topology()
    chain = topology.add_chain()
    for _ in range(n_residues):
        topology.add_atom("CA", mdtraj.element.carbon, topology.add_residue("ALA", chain))
    folder = tmp_path_factory.mktemp("trajectory")
    mdtraj.Trajectory(frames, topology).save_dcd(str(folder / "chain.dcd"))
    mdtraj.Trajectory(helix[None], topology).save_pdb(str(folder / "chain.pdb"))
    return folder, frames, coil


@pytest.mark.slow
def test_simulated_frames_end_to_end_and_the_same_seed_gives_the_same_last_digit(levinthal, tmp_path):
    losses = []
    for out in ("a", "b"):
        done = levinthal(
            "run", "cvae", "--seed", "1", "--out", out, *(part for each in SMALL for part in ("--set", each))
        )  # fmt: skip
        assert done.returncode in (0, 1), done.stderr  # so short a training may well miss its gate
        losses.append(values(tmp_path / out)["held-out loss"])
    assert losses[0] == losses[1]
    first, second = load_result(tmp_path / "a"), load_result(tmp_path / "b")
    assert first.dataset.sha256 == second.dataset.sha256
    assert first.dataset.synthetic
    (repeat,) = first.repeats
    assert {phase.name for phase in repeat.phases if phase.lane == "main"} >= {
        "load", "prepare", "simulate", "featurise", "calibrate", "baselines", "train", "infer", "evaluate", "cluster",
        "interpret",
    }  # fmt: skip
    assert {phase.lane for phase in repeat.phases if phase.name == "advance"} <= {"worker 1", "worker 2"}
    store = FrameStore(tmp_path / "a/repeats/000/frames")
    assert len(store) == 4 * 200
    assert store.header.n_residues == 21
    rows = list(csv.DictReader((tmp_path / "a/repeats/000/latent.csv").open()))
    parts = {part: {row["file"] for row in rows if row["part"] == part} for part in ("train", "validation", "test")}
    assert [len(files) for files in parts.values()] == [2, 1, 1]  # whole trajectories, each in one part
    assert len(set.union(*parts.values())) == 4
    gates = {str(gate): gate for gate in repeat.gates}
    assert gates["held-out frames within a correlation time of a training frame"].passed
    assert gates["held-out bits per contact over those of PCA with a logistic decoder"].kind == "benchmark"
    assert {"folding and unfolding (part train)", "folding and unfolding (part test)"} < set(gates)
    found = values(tmp_path / "a")
    for method in ("CVAE", "PCA", "tICA", "mean map"):
        assert 0 < found[f"held-out bits per contact (method {method})"] < 1
    told = {metric.labels["method"] for metric in repeat.metrics if metric.name == "macrostate agreement"}
    assert told == {"CVAE", "PCA", "tICA"}
    store.verify()
    assert {artifact.name for artifact in repeat.artifacts} == {
        "contact_map.svg", "latent.svg", "latent.csv", "clusters.csv", "cluster_1.pdb", "cluster_2.pdb",
        "model.safetensors",
    }  # fmt: skip
    page = (tmp_path / "a/report.html").read_text()
    assert "synthetic" in page
    assert page.count("data:image/svg+xml") == 2
    assert levinthal("check", "a").returncode == 0


def test_a_users_trajectory_is_learned_and_its_states_are_found(levinthal, tmp_path, trajectory):
    folder, frames, coil = trajectory
    done = levinthal(
        "run", "cvae", "--out", "r", "--set", f"trajectory={folder / 'chain.dcd'}",
        "--set", f"topology={folder / 'chain.pdb'}", "--set", "filters=4", "--set", "epochs=80",
        "--set", "batch_size=16", "--precision", "fp32",
    )  # fmt: skip
    assert done.returncode == 0, done.stderr + done.stdout
    assert "no rule is broken" in levinthal("check", "r").stdout
    result = load_result(tmp_path / "r")
    (repeat,) = result.repeats
    assert {gate.kind for gate in repeat.gates} == {"benchmark", "sanity"}
    assert not repeat.estimates
    assert not result.dataset.synthetic
    assert result.dataset.name == "chain.dcd"
    assert result.division == "open"
    found = values(tmp_path / "r")
    assert "simulation rate" not in found
    assert found["correlation with a property (method CVAE, property RMSD to chain)"] > 0.95
    bits = {method: found[f"held-out bits per contact (method {method})"] for method in ("CVAE", "PCA", "mean map")}
    assert bits["CVAE"] < 0.5 * bits["mean map"]
    assert bits["PCA"] < bits["mean map"]
    assert any("one trajectory" in note for note in repeat.notes)
    assert found["time to target"] > 0
    left = tmp_path / "r/repeats/000"
    rows = list(csv.DictReader((left / "latent.csv").open()))
    assert [int(row["frame_in_file"]) for row in rows] == list(range(400))
    assert {row["file"] for row in rows} == {"chain.dcd"}
    clusters = np.array([int(row["cluster"]) for row in rows])
    assert adjusted_mutual_info_score(coil, clusters) > 0.8
    assert (clusters == 1).sum() >= (clusters == 2).sum()
    trained = CVAE.load(left / "model.safetensors")
    latent = np.array([[float(row[f"latent_{k}"]) for k in (1, 2, 3)] for row in rows])
    np.testing.assert_allclose(trained.transform(pack_contacts(frames)), latent, atol=0.02 * np.ptp(latent))
    for described in csv.DictReader((left / "clusters.csv").open()):
        number, medoid = int(described["cluster"]), int(described["medoid_frame"])
        assert clusters[medoid] == number
        assert float(described["population"]) == pytest.approx((clusters == number).mean(), abs=1e-6)
        of_cluster = [float(row["RMSD to chain (Å)"]) for row in rows if int(row["cluster"]) == number]
        assert float(described["mean RMSD to chain (Å)"]) == pytest.approx(np.mean(of_cluster), rel=1e-5)
        structure = mdtraj.load(str(left / f"cluster_{number}.pdb"))
        assert mdtraj.rmsd(structure, mdtraj.Trajectory(frames[medoid], structure.topology))[0] < 0.002
    assert any(note.startswith("Cluster 1: ") for note in load_result(tmp_path / "r").repeats[0].notes)


@pytest.mark.slow
def test_real_trajectory_of_fs_peptide(levinthal, tmp_path, shared_data):
    done = levinthal(
        "run", "cvae", "--out", "r", "--set", f"trajectory={shared_data / 'md/fs-peptide_output.dcd'}",
        "--set", f"topology={shared_data / 'md/fs-peptide.pdb'}", "--precision", "fp32",
    )  # fmt: skip
    assert done.returncode in (0, 1), done.stdout + done.stderr  # it may be too short for halves that are apart
    assert "no rule is broken" in levinthal("check", "r").stdout
    found = values(tmp_path / "r")
    assert 0 < found["held-out bits per contact (method CVAE)"] < 1
    assert found["held-out AUC (method CVAE)"] > 0.5


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        (["trajectory=none.dcd", "topology=none.pdb"], "none.pdb is not a file"),
        (["trajectory=none.dcd"], "needs the PDB file of its atoms"),
        (["topology=none.pdb"], "a topology without a trajectory"),
        (["strides=3,1"], "strides are 1 or 2"),
        (["kernel=4"], "setting kernel"),
        (["map_size=10", "steps=100", "replicas=2", "equilibration_steps=0"], "map_size=10 is smaller"),
        (["objective=keras"], "setting objective"),
        (["system=none.pdb"], "none.pdb"),
    ],
)
def test_mistakes_are_one_line(levinthal, tmp_path, changes, says):
    done = levinthal("run", "cvae", "--out", "r", *(part for change in changes for part in ("--set", change)))
    assert done.returncode == 2, done.stderr
    assert says in done.stderr.splitlines()[-1]
    assert "Traceback" not in done.stderr
    assert not (tmp_path / "r").exists()


def test_damaged_trajectories_are_named(levinthal, tmp_path, trajectory):
    folder, *_ = trajectory
    (tmp_path / "torn.dcd").write_bytes((folder / "chain.dcd").read_bytes()[:500])
    (tmp_path / "text.pdb").write_text("not a structure\n")
    for dcd, pdb, says in (
        (tmp_path / "torn.dcd", folder / "chain.pdb", "torn.dcd"),
        (folder / "chain.dcd", tmp_path / "text.pdb", "text.pdb"),
    ):
        done = levinthal("run", "cvae", "--out", "r", "--set", f"trajectory={dcd}", "--set", f"topology={pdb}")
        assert done.returncode == 2, done.stderr
        assert says in done.stderr.splitlines()[-1]
        assert "Traceback" not in done.stderr
        assert not (tmp_path / "r").exists()


@pytest.mark.slow
def test_a_killed_training_goes_on_where_its_last_state_was_kept(levinthal, tmp_path, trajectory):
    folder, _, _ = trajectory
    command = [
        "run", "cvae", "--out", "r", "--size", "smoke", "--set", f"trajectory={folder / 'chain.dcd'}",
        "--set", f"topology={folder / 'chain.pdb'}", "--set", "deterministic=true", "--set", "filters=16",
        "--set", "batch_size=8", "--set", "epochs=40", "--set", "checkpoint_interval=20",
    ]  # fmt: skip
    run = subprocess.Popen(
        [sys.executable, "-m", "levinthal", *command],
        cwd=tmp_path,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    state = tmp_path / "r/repeats/000/kept/training/training.safetensors"
    deadline_s = time.monotonic() + 100
    while not state.exists() and time.monotonic() < deadline_s:
        time.sleep(0.05)
    run.kill()
    run.wait()
    assert state.exists()
    done = levinthal("resume", "r")
    assert done.returncode in (0, 1), done.stderr
    whole = [str(tmp_path / "whole") if word == "r" else word for word in command]
    assert levinthal(*whole).returncode in (0, 1)
    assert values(tmp_path / "r")["held-out loss"] == values(tmp_path / "whole")["held-out loss"]
    (repeat,) = load_result(tmp_path / "r").repeats
    assert any(note.startswith("Training went on after step") for note in repeat.notes)
    assert not state.exists()
