"""Which frames are trained on and which are held out: whole trajectories, or stretches of a stream far apart."""

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


def split_by_trajectory(
    lengths: Sequence[int],
    *,
    gap: int,
    validation: float = 0.15,
    test: float = 0.25,
    starts: Sequence[str] | None = None,
    seed: int = 0,
) -> Split:
    """Hold out whole trajectories; where there are too few of them, stretches that a gap keeps apart.

    Frames of one trajectory remember each other, so that a model judged on neighbours of its training frames is judged
    on what it has seen. Of three or more trajectories the longest is trained on, and of the others so many are drawn
    that each part comes nearest to its share. Of two the shorter is the test, and the end of the longer, after a gap,
    the validation. A single one is cut in halves with a gap between them: the second half is the test, the last quarter
    of the first, after another gap, the validation.

    Parameters
    ----------
    lengths : sequence of int
        Frames of each trajectory; the frames of all of them lie one after the other.
    gap : int
        Frames left out between two parts of one trajectory; at most an eighth of it, whatever is asked for.
    validation, test : float
        Share of the frames.
    starts : sequence of str, optional
        What each trajectory began from: those that are held out are drawn of all in turn.
    seed : int
        Which trajectories are drawn.

    Raises
    ------
    UsageError
        Shares or gap out of range.
    DataError
        Too few frames for every part to have some.

    Examples
    --------
    >>> from levinthal.workloads.cvae.data.split import split_by_trajectory
    >>> halves = split_by_trajectory([100], gap=10)
    >>> [(int(part[0]), int(part[-1])) for part in (halves.train, halves.validation, halves.test)]
    [(0, 25), (36, 44), (55, 99)]
    """
    if not (0 < validation < 1 and 0 < test < 1 and validation + test < 1):
        raise UsageError(f"shares {validation} for validation and {test} for test: both above 0, their sum below 1")
    if gap < 0 or any(n < 0 for n in lengths):
        raise UsageError("a gap or a trajectory cannot have a negative number of frames")
    first = np.concatenate([[0], np.cumsum(lengths)]).astype(np.int64)
    whole = [np.arange(first[k], first[k + 1]) for k in range(len(lengths))]
    order = [k for k in _in_turn(starts or [""] * len(lengths), np.random.default_rng(seed)) if lengths[k]]
    parts: list[list[Integers]] = [[], [], []]
    if len(order) > 2:
        longest = max(order, key=lambda k: lengths[k])
        others = [k for k in order if k != longest]
        held_out = _nearest(others, lengths, test * first[-1], most=len(others) - 1)
        checked = _nearest(others[held_out:], lengths, validation * first[-1], most=len(others) - held_out)
        parts[0] = [whole[k] for k in (longest, *others[held_out + checked :])]
        parts[1] = [whole[k] for k in others[held_out : held_out + checked]]
        parts[2] = [whole[k] for k in others[:held_out]]
    elif order:
        longest = max(order, key=lambda k: lengths[k])
        stretch = whole[longest]
        apart = min(gap, len(stretch) // 8)
        if len(order) == 2:
            parts[2] = [whole[k] for k in order if k != longest]
        else:
            half = (len(stretch) - apart) // 2
            parts[2], stretch = [stretch[half + apart :]], stretch[:half]
        checked = max(1, round((len(stretch) - apart) * (0.25 if len(order) == 1 else validation)))
        parts[0], parts[1] = [stretch[: len(stretch) - checked - apart]], [stretch[len(stretch) - checked :]]
    found = Split(*(np.sort(np.concatenate([np.empty(0, np.int64), *p])) for p in parts))
    if min(map(len, (found.train, found.validation, found.test))) < 2:
        raise DataError(
            f"{first[-1]} frame(s) in {len(lengths)} trajectory(ies) are too few to learn from and to hold some out: "
            "give more or longer ones"
        )
    return found


def _in_turn(starts: Sequence[str], rng: np.random.Generator) -> list[int]:
    """Return the trajectories in a random order that takes of each start in turn."""
    drawn = rng.permutation(len(starts)).tolist()
    turn: dict[int, int] = {}
    seen: dict[str, int] = {}
    for k in drawn:
        turn[k] = seen[starts[k]] = seen.get(starts[k], -1) + 1
    return sorted(drawn, key=lambda k: turn[k])  # sorting keeps the random order of equals


def _nearest(order: Sequence[int], lengths: Sequence[int], wanted: float, *, most: int) -> int:
    """Return how many trajectories from the first on come nearest to so many frames, at least one."""
    frames = np.cumsum([lengths[k] for k in order[:most]])
    return int(np.argmin(np.abs(frames - wanted))) + 1


def frames_within(split: Split, lengths: Sequence[int], distance: float) -> int:
    """Return how many held-out frames have a training frame within so many frames of their own trajectory.

    Parameters
    ----------
    split : Split
    lengths : sequence of int
        Frames of each trajectory.
    distance : float
        In frames; what is as far apart is not counted.
    """
    trajectory = np.repeat(np.arange(len(lengths)), lengths)
    held_out = np.concatenate([split.validation, split.test])
    at = np.searchsorted(split.train, held_out)
    near = np.zeros(len(held_out), np.bool_)
    for neighbour in (at - 1, at):
        there = (neighbour >= 0) & (neighbour < len(split.train))
        frame = split.train[np.clip(neighbour, 0, len(split.train) - 1)]
        same = trajectory[frame] == trajectory[held_out]
        near |= there & same & (np.abs(frame - held_out) < distance)
    return int(near.sum())


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
