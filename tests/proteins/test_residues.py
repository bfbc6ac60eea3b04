"""The residue tables against Biopython's and mdtraj's."""

from __future__ import annotations

import mdtraj
import pytest
from Bio.Data.IUPACData import protein_letters_1to3

from carried import protein
from levinthal.proteins.residues import HEAVY_ATOMS, ONE_LETTER, THREE_LETTER


def test_codes_agree_with_biopython():
    assert {one: three.upper() for one, three in protein_letters_1to3.items()} == dict(THREE_LETTER)
    assert {three: one for one, three in THREE_LETTER.items()} == dict(ONE_LETTER)


@pytest.mark.parametrize("name", ["villin", "human-dhfr", "t4-lysozyme-l99a", "src-kinase"])
def test_heavy_atoms_are_those_of_real_structures(name):
    topology = mdtraj.load(str(protein(name))).top
    for residue in topology.residues:
        if residue.name in HEAVY_ATOMS:
            found = {atom.name for atom in residue.atoms if atom.element.symbol != "H"} - {"OXT"}
            assert found == set(HEAVY_ATOMS[residue.name]), residue
