"""The workload through the command line: synthetic families, real records, a person's own sequences, and mistakes."""

from __future__ import annotations

import csv

import gemmi
import numpy as np
import pytest
import torch

from levinthal.harness.results.labels import find_figure
from levinthal.harness.results.store import load_result
from levinthal.proteins.structures.backbone_files import read_backbone
from levinthal.workloads.rgn.data.features import features_of
from levinthal.workloads.rgn.model.config import RGNConfig
from levinthal.workloads.rgn.model.network import RGNModel
from levinthal.workloads.rgn.prediction.predictor import Timing, fit_growth, length_bins, lower_precision
from levinthal.workloads.rgn.targets import CASP12_TARGETS, random_sequences
from levinthal.workloads.rgn.training.weights import load_weights
from record_examples import plain_text, real_records

SMALL = (
    "--set", "families=20", "--set", "homologues=3", "--set", "steps=4", "--set", "validation_interval=2",
    "--set", "target_lengths=30,60,120", "--set", "timings=1",
)  # fmt: skip


def repeat_of(folder):
    (repeat,) = load_result(folder).repeats
    assert repeat.error is None, repeat.error
    return repeat


def value_of(folder, name, labels) -> float | None:
    return find_figure(repeat_of(folder).metrics, name, labels).value


@pytest.fixture(scope="module")
def queries(tmp_path_factory):
    """Write two sequences and a database in which the first has relatives."""
    rng = np.random.default_rng(0)
    letters = np.array(list("ACDEFGHIKLMNPQRSTVWY"))
    first, second = (rng.choice(letters, n) for n in (90, 40))
    relatives = [np.where(rng.random(90) < 0.3, rng.choice(letters, 90), first) for _ in range(5)]
    folder = tmp_path_factory.mktemp("queries")
    (folder / "mine.fasta").write_text(f">one of mine\n{''.join(first)}\n>two/../two\n{''.join(second)}\n")
    (folder / "base.fasta").write_text("".join(f">r{k}\n{''.join(each)}\n" for k, each in enumerate(relatives)))
    return folder


def test_synthetic_families_end_to_end_then_the_weights_predict_a_persons_sequences(levinthal, tmp_path, queries):
    done = levinthal("run", "rgn", "--seed", "1", "--out", "a", *SMALL)
    assert done.returncode == 1, done.stderr  # so short a training misses its gate
    assert "trained on synthetic proteins only" in " ".join(done.stdout.split())
    repeat = repeat_of(tmp_path / "a")
    assert repeat.dataset.synthetic
    assert [phase.name for phase in repeat.phases if phase.lane == "main"][:1] == ["load"]
    assert {phase.name for phase in repeat.phases} >= {"generate", "profile", "load", "train", "predict", "time"}
    missed = {gate.name for gate in repeat.gates if not gate.passed}
    assert "dRMSD in A, weighted by resolved residues" in missed
    assert len(find_figure(repeat.curves, "dRMSD", {"split": "held out"}).y) == 2
    assert find_figure(repeat.samples, "length of a target").values == (30.0, 60.0, 120.0)
    stages = {each.labels["stage"] for each in repeat.samples if each.name == "prediction time"}
    assert stages == {"total", "profile", "record", "LSTM", "angles", "geometry", "write"}
    assert find_figure(repeat.metrics, "mean long-range dRMSD", {"predictor": "window"}).value > 0
    assert len(find_figure(repeat.curves, "time of a training step").y) == 3
    assert find_figure(repeat.metrics, "mean dRMSD of variants", {"change": "insertion", "predictor": "network"})
    assert (tmp_path / "a/repeats/000/prediction_time.svg").read_text().startswith("<?xml")
    weights = tmp_path / "a/repeats/000/weights.safetensors"
    model, provenance = load_weights(weights)
    assert (provenance.label, provenance.steps, model.config.n_hidden) == ("synthetic", 4, 64)

    done = levinthal(
        "run", "rgn", "--out", "b", "--set", f"weights={weights}", "--set", f"fasta={queries}/mine.fasta",
        "--set", f"database={queries}/base.fasta", "--set", "timings=1",
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    told = " ".join(done.stdout.split())
    assert done.stdout.splitlines()[1].startswith("  warning: The weights were trained on synthetic proteins only")
    gates = repeat_of(tmp_path / "b").gates
    assert [(gate.kind, gate.passed) for gate in gates] == [("sanity", True)] * 3
    assert "no rule is broken" in levinthal("check", "b").stdout
    assert "1 of 2 sequences have no hit" in told
    folder = tmp_path / "b/repeats/000"
    rows = list(csv.DictReader((folder / "predictions.csv").open()))
    assert [row["file"] for row in rows] == ["0001_one_of_mine.pdb", "0002_two_.._two.pdb"] or len(rows) == 2
    assert [int(row["residues"]) for row in rows] == [90, 40]
    assert rows[0]["evidence"].startswith("5 hits")
    assert rows[1]["evidence"].startswith("no hits")
    for row in rows:
        (chain,) = read_backbone(folder / "predictions" / row["file"])
        assert len(chain.sequence) == int(row["residues"])
        title = gemmi.read_structure(str(folder / "predictions" / row["file"])).info["_struct.title"]
        assert "SYNTHETIC" in title.upper()
    assert value_of(tmp_path / "b", "inference rate", {"batch": "one at a time"}) > 0


def test_real_records_are_learnt_from_and_scored_by_class(levinthal, tmp_path):
    records = tmp_path / "real.txt"
    records.write_text(plain_text(real_records()))
    done = levinthal("run", "rgn", "--out", "a", "--set", f"data={records}", *SMALL[4:])
    assert done.returncode == 1, done.stderr
    repeat = repeat_of(tmp_path / "a")
    assert not repeat.dataset.synthetic
    assert any("what is measured on is what was trained on" in note for note in repeat.notes)
    assert value_of(tmp_path / "a", "mean dRMSD", {"split": "training set", "predictor": "network"}) > 5
    assert repeat.gates[0].passed  # all coordinates are finite


def test_untrained_weights_are_called_untrained(levinthal, tmp_path, queries):
    done = levinthal(
        "run", "rgn", "--size", "smoke", "--out", "a", "--set", "steps=0", "--set", f"fasta={queries}/mine.fasta"
    )
    assert done.returncode == 0, done.stderr
    assert "The weights are untrained" in " ".join(done.stdout.split())
    first = sorted((tmp_path / "a/repeats/000/predictions").glob("*.pdb"))[0]
    assert "UNTRAINED" in first.read_text().splitlines()[0].upper() + first.read_text()[:600].upper()


@pytest.mark.parametrize(
    ("setting", "message"),
    [
        ("fasta=nowhere.fasta", "nowhere.fasta"),
        ("fasta=dna.fasta", "line 1: gene is a nucleic acid"),
        ("data=nowhere", "neither a file nor a data set"),
        ("data=proteinnet-casp12", "levinthal data fetch proteinnet-casp12"),
        ("weights=nowhere.safetensors", "nowhere.safetensors"),
        ("preset=slow", "setting preset"),
        ("shortest=90", "more than longest"),
    ],
)
def test_a_mistake_is_one_line(levinthal, tmp_path, setting, message, monkeypatch):
    monkeypatch.setenv("LEVINTHAL_DATA", str(tmp_path / "data"))
    (tmp_path / "dna.fasta").write_text(">gene\nATGGCCATTGTAATGGGCCGCTGAAAGGGTGCCCGATAG\n")
    done = levinthal("run", "rgn", "--out", "a", "--set", setting)
    assert done.returncode == 2, done.stdout + done.stderr
    assert message in done.stderr.splitlines()[-1]
    assert "Traceback" not in done.stderr
    last = done.stderr.strip().splitlines()[-1]
    assert last.startswith("levinthal: ")


def test_growth_is_fitted_and_lengths_are_binned():
    lengths = (50, 100, 101, 300, 600)
    timings = [Timing(n, np.full((3, 5), (1e-3 + 1e-5 * n) / 5)) for n in lengths]
    growth = fit_growth(lengths, [1e-3 + 1e-5 * n for n in lengths])
    assert growth.fixed_s == pytest.approx(1e-3)
    assert growth.per_residue_s == pytest.approx(1e-5)
    assert 0 < growth.exponent < 1
    assert fit_growth(lengths[:2], [1.0, 2.0]) is None
    assert {name: [t.n_residues for t in each] for name, each in length_bins(timings).items()} == {
        "1-100": [50, 100], "101-200": [101], "201-300": [300], "501-600": [600],
    }  # fmt: skip


def test_the_targets_are_those_of_casp12(shared_data):
    rows = [line.split("\t") for line in (shared_data / "casp12/casp12_targets.tsv").read_text().splitlines()[1:]]
    assert {(t.group, t.name, t.n_residues) for t in CASP12_TARGETS} == {(r[0], r[1], int(r[2])) for r in rows}
    assert [len(s) for s in random_sequences([5, 70], 0)] == [5, 70]


@pytest.mark.parametrize("scale", [0.01, 40.0])
def test_low_precision_is_used_only_where_it_moves_nothing(scale):
    model = RGNModel(RGNConfig(n_hidden=16, initial_scale=0.01, initial_alphabet="ramachandran"), seed=0).eval()
    with torch.no_grad():
        model.projection.weight.mul_(scale / 0.01)
        for layer in model.layers:
            layer.recurrence.weight_hh_l0.mul_(min(scale, 3.0) / 0.01)
    features = [features_of(each, None) for each in random_sequences((30, 300), 0)]
    moved_nm = lower_precision(model, features)
    used = {layer.inference_precision for layer in model.layers}
    assert used == ({"int16"} if moved_nm < 0.005 else {"fp32"})
    assert (moved_nm < 0.005) == (scale == 0.01)
