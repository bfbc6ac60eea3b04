"""Sanity checks of predicted structures: a helix passes, its mirror image and a stretched chain do not."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from levinthal.proteins.geometry.backbone import build_backbone
from levinthal.workloads.rgn.prediction.sanity import check_structures, left_handed_share, stretched_share


class Gates:
    """Takes gates as a run does."""

    def __init__(self) -> None:
        self.missed: list[str] = []

    def gate(self, name, value, *, at_most, kind, advice):
        assert kind == "sanity"
        assert advice
        met = bool(value <= at_most)
        if not met:
            self.missed.append(name)
        return met


@pytest.fixture
def helix():
    torsions = torch.tensor([np.pi, np.radians(-57), np.radians(-47)], dtype=torch.float32).expand(1, 30, 3)
    return build_backbone(torsions)[0].numpy()


def missed(*structures):
    gates = Gates()
    check_structures(gates, structures)
    return gates.missed


def test_a_helix_passes_and_what_is_no_protein_does_not(helix):
    assert missed(helix, helix[:1]) == []
    assert missed(helix * np.array([-1, 1, 1], np.float32)) == [
        "share of residues that wind to the left, worst protein"
    ]
    assert missed(helix, 1.2 * helix) == ["share of CA neighbours not 3.6 to 4.0 A apart, worst protein"]
    broken = helix.copy()
    broken[4, 1] = np.nan
    assert "residues without finite coordinates" in missed(broken)


def test_shares_of_a_cis_bond_and_of_a_chain_of_one(helix):
    torsions = torch.tensor([np.pi, -1.0, -0.8]).repeat(1, 20, 1)
    torsions[0, 10, 0] = 0.0  # a cis peptide bond has its CA 2.9 A apart
    assert stretched_share(build_backbone(torsions)[0].numpy()) == 0.0
    assert left_handed_share(helix) == 0.0
    assert left_handed_share(helix[:1]) is stretched_share(helix[:1]) is None
