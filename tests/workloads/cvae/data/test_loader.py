"""Batches: every frame once, in the order asked for, expanded ahead, and faults told where they are due."""

from __future__ import annotations

import threading

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from levinthal.errors import DataError
from levinthal.workloads.cvae.data.loader import Loader, shuffled
from levinthal.workloads.cvae.data.maps import DenseMaps, LaggedMaps, lagged_pairs


@given(st.integers(0, 300), st.integers(1, 20), st.integers(1, 5), st.integers(0, 9))
def test_shuffling_by_block_visits_every_frame_once(n: int, block: int, window: int, seed: int) -> None:
    order = shuffled(n, np.random.default_rng(seed), block, window)
    assert sorted(order) == list(range(n))
    again = shuffled(n, np.random.default_rng(seed), block, window)
    assert np.array_equal(order, again)
    for first in range(0, n, block * window):
        # a window reads no more blocks than it holds, but for the two that the short last block splits
        assert len(np.unique(order[first : first + block * window] // block)) <= window + 2


def test_few_frames_are_shuffled_as_a_plain_permutation() -> None:
    assert np.array_equal(shuffled(1000, np.random.default_rng(3)), np.random.default_rng(3).permutation(1000))


def maps(n: int, size: int = 4) -> np.ndarray:
    rng = np.random.default_rng(0)
    return (rng.random((n, size, size)) < 0.5).astype(np.float32)


@pytest.mark.parametrize("ahead", [0, 1, 3])
def test_batches_come_in_order_and_are_counted(ahead: int) -> None:
    dense = maps(50)
    loader = Loader(DenseMaps(dense, 5), ahead=ahead)
    order = np.random.default_rng(1).permutation(50)
    groups = [order[k : k + 8] for k in range(0, 50, 8)]
    for group, batch in zip(groups, loader.batches(groups), strict=True):
        assert batch.maps is batch.targets
        np.testing.assert_array_equal(batch.maps[:, :4, :4], dense[np.sort(group)])
        assert not batch.maps[:, 4:].any()
    assert loader.frames == 50
    assert loader.worked_s > 0
    assert loader.waited_s >= 0
    assert "levinthal-loader" not in {thread.name for thread in threading.enumerate()}


def test_no_more_batches_than_asked_for_exist_at_a_time() -> None:
    class Counting(DenseMaps):
        expanded = 0

        def batch(self, frames, out=None):
            type(self).expanded += 1
            return super().batch(frames, out)

    loader = Loader(Counting(maps(40), 4), ahead=2)
    given_out = loader.batches([np.array([k]) for k in range(40)])
    for used in range(1, 10):
        next(given_out)
        assert Counting.expanded <= used + 2
    given_out.close()
    assert "levinthal-loader" not in {thread.name for thread in threading.enumerate()}


def test_a_fault_of_the_source_reaches_whoever_waits() -> None:
    class Broken(DenseMaps):
        def batch(self, frames, out=None):
            if 3 in frames:
                raise DataError("frame 3 is damaged")
            return super().batch(frames, out)

    given_out = Loader(Broken(maps(6), 4)).batches([np.array([k]) for k in range(6)])
    for _ in range(3):
        next(given_out)
    with pytest.raises(DataError, match="frame 3"):
        next(given_out)


def test_lagged_pairs_stay_within_their_block() -> None:
    blocks = [np.arange(0, 7), np.arange(10, 12), np.arange(20, 25)]
    first, second = lagged_pairs(blocks, 3)
    assert list(zip(first, second, strict=True)) == [(0, 3), (1, 4), (2, 5), (3, 6), (20, 23), (21, 24)]
    with pytest.raises(DataError, match="longest stretch of frames that follow each other has 7"):
        lagged_pairs(blocks, 7)
    dense = maps(25)
    loader = Loader(LaggedMaps(DenseMaps(dense, 4), first, second))
    ((batch),) = loader.batches([np.arange(6)])
    np.testing.assert_array_equal(batch.maps, dense[first])
    np.testing.assert_array_equal(batch.targets, dense[second])
