"""Held out are whole trajectories, or what a gap keeps apart; a check finds neighbours however a split was made."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from levinthal.errors import DataError
from levinthal.workloads.cvae.data.split import Split, frames_within, split_by_block, split_by_trajectory

LENGTHS = st.lists(st.integers(20, 60), min_size=1, max_size=9)


def parts(split: Split) -> list[np.ndarray]:
    return [split.train, split.validation, split.test]


@given(LENGTHS, st.integers(0, 2), st.integers(0, 1000))
def test_parts_are_whole_trajectories_or_a_gap_apart(lengths, gap, seed):
    found = parts(split_by_trajectory(lengths, gap=gap, seed=seed))
    trajectory = np.repeat(np.arange(len(lengths)), lengths)
    together = np.concatenate(found)
    assert len(np.unique(together)) == len(together)
    assert all((np.diff(part) > 0).all() and len(part) >= 2 for part in found)
    if len(lengths) > 2:
        assert len(together) == sum(lengths)
        assert sum(len(set(trajectory[part].tolist())) for part in found) == len(lengths)
    for k, part in enumerate(found):
        for other in found[k + 1 :]:
            near = np.abs(part[:, None] - other[None]) <= gap
            assert not (near & (trajectory[part][:, None] == trajectory[other][None])).any()


def test_shares_are_met_and_starts_taken_in_turn():
    for seed in range(5):
        split = split_by_trajectory([100] * 12, gap=30, starts=["native", "unfolded"] * 6, seed=seed)
        assert [len(part) for part in parts(split)] == [700, 200, 300]
        starts = (split.test[::100] // 100) % 2
        assert 1 <= starts.sum() <= 2
    assert {tuple(split_by_trajectory([10] * 9, gap=0, seed=seed).test[::10]) for seed in range(9)} != 1
    # a long one among short ones is learned from, whatever is drawn
    split = split_by_trajectory([5, 5, 500, 5, 5], gap=0, seed=3)
    assert len(split.train) >= 500


def test_a_single_trajectory_is_halved_and_two_are_one_each():
    one = split_by_trajectory([400], gap=30)
    assert one.test[0] - one.validation[-1] == 31
    assert one.validation[0] - one.train[-1] == 31
    assert len(one.test) == 185
    two = split_by_trajectory([100, 300], gap=20)
    assert two.test.tolist() == list(range(100))
    assert two.validation[0] - two.train[-1] == 21


def test_a_gap_longer_than_a_trajectory_is_not_kept_and_that_is_found():
    split = split_by_trajectory([80], gap=50)
    assert min(map(len, parts(split))) >= 2
    assert frames_within(split, [80], 50.0) > 0
    with pytest.raises(DataError, match="too few"):
        split_by_trajectory([4], gap=0)
    with pytest.raises(DataError, match="too few"):
        split_by_trajectory([], gap=0)


@given(LENGTHS, st.floats(0.5, 12.0), st.integers(0, 100))
def test_neighbours_are_counted_as_a_search_of_all_pairs_does(lengths, distance, seed):
    rng = np.random.default_rng(seed)
    drawn = rng.integers(0, 4, sum(lengths))
    split = Split(*(np.flatnonzero(drawn == k) for k in range(3)))
    trajectory = np.repeat(np.arange(len(lengths)), lengths)
    held_out = np.concatenate([split.validation, split.test])
    near = np.abs(held_out[:, None] - split.train[None]) < distance
    near &= trajectory[held_out][:, None] == trajectory[split.train][None]
    assert frames_within(split, lengths, distance) == near.any(axis=1).sum()


def test_blocks_of_time_do_not_pass_the_check_that_whole_trajectories_pass():
    lengths, correlation_time = [200] * 6, 15.0
    blocks = split_by_block(lengths, block=20, gap=2, validation=0.15, test=0.15, seed=0)
    assert frames_within(blocks, lengths, correlation_time) > 100
    assert frames_within(split_by_trajectory(lengths, gap=15, seed=0), lengths, correlation_time) == 0
