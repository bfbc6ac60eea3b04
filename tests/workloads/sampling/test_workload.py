"""The workload through the command line: a study, a plug-in's policy, the same decisions twice, kills, and mistakes."""

from __future__ import annotations

import csv
import os
import signal
import subprocess
import sys
import time

import mdtraj
import numpy as np
import pytest

from levinthal.harness.results.labels import find_figure
from levinthal.harness.results.store import load_result
from levinthal.simulation.systems.peptide import fs_peptide
from levinthal.workloads.sampling.record.reader import CampaignRecord
from levinthal.workloads.sampling.study.outcome import load_outcome
from probes import probe_environment

CHAIN = (
    "--set", "system=landscape", "--set", "learner=coordinates", "--set", "chunk_steps=200",
    "--set", "frame_interval=10",
)  # fmt: skip
UNCHECKED = ("--set", "exact_replicas=0", "--set", "all_atom_step_ms=2")


def repeat_of(folder):
    (repeat,) = load_result(folder).repeats
    assert repeat.error is None, repeat.error
    return repeat


def figure(repeat, name, **labels):
    return find_figure(repeat.metrics, name, labels).value


def test_a_study_on_the_exact_chain_with_a_plug_ins_policy(levinthal, tmp_path):
    done = levinthal(
        "run", "sampling", "--verbose", "--out", "a", "--seed", "3", "--engine", "local:2", *CHAIN,
        "--set", "exact_replicas=3", "--set", "policies=plain,random,dbscan,back-to-the-first",
        "--set", "options=back-to-the-first.age=10", "--set", "replicas=4", "--set", "steps=12000",
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    repeat = repeat_of(tmp_path / "a")
    assert repeat.dataset.synthetic
    compared = {(str(each), each.candidate, each.baseline): each for each in repeat.comparisons}
    # ratios, costs, three policies against plain and two against random; those of the paper against plain alone
    assert len(compared) == len(repeat.comparisons) == 6 * 3 * (3 + 2) + 4 * 3
    assert figure(repeat, "all-atom step", system="Fs peptide") > 0.1
    cells = compared["cells seen (cost step)", "back-to-the-first", "random"]
    assert cells.verdict == "fewer"
    assert cells.high < 1.0
    assert cells.n == 4
    for each in repeat.comparisons:
        if each.name in ("better", "greater", "cells seen", "RMSD to native"):
            assert each.value is not None
        if each.name == "configurational entropy":
            assert each.reason == "the system has no atoms"
    assert str(compared["greater (cost all-atom core-second)", "dbscan", "plain"].terms).endswith(
        "all-atom core-seconds each"
    )
    lowest = figure(repeat, "RMSD to native", policy="plain", statistic="lowest")
    assert 0.0199 < lowest < figure(repeat, "RMSD to native", policy="plain", statistic="median") < 1.0
    text = " ".join(done.stdout.split())
    assert "cells seen (cost step), back-to-the-first / random, 12,000 steps each" in text
    assert "made-up Markov chain" in text
    assert str(cells.terms) == "12,000 steps each"
    seen = {policy: figure(repeat, "cells seen", policy=policy) for policy in ("plain", "back-to-the-first")}
    assert all(0 < cells <= 500 for cells in seen.values())
    assert 0 < figure(repeat, "divergence", policy="plain", weighting="Markov state model") < np.log(2)
    assert 0 < figure(repeat, "stationary mass covered", policy="plain") <= 1
    assert {phase.name for phase in repeat.phases} >= {"prepare", "verify", "sample", "simulate", "measure", "present"}
    assert {"ratios.svg", "coverage.svg", "latent.svg", "free_energy.svg"} <= {each.name for each in repeat.artifacts}
    (folder,) = (tmp_path / "a/repeats").iterdir()
    rows = list(csv.DictReader((folder / "decisions_back-to-the-first.csv").open()))
    assert {row["frame"] for row in rows if row["frame"]} == {"0"}
    record = CampaignRecord(folder / "kept/campaigns/dbscan-000")
    record.verify()
    assert record.frames.shape == (1200, 2)
    page = (tmp_path / "a/report.html").read_text()
    assert "On equal terms" in page
    assert "fewer</span>" in page


@pytest.mark.slow
def test_what_fails_costs_nothing_that_was_measured(levinthal, tmp_path):
    """A policy that breaks down in some campaigns, and a learner that breaks down when all is done."""
    done = levinthal(
        "run", "sampling", "--out", "a", "--seed", "3", "--engine", "local:2", *UNCHECKED,
        "--set", "system=landscape", "--set", "learner=brittle", "--set", "policies=plain,lof,moody",
        "--set", "replicas=6", "--set", "steps=6000", "--set", "first_training_frames=50",
        "--set", "chunk_steps=200", "--set", "frame_interval=10",
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert "Traceback" not in done.stdout + done.stderr
    repeat = repeat_of(tmp_path / "a")
    missing, latent = repeat.warnings
    n_failed = int(missing.split()[0])
    assert 0 < n_failed < 6
    assert "ZeroDivisionError: division by zero (levinthal_probe_sampling.py, line" in missing
    assert missing.split(";")[0] in " ".join(done.stdout.split())
    assert latent.startswith("latent.svg: missing")
    compared = {(each.name, each.candidate): each for each in repeat.comparisons if each.labels["cost"] == "step"}
    assert compared["greater", "lof"].n == 6
    assert compared["greater", "moody"].n == 6 - n_failed
    assert figure(repeat, "cells seen", policy="moody") > 0
    (score,) = (each for each in repeat.metrics if each.name == "VAMP-2 of the latent space")
    assert "SVD did not converge" in score.reason
    assert {"coverage.svg", "lineage.svg", "decisions_lof.csv"} <= {each.name for each in repeat.artifacts}


@pytest.mark.slow
def test_the_same_seed_makes_the_same_decisions(levinthal, tmp_path):
    """A Go model with the CVAE, in deterministic mode: figures, pictures and structures are the same to the last digit.

    Two policies are compared, at equal steps: core-seconds are not the same twice.
    """
    left = []
    for name in "ab":
        done = levinthal(
            "run", "sampling", "--size", "smoke", "--out", name, "--seed", "5", "--engine", "local:1",
            "--set", "deterministic=true", "--set", "learner=cvae", "--set", "policies=plain,dbscan", *UNCHECKED,
            "--set", "options=dbscan.min_age_frames=5,cvae.filters=4,cvae.epochs=2", "--set", "steps=6000",
        )  # fmt: skip
        assert done.returncode == 0, done.stderr + done.stdout
        folder = tmp_path / name / "repeats/000"
        rows = list(csv.DictReader((folder / "decisions_dbscan.csv").open()))
        assert any(row["frame"] for row in rows)
        assert max(int(row["model"]) for row in rows) >= 2
        (repeat,) = load_result(tmp_path / name).repeats
        found = {each.key: each.value for each in repeat.metrics if each.kind == "quality"}
        assert find_figure(repeat.metrics, "cells seen", {"policy": "dbscan"}).key in found
        assert {each.terms.unit for each in repeat.comparisons} == {"steps"}
        files = {each.name: each.sha256 for each in repeat.artifacts}
        assert {"state_1.pdb", "decisions_dbscan.csv", "coverage.svg", "latent.svg", "lineage.svg"} <= set(files)
        left.append((found, repeat.gates, repeat.curves, repeat.comparisons, files))
        trajectory = mdtraj.load(folder / "lineage.dcd", top=str(folder / "lineage.pdb"))
        again = mdtraj.load(folder / "lineage.xtc", top=str(folder / "lineage.pdb"))
        np.testing.assert_allclose(trajectory.xyz, again.xyz, atol=1.1e-3)
        assert trajectory.n_atoms == 33
    assert left[0] == left[1]


def test_a_killed_study_goes_on_where_it_was(levinthal, tmp_path):
    arguments = ("sampling", "--out", "a", "--seed", "3", "--engine", "local:1", *CHAIN, *UNCHECKED,
                 "--set", "policies=plain,random", "--set", "replicas=2", "--set", "steps=80000")  # fmt: skip
    process = subprocess.Popen(
        [sys.executable, "-m", "levinthal", "run", *arguments], cwd=tmp_path, env=probe_environment(),
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True,
    )  # fmt: skip
    campaigns = tmp_path / "a/repeats/000/kept/campaigns"
    deadline = time.monotonic() + 120
    while not list(campaigns.glob("*/outcome.npz")) or not list(campaigns.glob("random-*/frames.f32")):
        assert process.poll() is None
        assert time.monotonic() < deadline
        time.sleep(0.02)
    time.sleep(0.1)
    os.kill(process.pid, signal.SIGKILL)
    process.wait()
    before = {path.parent.name: path.stat().st_mtime_ns for path in campaigns.glob("*/outcome.npz")}
    assert 1 <= len(before) < 4
    done = levinthal("resume", "a")
    assert done.returncode == 0, done.stderr
    after = {path.parent.name: path.stat().st_mtime_ns for path in campaigns.glob("*/outcome.npz")}
    assert len(after) == 4
    assert {name: after[name] for name in before} == before  # what was finished was not done again
    outcomes = [load_outcome(path) for path in campaigns.glob("*/outcome.npz")]
    assert {outcome.n_steps for outcome in outcomes} == {80_000}
    repeat = repeat_of(tmp_path / "a")
    assert any(each.name == "greater" and each.n == 2 for each in repeat.comparisons)


def test_one_campaign_has_all_workers_and_trains_beside_them(levinthal, tmp_path):
    done = levinthal(
        "run", "sampling", "--out", "a", "--engine", "local:2", "--set", "system=mueller-brown",
        "--set", "policy=dbscan", "--set", "replicas=1", "--set", "learner=pca", "--set", "steps=60000",
        "--set", "chunk_steps=1000", "--set", "frame_interval=50", *UNCHECKED,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    repeat = repeat_of(tmp_path / "a")
    assert 0 < figure(repeat, "simulation cores busy", policy="dbscan", clock="wall") <= 1
    assert figure(repeat, "queue time", policy="dbscan") > 0
    lanes = {phase.lane for phase in repeat.phases}
    assert lanes >= {"worker 1", "coordinator"}  # whether a model is ready in time is a matter of luck
    assert not repeat.comparisons
    assert levinthal("check", "a").returncode == 0


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        (("temperature=0.65", "reference_steps=80000"), "does not hold: "),
        (("system=nowhere.pdb",), "nowhere.pdb"),
        (("options=dbscan.outlier=3",), "did you mean outliers?"),
        (("deterministic=true", "core_seconds=3"), "core-seconds are not the same twice"),
    ],
)
def test_a_mistake_is_one_line(levinthal, tmp_path, settings, message):
    pairs = [part for each in settings for part in ("--set", each)]
    done = levinthal("run", "sampling", "--size", "smoke", "--out", "a", *UNCHECKED, *pairs)
    assert done.returncode == 2, done.stdout + done.stderr
    assert message in " ".join(done.stderr.split())
    assert "Traceback" not in done.stderr


@pytest.mark.slow
def test_a_protein_of_ones_own_is_estimated_before_and_what_was_plain_simulation_is_called_so(levinthal, tmp_path):
    (tmp_path / "own.pdb").write_text(fs_peptide()[0].topology_pdb)
    done = levinthal(
        "run", "sampling", "--size", "smoke", "--out", "a", "--engine", "local:2", *UNCHECKED,
        "--set", "system=go:own.pdb", "--set", "policies=plain,dbscan", "--set", "first_training_frames=5000",
        "--set", "steps=40000",
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    (estimate,) = repeat_of(tmp_path / "a").estimates
    assert estimate.sentence.startswith("2 campaign(s) of 40,000 steps,")
    assert "4,000 frames in all" in estimate.sentence
    assert estimate.duration_s > 0
    assert f"    estimate: {estimate.sentence}" in done.stderr
    told = " ".join(done.stdout.split())
    # whichever the short campaigns give: a ratio where the event was met, else the cells that were seen
    assert "found: dbscan over plain by" in told or "found: Cells seen within" in told
    assert "dbscan: no model yet: this was plain simulation." in told
    assert "sanity checks of the answer: 1 of 1 met" in told
    assert "no rule is broken" in levinthal("check", "a").stdout
    page = (tmp_path / "a/report.html").read_text()
    assert page.index("no model yet") < page.index("<h3>Figures")


def test_a_budget_below_one_chunk_is_no_answer(levinthal, tmp_path):
    (tmp_path / "own.pdb").write_text(fs_peptide()[0].topology_pdb)
    done = levinthal(
        "run", "sampling", "--size", "smoke", "--out", "a", "--engine", "local:1", *UNCHECKED,
        "--set", "system=go:own.pdb", "--set", "policy=dbscan", "--set", "steps=0",
        "--set", "core_seconds=0.05", "--set", "chunk_steps=40000",
    )  # fmt: skip
    assert done.returncode == 1, done.stdout + done.stderr
    assert "takes more than the budget of 0.05 core-seconds here: set core_seconds=" in " ".join(done.stdout.split())
    assert "missed: campaigns without a frame is 1, must be at most 0: raise core_seconds" in done.stdout
