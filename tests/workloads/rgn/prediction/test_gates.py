"""Every gate of the quality of predictions lets a good predictor through and fails the broken one that it is for."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from levinthal.harness import Run
from levinthal.harness.results.events import EventLog
from levinthal.harness.results.labels import find_figure
from levinthal.proteins.geometry.backbone import build_backbone, internal_coordinates
from levinthal.proteins.records.cache import RecordCache
from levinthal.proteins.synthetic.families import make_families
from levinthal.workloads.rgn.data.corpus import Corpus, Origin, keep_records
from levinthal.workloads.rgn.prediction import quality
from levinthal.workloads.rgn.prediction.evaluation import best_constant_torsions, constant_backbones
from levinthal.workloads.rgn.settings import RGNSettings

FINITE = "structures with a coordinate that is not finite"
TARGET = "dRMSD in A, weighted by resolved residues"
TRIVIAL = "mean dRMSD over that of the best trivial predictor"
REACH = "long-range dRMSD over that of the window"


@pytest.fixture(scope="module")
def corpus(tmp_path_factory) -> Corpus:
    members = [family.members[0] for family in make_families(20, 1, seed=2)]
    whole = [record for record in members if record.mask.all()]
    folder = tmp_path_factory.mktemp("records")
    train, held_out = (keep_records(folder / f"{k}.cache", part) for k, part in enumerate((whole[:8], whole[8:])))
    assert isinstance(held_out, RecordCache)
    return Corpus(Origin("families", "2", "synthetic"), train, held_out, None, held_out=True)


def kinked(record, degrees: float) -> np.ndarray:
    """Return the true structure, turned about one bond in the middle: right nearby, wrong far apart."""
    found = internal_coordinates(torch.from_numpy(record.coordinates_nm.astype(np.float64)[None]))
    turns = found.dihedrals_rad.clone()
    turns[0, len(record) // 2, 2] += np.radians(degrees)
    how = {"bond_lengths_nm": found.bond_lengths_nm, "bond_angles_rad": found.bond_angles_rad}
    return build_backbone(turns, **how)[0].numpy()


def predictors(corpus: Corpus) -> dict[str, list[np.ndarray]]:
    records = list(corpus.validation)
    best = best_constant_torsions(list(corpus.train))
    near = [kinked(record, 8.0) for record in records]
    broken = [each.copy() for each in near]
    broken[3][5, 1, 0] = np.nan
    return {
        "good": near,
        "window": [kinked(record, 50.0) for record in records],
        "constant": constant_backbones(best, [len(record) for record in records]),
        "of another protein": [np.resize(near[k - 1], near[k].shape) for k in range(len(near))],
        "broken": broken,
    }


def missed(tmp_path, monkeypatch, corpus, network: str) -> tuple[set[str], dict[str, float]]:
    """Measure a predictor in the network's place beside the control that sees a window; return the gates it misses."""
    structures = predictors(corpus)
    monkeypatch.setattr(quality, "_predicted", lambda model, _: structures[model])
    run = Run(folder=tmp_path, events=EventLog(tmp_path / "events.jsonl"), seed=1)
    quality.measure_quality(run, RGNSettings(target_drmsd=3.0), network, corpus, window="window", trained=True)
    record = run.record()
    return {gate.name for gate in record.gates if not gate.passed}, {gate.name: gate.value for gate in record.gates}


@pytest.mark.parametrize(
    ("network", "gates"),
    [
        ("good", set()),
        ("window", {REACH}),
        ("constant", {TARGET, TRIVIAL, REACH}),
        ("of another protein", {TARGET, TRIVIAL, REACH}),
        ("broken", {FINITE}),
    ],
)
def test_each_broken_predictor_misses_the_gates_that_are_there_for_it(tmp_path, monkeypatch, corpus, network, gates):
    found, values = missed(tmp_path, monkeypatch, corpus, network)
    assert set(values) == {FINITE, TARGET, TRIVIAL, REACH}
    assert gates <= found if network != "good" else found == set(), values
    if network == "window":
        assert values[REACH] == pytest.approx(1.0)


def test_what_the_network_knows_beyond_the_window_has_an_interval_over_families(tmp_path, monkeypatch, corpus):
    structures = predictors(corpus)
    monkeypatch.setattr(quality, "_predicted", lambda model, _: structures[model])
    run = Run(folder=tmp_path, events=EventLog(tmp_path / "events.jsonl"), seed=1)
    quality.measure_quality(run, RGNSettings(), "good", corpus, window="window", trained=True)
    record = run.record()
    (comparison,) = record.comparisons
    assert (comparison.verdict, comparison.n) == ("better", len(corpus.validation))
    assert 1.0 < comparison.low < comparison.value < comparison.high
    far = {
        name: find_figure(record.metrics, "mean long-range dRMSD", {"predictor": name}).value
        for name in ("network", "window", "best constant torsions")
    }
    assert far["network"] < far["window"] < far["best constant torsions"]
