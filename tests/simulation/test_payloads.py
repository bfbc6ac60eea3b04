"""Frames in every form that travels are read as the same contact maps."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from levinthal.errors import DataError, UsageError
from levinthal.proteins import pack_contacts
from levinthal.simulation.dynamics.payloads import PAYLOADS, bytes_of_frame, chain_frames, from_bytes, to_bytes


@pytest.mark.parametrize("payload", PAYLOADS)
@given(n_frames=st.integers(1, 7), n_beads=st.integers(2, 40), seed=st.integers(0, 99))
def test_every_form_is_read_as_the_maps_of_the_coordinates(payload, n_frames, n_beads, seed):
    frames_nm = chain_frames(n_frames, n_beads, seed)
    data = to_bytes(payload, frames_nm)
    np.testing.assert_array_equal(from_bytes(payload, data, n_beads), pack_contacts(frames_nm))
    if payload not in ("sparse", "compressed"):
        assert len(data) == n_frames * bytes_of_frame(payload, n_beads)


@pytest.mark.parametrize("payload", PAYLOADS)
def test_bytes_that_are_no_frames_are_refused(payload):
    data = to_bytes(payload, chain_frames(3, 20, 0))
    with pytest.raises(DataError, match=payload):
        from_bytes(payload, data[:-1] if payload != "compressed" else data[:-8], 20)


def test_a_map_of_too_many_beads_is_not_made():
    assert bytes_of_frame("coordinates", 23_558) == 282_696
    with pytest.raises(UsageError, match="554,979,364 entries"):
        bytes_of_frame("dense-float64", 23_558)
    frames_nm = chain_frames(2, 23_558, 0)
    np.testing.assert_array_equal(from_bytes("coordinates", to_bytes("coordinates", frames_nm), 23_558), frames_nm)


def test_a_chain_is_as_dense_as_a_protein():
    """Contacts a residue within 0.8 nm: a folded protein has some eight beside its neighbours in the chain."""
    frames_nm = chain_frames(4, 200, 3)
    bits = np.unpackbits(pack_contacts(frames_nm)).sum() / 4 / 200
    assert 3 < bits < 20
