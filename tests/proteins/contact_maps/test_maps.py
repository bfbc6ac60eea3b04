"""Contact maps against plain float64 numpy, and where rounding decides."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from levinthal.errors import DataError, UsageError
from levinthal.proteins.contact_maps.maps import (
    CONTACT_CUTOFF_NM,
    expand_contacts,
    n_pairs,
    pack_contacts,
    packed_size,
    unpack_pairs,
)


def reference_pairs(coordinates, cutoff_nm=CONTACT_CUTOFF_NM):
    """Contacts of each pair, all in float64."""
    wide = np.asarray(coordinates, np.float64)
    first, second = np.triu_indices(wide.shape[1], 1)
    difference = wide[:, first] - wide[:, second]
    x, y, z = difference[..., 0], difference[..., 1], difference[..., 2]
    return np.sqrt(x * x + y * y + z * z) < cutoff_nm


def chain(n_frames, n_residues, dtype=np.float32, seed=0):
    steps = np.random.default_rng(seed).normal(0, 0.22, (n_frames, n_residues, 3))
    return np.cumsum(steps, axis=1).astype(dtype)


@settings(max_examples=60, deadline=None)
@given(
    n_frames=st.integers(1, 5),
    n_residues=st.integers(1, 80),
    dtype=st.sampled_from([np.float32, np.float64]),
    offset_nm=st.sampled_from([0.0, 3.0, -250.0, 1e4]),
    cutoff_nm=st.sampled_from([0.8, 0.45, 1.2]),
    seed=st.integers(0, 2**32 - 1),
)
def test_bits_are_those_of_float64_numpy(n_frames, n_residues, dtype, offset_nm, cutoff_nm, seed):
    coordinates = chain(n_frames, n_residues, np.float64, seed)
    coordinates = (coordinates + offset_nm).astype(dtype)
    packed = pack_contacts(coordinates, cutoff_nm)
    expected = reference_pairs(coordinates, cutoff_nm)
    assert packed.shape == (n_frames, packed_size(n_residues))
    np.testing.assert_array_equal(packed, np.packbits(expected, axis=1, bitorder="little"))
    np.testing.assert_array_equal(unpack_pairs(packed, n_residues), expected)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_pairs_within_a_rounding_of_the_cutoff_are_decided_in_float64(dtype):
    rng = np.random.default_rng(5)
    direction = rng.normal(size=(20_000, 3))
    direction /= np.linalg.norm(direction, axis=1, keepdims=True)
    first = rng.normal(0, 2, (20_000, 3)).astype(dtype)
    # Distances within a few units in the last place of 0.8, on both sides of it.
    second = (first + 0.8 * direction * (1 + rng.normal(0, 2, (20_000, 1)) * np.finfo(dtype).eps)).astype(dtype)
    coordinates = np.stack([first, second], axis=1)
    expected = reference_pairs(coordinates)
    assert 0.1 < expected.mean() < 0.9
    np.testing.assert_array_equal(unpack_pairs(pack_contacts(coordinates), 2), expected)
    if dtype == np.float32:
        difference = first - second
        naive = (difference * difference).sum(axis=1) < np.float32(0.8) ** 2
        assert (naive[:, None] != expected).any(), "plain float32 gets none of these wrong: the test shows nothing"


def test_exactly_at_the_cutoff_is_no_contact():
    coordinates = np.zeros((1, 3, 3))
    coordinates[0, 1, 0] = 0.8
    coordinates[0, 2, 0] = np.nextafter(0.8, 0.0)
    np.testing.assert_array_equal(unpack_pairs(pack_contacts(coordinates), 3), [[False, True, True]])


def test_first_pair_is_the_lowest_bit():
    coordinates = np.zeros((1, 4, 3), np.float32)
    coordinates[0, :, 0] = [0.0, 0.5, 1.2, 5.0]
    # Pairs in order: 01 02 03 12 13 23; contacts are 01 and 12.
    assert pack_contacts(coordinates).tolist() == [[0b001001]]


@pytest.mark.parametrize("n_residues", [1, 2, 21, 33, 64, 106, 214])
def test_threads_do_not_change_the_answer(n_residues):
    coordinates = chain(401, n_residues)  # beyond 106 residues enough work for threads to be used
    one = pack_contacts(coordinates, threads=1)
    np.testing.assert_array_equal(one, pack_contacts(coordinates, threads=3))
    np.testing.assert_array_equal(unpack_pairs(one, n_residues), reference_pairs(coordinates))
    size = n_residues + 3
    np.testing.assert_array_equal(
        expand_contacts(one, n_residues, size, threads=1), expand_contacts(one, n_residues, size, threads=2)
    )


@pytest.mark.parametrize("out_type", [np.float32, np.uint8])
@pytest.mark.parametrize(("n_residues", "size"), [(21, 22), (28, 28), (5, 9), (1, 2)])
def test_expanded_maps_are_symmetric_with_explicit_padding(n_residues, size, out_type):
    coordinates = chain(7, n_residues)
    packed = pack_contacts(coordinates)
    out = np.full((7, size, size), 7, out_type)
    assert expand_contacts(packed, n_residues, size, out) is out
    wide = coordinates.astype(np.float64)
    distances = np.linalg.norm(wide[:, :, None] - wide[:, None], axis=-1)
    expected = np.zeros((7, size, size))
    expected[:, :n_residues, :n_residues] = distances < 0.8
    np.testing.assert_array_equal(out, expected)
    assert (np.diagonal(out, axis1=1, axis2=2)[:, :n_residues] == 1).all()


def test_expansion_defaults_to_float32_of_the_proteins_size():
    dense = expand_contacts(pack_contacts(chain(2, 9)), 9)
    assert dense.shape == (2, 9, 9)
    assert dense.dtype == np.float32


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("n_residues", [1, 6, 40])
def test_broken_coordinates_are_refused_by_frame(value, n_residues):
    coordinates = chain(9, n_residues)
    coordinates[4, n_residues - 1, 2] = value
    coordinates[7, 0, 0] = value
    with pytest.raises(DataError, match="frame 4" if n_residues > 1 else "not finite"):
        pack_contacts(coordinates)


def test_huge_finite_coordinates_are_no_contact_and_no_error():
    coordinates = np.zeros((1, 2, 3), np.float32)
    coordinates[0, 1] = 3e38
    assert not unpack_pairs(pack_contacts(coordinates), 2).any()


def test_no_frames_give_no_frames():
    assert pack_contacts(np.zeros((0, 5, 3))).shape == (0, 2)
    assert expand_contacts(np.zeros((0, 2), np.uint8), 5).shape == (0, 5, 5)


def test_strided_input_is_read_as_it_looks():
    whole = chain(4, 30)
    view = whole[::2, ::3]
    np.testing.assert_array_equal(pack_contacts(view), pack_contacts(view.copy()))


@pytest.mark.parametrize(
    ("call", "error", "words"),
    [
        (lambda: pack_contacts(np.zeros((5, 3))), DataError, r"\(5, 3\)"),
        (lambda: pack_contacts(np.zeros((2, 5, 2))), DataError, r"\(2, 5, 2\)"),
        (lambda: pack_contacts(np.zeros((2, 5, 3), np.int64)), DataError, "int64"),
        (lambda: pack_contacts(np.zeros((2, 5, 3)), float("nan")), UsageError, "cutoff"),
        (lambda: pack_contacts(np.zeros((2, 5, 3)), -1.0), UsageError, "cutoff"),
        (lambda: unpack_pairs(np.zeros((2, 3), np.uint8), 5), DataError, r"\(frames, 2\)"),
        (lambda: unpack_pairs(np.zeros((2, 2), np.int8), 5), DataError, "uint8"),
        (lambda: expand_contacts(np.zeros((2, 2), np.uint8), 5, 4), DataError, "4 x 4"),
        (lambda: expand_contacts(np.zeros((2, 2), np.uint8), 5, 6, np.zeros((2, 5, 5))), DataError, r"\(2, 6, 6\)"),
        (lambda: expand_contacts(np.zeros((2, 2), np.uint8), 5, 5, np.zeros((2, 5, 5))), DataError, "float64"),
    ],
)
def test_mistakes_are_named(call, error, words):
    with pytest.raises(error, match=words):
        call()


def test_sizes():
    assert [n_pairs(n) for n in (0, 1, 2, 21, 28)] == [0, 0, 1, 210, 378]
    assert [packed_size(n) for n in (0, 1, 2, 21, 28)] == [0, 0, 1, 27, 48]


def test_importing_does_not_import_numba():
    code = "import sys; import levinthal.proteins.contact_maps.maps; sys.exit('numba' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_a_machine_without_a_place_for_compiled_code():
    code = (
        "import numba.core.caching as caching\n"
        "caching.CompileResultCacheImpl._locator_classes = []\n"
        "import numpy as np\n"
        "from levinthal.proteins.contact_maps.maps import pack_contacts\n"
        "print(pack_contacts(np.zeros((1, 3, 3))).tolist())\n"
    )
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert ran.stdout.strip() == "[[7]]"
