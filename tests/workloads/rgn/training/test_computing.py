"""The gates of a size too short to learn: each lets a sound training through and fails the broken one it is for."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from levinthal.harness import Run
from levinthal.harness.contract.settings import make_settings
from levinthal.harness.results.events import EventLog
from levinthal.proteins.synthetic.families import make_families
from levinthal.workloads.rgn.data.corpus import Corpus, Origin, keep_records
from levinthal.workloads.rgn.learning import learn
from levinthal.workloads.rgn.model import lstm
from levinthal.workloads.rgn.prediction import quality
from levinthal.workloads.rgn.settings import RGNSettings
from levinthal.workloads.rgn.training.optimiser import Adam, Update

GRADIENTS = "deviation of gradients from plain torch in double precision"
FALL = "loss after training over that before"


@pytest.fixture(scope="module")
def corpus(tmp_path_factory) -> Corpus:
    rng = np.random.default_rng(0)
    members = [
        replace(record, profile=rng.random((len(record), 21), np.float32))
        for record in (family.members[0] for family in make_families(10, 1, seed=2))
    ]
    folder = tmp_path_factory.mktemp("records")
    train, held_out = (keep_records(folder / f"{k}.cache", part) for k, part in enumerate((members[:8], members[8:])))
    return Corpus(Origin("families", "2", "synthetic"), train, held_out, None, held_out=True)


def gates(folder, corpus) -> dict[str, tuple[float | None, bool]]:
    run = Run(folder=folder, events=EventLog(folder / "events.jsonl"), seed=1)
    settings = make_settings(RGNSettings, "smoke", {"steps": 20, "validation_interval": 20})
    model = learn(run, settings, corpus).model
    quality.measure_quality(run, settings, model, corpus, window=None, trained=True)
    return {gate.name: (gate.value, gate.passed) for gate in run.record().gates}


def test_a_sound_training_passes_and_is_not_asked_what_it_learned(tmp_path, corpus):
    found = gates(tmp_path, corpus)
    assert set(found) == {GRADIENTS, FALL, "structures with a coordinate that is not finite"}
    assert all(passed for _, passed in found.values()), found
    assert found[GRADIENTS][0] < 1e-4
    assert found[FALL][0] < 0.6


def test_a_layer_that_is_wrong_by_a_hundredth_fails(tmp_path, corpus, monkeypatch):
    sound = lstm.train_layer
    monkeypatch.setattr(lstm, "train_layer", lambda *given: 1.01 * sound(*given))
    value, passed = gates(tmp_path, corpus)[GRADIENTS]
    assert 0.001 < value < 0.2
    assert not passed


def test_an_optimiser_that_does_nothing_fails(tmp_path, corpus, monkeypatch):
    monkeypatch.setattr(Adam, "step", lambda *_: Update(1.0, clipped=False, skipped=False))
    found = gates(tmp_path, corpus)
    assert found[FALL] == (1.0, False)
    assert found[GRADIENTS][1]
