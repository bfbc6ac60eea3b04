"""The workflow from end to end through the command line, and killed at each stage."""

from __future__ import annotations

import csv
import json
import os
import signal
import subprocess
import sys
import time

import mdtraj
import numpy as np
import pytest
from rdkit import Chem

from levinthal.harness.results.store import load_result
from probes import probe_environment

pytestmark = pytest.mark.slow

SMALL = ("--size", "smoke", "--engine", "local:2", "--seed", "3")
STAGES = ("simulate", "learn", "cluster", "wait for docking", "minimise")


def test_five_stages_run_and_leave_files_that_others_open(levinthal, tmp_path):
    done = levinthal("run", "discovery", *SMALL, "--out", "r")
    assert done.returncode in (0, 1), done.stderr
    result = load_result(tmp_path / "r")
    repeat = result.repeats[0]
    assert repeat.error is None
    assert set(STAGES) <= {phase.name for phase in repeat.phases}
    figures = {metric.name for metric in repeat.metrics}
    assert {"states found", "time to the first ranked list", "workers busy", "cost of a compound in a state"} <= figures
    gates = {gate.name: gate for gate in repeat.gates}
    assert gates["share of states that could not be carried to all atoms"].passed
    folder = tmp_path / "r/repeats/000"
    rows = list(csv.DictReader((folder / "ranked.csv").open()))
    poses = list(Chem.SDMolSupplier(str(folder / "poses.sdf")))
    assert len(poses) == len([row for row in rows if row["rank"]])
    for row, pose in zip(rows, poses, strict=False):
        assert pose.GetProp("_Name") == row["name"]
        assert (folder / pose.GetProp("receptor_file")).is_file()
    for state in csv.DictReader((folder / "states.csv").open()):
        assert mdtraj.load(str(folder / state["file"])).n_residues > 100
    stem = folder / "trajectories/round-001-walker-000"
    frames = mdtraj.load(str(stem.with_suffix(".xtc")), top=str(stem.with_suffix(".pdb")))
    assert frames.n_frames == 50
    assert np.allclose(np.diff(frames.time), np.diff(frames.time)[0])
    assert "no rule is broken" in levinthal("check", "r").stdout


def _stopped_at(folder, stage):
    """Run until a phase begins for the second time where it does so, kill everything, and resume."""
    command = [sys.executable, "-m", "levinthal", "run", "discovery", *SMALL, "--out", str(folder)]
    process = subprocess.Popen(command, env=probe_environment(), start_new_session=True, stderr=subprocess.DEVNULL,
                               stdout=subprocess.DEVNULL)  # fmt: skip
    wanted, deadline = (1 if stage == "minimise" else 2), time.monotonic() + 200
    while time.monotonic() < deadline and process.poll() is None:
        events = folder / "events.jsonl"
        lines = events.read_text().splitlines() if events.exists() else []
        begun = [each for each in lines if '"phase_start"' in each and f'"phase":"{stage}"' in each]
        if len(begun) >= wanted:
            break
        time.sleep(0.02)
    assert process.poll() is None, "it ended before it could be killed"
    os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    command = [sys.executable, "-m", "levinthal", "resume", str(folder)]
    subprocess.run(command, env=probe_environment(), capture_output=True, timeout=600, check=False)
    assert json.loads((folder / "result.json").read_text())["repeats"][0]["error"] is None
    return (folder / "repeats/000/ranked.csv").read_bytes()


@pytest.mark.timeout(1200)
def test_a_run_killed_at_any_stage_makes_the_same_list(levinthal, tmp_path):
    levinthal("run", "discovery", *SMALL, "--out", "whole")
    expected = (tmp_path / "whole/repeats/000/ranked.csv").read_bytes()
    for number, stage in enumerate(STAGES):
        assert _stopped_at(tmp_path / f"killed{number}", stage) == expected, stage


def test_a_predicted_model_that_is_no_structure_is_reported_and_not_used(levinthal, tmp_path):
    """Weights that were never trained give a chain that no protein has."""
    from levinthal.workloads.rgn.model.config import PRESETS
    from levinthal.workloads.rgn.model.network import RGNModel
    from levinthal.workloads.rgn.training.weights import Provenance, save_weights

    save_weights(tmp_path / "w.safetensors", RGNModel(PRESETS["fast"], seed=0), Provenance())
    (tmp_path / "one.fasta").write_text(">one\n" + "MKTAYIAKQRQISFVKSHFSRQLEERLGLIEV" * 2 + "\n")
    (tmp_path / "few.smi").write_text("c1ccccc1 benzene\n")
    done = levinthal("run", "discovery", *SMALL, "--out", "r", "--set", "sequence=one.fasta", "--set",
                     "weights=w.safetensors", "--set", "pocket=A:10/A:20", "--set", "ligands=few.smi")  # fmt: skip
    assert done.returncode == 1, done.stderr
    repeat = load_result(tmp_path / "r").repeats[0]
    assert any(gate.kind == "sanity" and not gate.passed for gate in repeat.gates)
    assert "nothing is simulated or docked with it" in " ".join(repeat.findings)
    assert "simulate" not in {phase.name for phase in repeat.phases}
    assert (tmp_path / "r/repeats/000/predicted-backbone.pdb").is_file()


@pytest.mark.parametrize(
    ("given", "said"),
    [
        (["structure=none.pdb", "pocket=A:1", "ligands=l.smi"], "none.pdb"),
        (["ligands=none.smi"], "none.smi"),
        (["pocket=900/0/0/5/5/5"], "nowhere near"),
    ],
)
def test_a_mistake_is_one_line(levinthal, tmp_path, given, said):
    (tmp_path / "l.smi").write_text("C methane\n")
    done = levinthal("run", "discovery", *SMALL, "--out", "r", *[part for each in given for part in ("--set", each)])
    assert done.returncode == 2, done.stdout
    assert said in done.stderr.splitlines()[-1]
    assert "Traceback" not in done.stderr
