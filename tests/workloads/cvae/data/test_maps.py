"""Splits by block and sources of maps."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from levinthal.errors import DataError, LevinthalError, UsageError
from levinthal.proteins.contact_maps.maps import packed_size
from levinthal.workloads.cvae.data.maps import DenseMaps, PackedMaps, as_source
from levinthal.workloads.cvae.data.split import split_by_block


@given(
    st.lists(st.integers(0, 200), min_size=1, max_size=5), st.integers(1, 40), st.integers(0, 10), st.integers(0, 2**32)
)
def test_split(lengths: list[int], block: int, gap: int, seed: int) -> None:
    try:
        split = split_by_block(lengths, block=block, gap=gap, validation=0.2, test=0.1, seed=seed)
    except LevinthalError:
        assert gap >= block or sum(max(1, n // block) for n in lengths if n) <= 4
        return
    parts = (split.train, split.validation, split.test)
    everything = np.concatenate(parts)
    assert len(np.unique(everything)) == len(everything)
    assert everything.min(initial=0) >= 0
    assert everything.max(initial=0) < sum(lengths)
    part_of = np.full(sum(lengths), -1)
    for k, part in enumerate(parts):
        assert len(part)
        assert (np.diff(part) > 0).all()
        part_of[part] = k
    starts = np.cumsum([0, *lengths])
    for first, last in pairwise(starts):
        of = part_of[first:last]
        used = np.flatnonzero(of >= 0)
        for i, j in pairwise(used):
            # neighbours of different parts are apart; a frame is left out only between parts
            assert j - i == (gap + 1 if of[i] != of[j] else 1)
    again = split_by_block(lengths, block=block, gap=gap, validation=0.2, test=0.1, seed=seed)
    assert all(np.array_equal(a, b) for a, b in zip(parts, (again.train, again.validation, again.test), strict=True))


def test_nothing_is_left_out_without_a_gap() -> None:
    split = split_by_block([100, 57, 3], block=10, validation=0.25, test=0.0)
    assert sorted([*split.train, *split.validation]) == list(range(160))
    assert len(split.test) == 0


@pytest.mark.parametrize(
    "arguments",
    [{"block": 0}, {"block": 5, "gap": 5}, {"block": 5, "validation": 0.6, "test": 0.4}, {"block": 5, "test": -0.1}],
)
def test_impossible_splits(arguments: dict[str, float]) -> None:
    with pytest.raises(UsageError):
        split_by_block([100], **arguments)


def test_too_few_frames_say_what_to_do() -> None:
    with pytest.raises(DataError, match="simulate longer"):
        split_by_block([20], block=10)


def test_packed_maps_equal_dense_ones() -> None:
    rng = np.random.default_rng(0)
    n, size, frames = 7, 9, 20
    upper = np.triu(rng.random((frames, n, n)) < 0.4, 1)
    rows, columns = np.triu_indices(n, 1)
    packed = np.packbits(upper[:, rows, columns], axis=1, bitorder="little")
    assert packed.shape[1] == packed_size(n)
    dense = (upper | upper.transpose(0, 2, 1) | np.eye(n, dtype=bool)).astype(np.uint8)
    chosen = np.array([3, 0, 19])
    sources = (as_source(packed, size, n), as_source(dense, size))
    assert (len(sources[0]), sources[0].size, len(sources[1]), sources[1].size) == (frames, size, frames, size)
    buffer = np.full((3, size, size), np.nan, np.float32)
    np.testing.assert_array_equal(sources[0].batch(chosen), sources[1].batch(chosen))
    np.testing.assert_array_equal(sources[0].batch(chosen), sources[1].batch(chosen, buffer))
    np.testing.assert_array_equal(buffer[:, :n, :n], dense[chosen])
    assert not buffer[:, n:].any()
    assert not buffer[:, :, n:].any()


def test_wrong_maps_are_refused() -> None:
    with pytest.raises(DataError, match="packed"):
        PackedMaps(np.zeros((3, 4), np.uint8), 22, 22)
    with pytest.raises(DataError, match="fit"):
        PackedMaps(np.zeros((3, packed_size(22)), np.uint8), 22, 21)
    for maps, message in (
        (np.zeros((2, 3, 4)), "shape"), (np.zeros((2, 3, 3), complex), "type"), (np.full((2, 3, 3), 1.5), "outside"),
        (np.full((2, 3, 3), np.nan), "outside"),
    ):  # fmt: skip
        with pytest.raises(DataError, match=message):
            DenseMaps(maps, 3)
    with pytest.raises(DataError, match="fit"):
        DenseMaps(np.zeros((2, 3, 3)), 2)
    with pytest.raises(DataError, match="n_residues"):
        as_source(np.zeros((2, 3), np.uint8))
