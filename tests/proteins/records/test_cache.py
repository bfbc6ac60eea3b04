"""The cache gives back what it was given, at once, to all processes; and knows when it is damaged."""

from __future__ import annotations

import operator
import pickle
import tracemalloc
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from levinthal.errors import DataError
from levinthal.proteins.records import ProteinRecord, RecordCache, write_cache
from levinthal.proteins.residues import AMINO_ACIDS


def make(seed, n=1):
    rng = np.random.default_rng(seed)
    records = []
    for k in range(n):
        length = int(rng.integers(1, 40))
        dtype = rng.choice([np.float32, np.float64])
        coordinates = rng.normal(0, 3000, (length, 3, 3))
        coordinates[rng.random((length, 3, 3)) < 0.1] = rng.choice([0.0, -0.0, np.nan, np.inf, 1e300, 214748364.8])
        if rng.random() < 0.5:
            coordinates = np.round(np.nan_to_num(rng.normal(0, 3000, (length, 3, 3))), 1) + 0.0
        with np.errstate(over="ignore"):
            coordinates = coordinates.astype(dtype)
        records.append(
            ProteinRecord(
                f"{seed}#é_{k}",
                "".join(rng.choice(list(AMINO_ACIDS), length)),
                rng.random((length, int(rng.choice([20, 21])))).astype(dtype) if rng.random() < 0.7 else None,
                coordinates if rng.random() < 0.8 else None,
                rng.random(length) < 0.5 if rng.random() < 0.7 else None,
                "T" * length if rng.random() < 0.3 else None,
            )
        )
    return records


@given(st.integers(0, 2**32 - 1))
def test_everything_comes_back_to_the_bit(tmp_path_factory, seed):
    path = tmp_path_factory.mktemp("cache") / "records"
    records = make(seed, 5)
    assert write_cache(path, iter(records)) == 5
    cache = RecordCache(path)
    assert list(cache) == records
    assert cache[-1] == records[-1]
    assert cache[1:4] == records[1:4]
    assert cache.names == tuple(record.name for record in records)
    assert cache.lengths.tolist() == [len(record) for record in records]
    for name, have in (("profile", cache.has_profile), ("coordinates_pm", cache.has_coordinates)):
        assert have.tolist() == [getattr(record, name) is not None for record in records]
    assert cache.has_mask.tolist() == [record.mask is not None for record in records]
    assert cache.has_secondary.tolist() == [record.secondary is not None for record in records]


def test_coordinates_of_proteinnet_take_four_bytes_and_single_halves_the_rest(tmp_path):
    length = 1000
    profile = np.random.default_rng(0).random((length, 21))
    record = ProteinRecord("a", "G" * length, profile, np.round(profile[:, :9].reshape(-1, 3, 3) * 1000, 1))
    write_cache(tmp_path / "exact", [record])
    write_cache(tmp_path / "single", [record], single=True)
    assert (tmp_path / "exact").stat().st_size < length * (21 * 8 + 9 * 4 + 1) + 400
    assert (tmp_path / "single").stat().st_size < length * (21 * 4 + 9 * 4 + 1) + 400
    (rounded,) = RecordCache(tmp_path / "single")
    np.testing.assert_array_equal(rounded.profile, profile.astype(np.float32))
    np.testing.assert_array_equal(rounded.coordinates_pm, record.coordinates_pm)


def test_opening_reads_the_index_alone(tmp_path):
    record = ProteinRecord("a", "G" * 2000, np.full((2000, 21), 0.1, np.float32))
    write_cache(tmp_path / "cache", [record] * 100)
    tracemalloc.start()
    cache = RecordCache(tmp_path / "cache")
    assert cache[50] == record
    assert not cache[50].profile.flags.owndata
    assert tracemalloc.get_traced_memory()[1] < (1 << 20) < cache.path.stat().st_size / 10
    tracemalloc.stop()


def test_worker_processes_open_it_for_themselves(tmp_path):
    write_cache(tmp_path / "cache", make(3, 4))
    cache = RecordCache(tmp_path / "cache")
    assert len(pickle.dumps(cache)) < 1000
    with ProcessPoolExecutor(1, get_context("spawn")) as pool:
        assert list(pool.map(operator.getitem, [cache] * 4, range(4))) == list(cache)


def test_equal_contents_have_equal_fingerprints(tmp_path):
    for name, seed in (("a", 1), ("b", 1), ("c", 2)):
        write_cache(tmp_path / name, make(seed, 3))
    a, b, c = (RecordCache(tmp_path / name).fingerprint for name in "abc")
    assert a == b != c


def test_an_index_out_of_range(tmp_path):
    write_cache(tmp_path / "cache", make(0, 3))
    with pytest.raises(IndexError):
        RecordCache(tmp_path / "cache")[3]
    with pytest.raises(IndexError):
        RecordCache(tmp_path / "cache")[-4]


def test_every_flipped_byte_is_noticed(tmp_path):
    records = make(5, 3)
    write_cache(tmp_path / "cache", records)
    good = (tmp_path / "cache").read_bytes()
    unnoticed = 0
    for at in range(0, len(good), 7):
        bad = bytearray(good)
        bad[at] ^= 0x10
        (tmp_path / "bad").unlink(missing_ok=True)
        (tmp_path / "bad").write_bytes(bad)
        try:
            assert list(RecordCache(tmp_path / "bad")) == records
            unnoticed += 1
        except DataError:
            pass
    assert unnoticed <= 4  # the padding between records alone


def test_what_is_no_cache(tmp_path):
    write_cache(tmp_path / "cache", make(5, 3))
    good = (tmp_path / "cache").read_bytes()
    for data, message in [
        (b"", "is empty"),
        (b"hello", "is not a cache"),
        (good[:16], "is damaged"),
        (good[:-1], "is damaged"),
        (good[: len(good) // 2], "is damaged"),
        (good + b"\x00", "is damaged"),
        (good.replace(b"rec 1", b"rec 9"), "is not a cache"),
    ]:
        (tmp_path / "bad").unlink(missing_ok=True)
        (tmp_path / "bad").write_bytes(data)
        with pytest.raises(DataError, match=message):
            RecordCache(tmp_path / "bad")
    with pytest.raises(DataError, match="cannot be read"):
        RecordCache(tmp_path / "absent")


def test_a_failed_write_leaves_what_was_there(tmp_path):
    path = tmp_path / "cache"
    write_cache(path, make(1, 2))
    before = path.read_bytes()

    def broken():
        yield from make(2, 2)
        raise DataError("the source is damaged")

    with pytest.raises(DataError, match="the source is damaged"):
        write_cache(path, broken())
    with pytest.raises(DataError, match="no record to keep"):
        write_cache(path, [])
    assert path.read_bytes() == before
    assert list(tmp_path.iterdir()) == [path]
