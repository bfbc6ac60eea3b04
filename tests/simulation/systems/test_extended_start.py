"""An open strand of a protein's own atoms: same atoms in the same order, and nothing left of its fold."""

from __future__ import annotations

import numpy as np
import pytest

from levinthal.errors import DataError
from levinthal.simulation.systems.pdb_structure import from_pdb
from levinthal.simulation.systems.peptide import capped_peptide, extended_start


def test_a_protein_of_a_file_begins_as_an_open_strand(shared_data):
    molecule, starts = from_pdb(shared_data / "md/cln025_ref.pdb")
    strand = extended_start(molecule)
    carbons = list(molecule.ca_indices)
    assert strand.shape == starts["structure"].shape
    ends = [np.linalg.norm(each[carbons[0]] - each[carbons[-1]]) for each in (strand, starts["structure"])]
    assert ends[0] > 2.5 > 1.0 > ends[1]  # nine bonds of 0.35 nm; the hairpin's ends touch
    bonds = np.linalg.norm(np.diff(strand[carbons], axis=0), axis=1)
    np.testing.assert_allclose(bonds, 0.38, atol=0.02)


def test_caps_are_refused():
    molecule, _ = capped_peptide("dialanine", "AA", ("extended",))
    with pytest.raises(DataError, match="cannot begin extended"):
        extended_start(molecule)
