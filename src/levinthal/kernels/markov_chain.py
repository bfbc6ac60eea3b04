"""The compiled loops of the Markov chain; imported only when one is advanced, because numba is slow to import."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from levinthal.kernels.compiled import compiled

Integers = npt.NDArray[np.integer[Any]]
Doubles = npt.NDArray[np.float64]


@compiled()
def alias_tables(
    row_start: Integers, column: Integers, probability: Doubles, keep: Doubles, target: Integers, other: Integers
) -> None:
    """Write Vose's alias table of each row (IEEE Trans. Softw. Eng. 17:972, 1991).

    Slot k of a row leads to `target[k]` with the chance `keep[k]`, else to `other[k]`; all its slots are as likely.
    """
    longest = 0
    for row in range(len(row_start) - 1):
        longest = max(longest, row_start[row + 1] - row_start[row])
    small = np.empty(longest, np.int64)
    large = np.empty(longest, np.int64)
    for row in range(len(row_start) - 1):
        begin, end = row_start[row], row_start[row + 1]
        total = 0.0
        for k in range(begin, end):
            total += probability[k]
        n_small, n_large = 0, 0
        for k in range(begin, end):
            keep[k] = probability[k] / total * (end - begin)
            target[k] = column[k]
            other[k] = column[k]
            if keep[k] < 1.0:
                small[n_small] = k
                n_small += 1
            else:
                large[n_large] = k
                n_large += 1
        while n_small > 0 and n_large > 0:
            n_small -= 1
            little, big = small[n_small], large[n_large - 1]
            other[little] = column[big]
            keep[big] -= 1.0 - keep[little]
            if keep[big] < 1.0:
                n_large -= 1
                small[n_small] = big
                n_small += 1
        # What is left over is 1 but for rounding.
        for k in range(n_small):
            keep[small[k]] = 1.0
        for k in range(n_large):
            keep[large[k]] = 1.0


@compiled()
def walk(
    row_start: Integers,
    keep: Doubles,
    target: Integers,
    other: Integers,
    uniform: Doubles,
    microstate: int,
    first_kept: int,
    interval: int,
    visited: npt.NDArray[np.int32],
) -> int:
    """Make a step for each uniform number; keep the microstate after steps first_kept, first_kept + interval, ...

    One uniform number serves both draws of the alias method: its leading part chooses the slot, the rest decides.
    """
    frame, due = 0, first_kept
    for step in range(len(uniform)):
        begin = row_start[microstate]
        size = row_start[microstate + 1] - begin
        scaled = uniform[step] * size
        slot = min(int(scaled), size - 1)
        k = begin + slot
        microstate = target[k] if scaled - slot < keep[k] else other[k]
        if step + 1 == due:
            visited[frame] = microstate
            frame += 1
            due += interval
    return microstate
