"""Predictors that do not look at the sequence."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch

from levinthal.proteins.geometry.backbone import build_backbone
from levinthal.proteins.records import ProteinRecord
from levinthal.proteins.similarity.structure_scores import StructureScores
from levinthal.workloads.rgn.prediction.evaluation import (
    IDEAL_HELIX_RAD,
    best_constant_torsions,
    constant_backbones,
    mean_torsions,
    median_by_group,
)


def record_of(torsions_rad, length: int) -> ProteinRecord:
    dihedrals = torch.tensor(torsions_rad, dtype=torch.float64).expand(1, length, 3).contiguous()
    atoms_pm = 1000 * build_backbone(dihedrals)[0].numpy()
    return ProteinRecord("x", "A" * length, None, atoms_pm, np.ones(length, np.bool_))


def test_of_equal_torsions_the_mean_and_the_best_constant_are_these():
    strand = (math.pi, math.radians(-120), math.radians(135))
    records = [record_of(strand, n) for n in (20, 35)]
    assert np.cos(np.subtract(mean_torsions(records), strand)) == pytest.approx(1.0, abs=1e-9)
    assert np.cos(np.subtract(best_constant_torsions(records), strand)) == pytest.approx(1.0, abs=1e-6)


def test_the_best_constant_is_no_worse_than_the_mean():
    rng = np.random.default_rng(0)
    basins = np.radians([[180, -63, -43], [180, -120, 135]])
    atoms = build_backbone(torch.from_numpy(basins[rng.integers(0, 2, (1, 50))]))[0].numpy()
    record = ProteinRecord("x", "A" * 50, None, 1000 * atoms, np.ones(50, np.bool_))

    def error(torsions):
        ca = constant_backbones(torsions, [50])[0][:, 1]
        upper = np.triu_indices(50, 1)
        mine, true = (np.linalg.norm(x[:, None] - x[None], axis=-1)[upper] for x in (ca, atoms[:, 1]))
        return np.sqrt(np.mean((mine - true) ** 2))

    assert error(best_constant_torsions([record])) <= min(error(mean_torsions([record])), error(IDEAL_HELIX_RAD))


def test_an_ideal_helix_rises_by_an_angstrom_and_a_half_a_residue():
    ca = constant_backbones(IDEAL_HELIX_RAD, [40, 10])[0][:, 1]
    turns = ca[:-18].mean(axis=0), ca[18:].mean(axis=0)  # 18 residues are five turns: the mean lies on the axis
    assert np.linalg.norm(turns[1] - turns[0]) / 18 == pytest.approx(0.15, abs=0.01)


def test_medians_are_taken_by_group_and_what_is_unknown_is_left_out():
    scores = [StructureScores(*(float(k),) * 6) for k in (1, 2, 9)] + [StructureScores(*(math.nan,) * 6)]
    found = median_by_group(scores, ["a", "a", "b", "b"])
    assert {group: (score.tm_score, count) for group, (score, count) in found.items()} == {"a": (1.5, 2), "b": (9.0, 2)}
