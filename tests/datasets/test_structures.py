"""The real structures of a dependency are there, and each is one whole chain."""

from __future__ import annotations

import sys

import pytest

from levinthal.datasets.structures import REAL_COMPLEXES, REAL_STRUCTURES, real_complex, real_structure
from levinthal.proteins.structures.backbone_files import read_backbone


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


def test_a_real_complex_is_a_protein_and_a_ligand_in_one_frame():
    assert list(REAL_COMPLEXES) == ["t4-lysozyme-l99a-p-xylene"]
    receptor, ligand = real_complex("t4-lysozyme-l99a-p-xylene")
    protein = [
        [float(line[k : k + 8]) for k in (30, 38, 46)]
        for line in receptor.read_text().splitlines()
        if line.startswith("ATOM")
    ]
    atoms = ligand.read_text().split("@<TRIPOS>ATOM")[1].split("@<TRIPOS>BOND")[0].split("\n")[1:-1]
    heavy = [[float(x) for x in line.split()[2:5]] for line in atoms if line.split()[1][0] != "H"]
    assert len(heavy) == 8
    nearest = min(
        sum((a - b) ** 2 for a, b in zip(one, other, strict=True)) ** 0.5 for one in heavy for other in protein
    )
    assert 2.0 < nearest < 4.0
