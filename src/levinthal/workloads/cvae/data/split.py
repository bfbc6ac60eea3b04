"""Which frames are trained on and which are held out: by blocks of time."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from levinthal.arrays import Integers
from levinthal.errors import DataError, UsageError


@dataclass(frozen=True)
class Split:
    """Indices of frames, ascending, disjoint; frames in none of them lie in the gaps."""

    train: Integers
    validation: Integers
    test: Integers


def split_by_block(
    lengths: Sequence[int],
    *,
    block: int,
    gap: int = 0,
    validation: float = 0.1,
    test: float = 0.1,
    seed: int = 0,
) -> Split:
    """Split trajectories into contiguous blocks and draw which blocks are held out.

    Frames that follow each other are nearly copies: a split by shuffled frame tests on what was trained on.

    Parameters
    ----------
    lengths : sequence of int
        Frames of each trajectory; the frames of all of them lie one after the other.
    block : int
        Frames a block aims at; a trajectory is cut into equal blocks of about this length, at least one.
    gap : int
        Frames left out where blocks of different parts meet within a trajectory, so that they are at least
        ``gap + 1`` frames apart.
    validation, test : float
        Share of the blocks, at least one block each where the share is above zero.
    seed : int
        Which blocks are drawn.

    Raises
    ------
    UsageError
        Shares, block or gap out of range.
    DataError
        Too few blocks for every part to have one.
    """
    if not (0 <= validation < 1 and 0 <= test < 1 and validation + test < 1):
        raise UsageError(f"shares {validation} for validation and {test} for test: both from 0, their sum below 1")
    if block < 1 or gap < 0 or gap >= block:
        raise UsageError(f"block of {block} and gap of {gap} frames: the block must be longer than the gap")
    if any(n < 0 for n in lengths):
        raise UsageError("a trajectory cannot have a negative number of frames")
    blocks: list[tuple[int, int, int]] = []
    start = 0
    for trajectory, length in enumerate(lengths):
        count = max(1, length // block) if length else 0
        blocks += [(trajectory, start + length * k // count, start + length * (k + 1) // count) for k in range(count)]
        start += length
    held = [max(1, round(len(blocks) * share)) if share else 0 for share in (validation, test)]
    if len(blocks) <= sum(held):
        raise DataError(
            f"{start} frames make {len(blocks)} blocks of about {block}: too few to train and to hold "
            f"{sum(held)} out; simulate longer, or make the blocks shorter"
        )
    part_of = np.zeros(len(blocks), np.int64)
    order = np.random.default_rng(seed).permutation(len(blocks))
    part_of[order[: held[0]]] = 1
    part_of[order[held[0] : sum(held)]] = 2
    parts: list[list[Integers]] = [[], [], []]
    for k, (trajectory, first, last) in enumerate(blocks):
        follows_other = k > 0 and blocks[k - 1][0] == trajectory and part_of[k - 1] != part_of[k]
        parts[part_of[k]].append(np.arange(min(first + gap, last) if follows_other else first, last))
    nothing = np.empty(0, np.int64)
    return Split(*(np.concatenate([nothing, *p]) for p in parts))
