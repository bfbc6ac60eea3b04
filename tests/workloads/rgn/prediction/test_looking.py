"""Predictions left beside the known structures: superposed, the best first, and what has no structure passed over."""

from __future__ import annotations

from types import SimpleNamespace

import gemmi
import numpy as np
import pytest

from levinthal.proteins.records import ProteinRecord
from levinthal.proteins.similarity.fractions import rmsd
from levinthal.proteins.similarity.structure_scores import score_structure
from levinthal.workloads.rgn.prediction.looking import show_predictions


@pytest.fixture
def run(tmp_path):
    left, scenes = {}, []
    return SimpleNamespace(
        folder=tmp_path,
        left=left,
        scenes=scenes,
        artifact=lambda name, text, caption: left.update({name: text}),
        scene=lambda *scene: scenes.append(scene),
    )


def prediction(name, noise_nm, seed=0, resolved=None):
    """Return a chain of 30, and the same turned over with so much noise as its prediction."""
    rng = np.random.default_rng(seed)
    steps = np.repeat(np.cumsum(rng.normal(0.0, 0.22, (30, 3)), axis=0), 3, axis=0)
    known_nm = (steps + np.tile([[0, 0, 0], [0.146, 0, 0], [0.2, 0.14, 0]], (30, 1))).reshape(30, 3, 3)
    record = ProteinRecord(name, "A" * 30, coordinates_pm=1000 * known_nm, mask=resolved)
    turned = known_nm @ np.diag([-1.0, -1.0, 1.0]) + 3.0 + rng.normal(0.0, noise_nm, (30, 3, 3))
    predicted = turned.astype(np.float32)
    return record, predicted, score_structure(predicted[:, 1], known_nm[:, 1], record.resolved)


def models(text):
    return [
        np.array([atom.pos.tolist() for residue in model["A"] for atom in residue if atom.name == "CA"])
        for model in gemmi.read_pdb_string(text)
    ]


def test_the_best_the_middle_and_the_worst_lie_on_their_known_structures(run):
    mask = np.ones(30, bool)
    mask[5:9] = False
    given = [prediction("worst", 0.5, 1), prediction("best", 0.0, 2, mask), prediction("middle", 0.1, 3)]
    no_score = score_structure(np.zeros((0, 3)), np.zeros((0, 3)), np.zeros(0, bool))
    show_predictions(run, [*given, (ProteinRecord("nothing", "AAAA"), np.zeros((4, 3, 3), np.float32), no_score)])
    ((name, _, parts, steps),) = run.scenes
    assert name == "Predicted and known structures"
    assert [part.artifact for part in parts] == ["predicted.pdb", "known.pdb"]
    shown = [step.words.partition(",")[0] for step in steps]
    assert shown == ["best of 3: best", "middle of 3: middle", "worst of 3: worst"]
    assert [step.models for step in steps] == [(0, 0), (1, 1), (2, 2)]
    predicted, known = (models(run.left[file]) for file in ("predicted.pdb", "known.pdb"))
    assert [len(each) for each in known] == [26, 30, 30]
    assert np.abs(predicted[0] - known[0]).max() < 0.01
    for one, other in zip(predicted, known, strict=True):
        apart = np.sqrt(((one - other) ** 2).sum(axis=1).mean())
        assert apart == pytest.approx(10 * float(rmsd(one[None] / 10, other / 10)[0]), rel=0.05, abs=0.01)


@pytest.mark.parametrize(("n", "words"), [(0, []), (1, ["best of 1"]), (2, ["best of 2", "worst of 2"])])
def test_few_are_shown_once_each(run, n, words):
    show_predictions(run, [prediction(f"p{k}", 0.1 * k, k) for k in range(n)])
    steps = run.scenes[0][3] if run.scenes else []
    assert [step.words.partition(":")[0] for step in steps] == words
