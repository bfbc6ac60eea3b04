"""The made-up protein of any size: its geometry is a protein's, and its Go model is at rest and stays folded."""

from __future__ import annotations

import numpy as np
import pytest

from levinthal.errors import UsageError
from levinthal.simulation.dynamics.replica import advance, start_replica
from levinthal.simulation.go.repeat_protein import repeat_protein, repeat_protein_ca_nm


def test_the_chain_is_a_proteins_and_does_not_cross_itself():
    atoms = repeat_protein_ca_nm(1024)
    # trans peptides of ideal geometry: 0.38 nm
    np.testing.assert_allclose(np.linalg.norm(np.diff(atoms, axis=0), axis=1), 0.38, atol=0.002)
    first, second = np.triu_indices(1024, 4)
    assert np.linalg.norm(atoms[first] - atoms[second], axis=1).min() > 0.43
    # compact: a helix of 1,024 residues would have a radius of gyration of 44 nm
    assert np.linalg.norm(atoms - atoms.mean(axis=0), axis=1).max() < 15
    np.testing.assert_allclose(repeat_protein_ca_nm(100), atoms[:100], atol=1e-9)


def test_far_residues_touch_at_every_size():
    for n_residues, per_residue in ((56, 0.3), (106, 0.7), (512, 1.0)):
        contacts = repeat_protein(n_residues, 1.0).contacts
        assert (contacts[:, 1] - contacts[:, 0] > 8).sum() > per_residue * n_residues


def test_a_cold_protein_stays_folded_and_a_hot_one_does_not():
    found = []
    for kt in (0.3, 3.0):
        model = repeat_protein(56, kt)
        state = start_replica(model.system, model.native_nm, 1)
        _, frames = advance(model.system, state, 2_000, 2, frame_interval=500)
        found.append(model.fraction_native_contacts(frames.coordinates_nm)[-1])
    assert found[0] > 0.95
    assert found[1] < 0.6


@pytest.mark.parametrize("n_residues", [7, 10_000])
def test_sizes_that_cannot_be(n_residues):
    with pytest.raises(UsageError, match="8 to 8192"):
        repeat_protein_ca_nm(n_residues)
