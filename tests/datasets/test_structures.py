"""The real structures of a dependency are there, and each is one whole chain."""

from __future__ import annotations

import sys

import pytest

from levinthal.datasets.structures import REAL_STRUCTURES, real_structure
from levinthal.proteins.structure_files import read_backbone


@pytest.mark.parametrize(
    ("name", "n_residues"), [("troponin-c", 89), ("dhfr", 159), ("t4-lysozyme-l99a", 162), ("src-kinase", 276)]
)
def test_a_real_structure_is_one_resolved_chain(name, n_residues):
    (chain,) = read_backbone(real_structure(name))
    assert chain.mask.sum() == n_residues
    assert "openmmtools" not in sys.modules


def test_all_are_tested_and_an_unknown_name_is_no_structure():
    assert len(REAL_STRUCTURES) == 4
    with pytest.raises(KeyError):
        real_structure("crambin")
