"""What benchmarks that compare sides share: sides in processes of their own, and a control that notices disturbance.

A pool of threads of one side that spins while the other computes, or a program beside both, changes what is measured by
factors. So each side is a process of its own that ends before the other begins; sides take turns; of each case the
ratio of the medians counts, and of all cases the median. A control is timed at start and end
(`levinthal.metrics.steadiness`): where it moved by more than 15 %, or had no core to itself, the benchmark says
`disturbed: measure again` and its exit status is 1.
"""

from __future__ import annotations

import json
import statistics
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from levinthal.metrics.steadiness import disturbance, measure_control

_OF_ONE_SIDE = {"--side", "--serve", "--measure"}
"""Arguments that benchmarks start themselves with."""


def watched(main: Callable[[], int | None]) -> int:
    """Run a benchmark and return its exit status: 1 where it failed or was disturbed.

    A process that a benchmark started to measure one side is not watched: the one that started it is.
    """
    if _OF_ONE_SIDE & set(sys.argv):
        return main() or 0
    before = measure_control()
    status = main() or 0
    why = disturbance(before, measure_control())
    if why is not None:
        print(f"disturbed: measure again ({why})", flush=True)
    return 1 if why is not None else status


def in_turns(sides: Mapping[str, Sequence[str]], turns: int) -> dict[str, list[Any]]:
    """Run each side of a script in a process of its own, in turn (A B, B A, A B, ...), and return what each printed.

    Parameters
    ----------
    sides : mapping of str to sequence of str
        By name, the arguments of this script that make it measure one side and print JSON as its last line.
    turns : int
        How often.
    """
    found: dict[str, list[Any]] = {name: [] for name in sides}
    for turn in range(turns):
        for name in list(sides)[:: 1 if turn % 2 == 0 else -1]:
            command = [sys.executable, sys.argv[0], *sides[name]]
            done = subprocess.run(command, capture_output=True, text=True, check=False)
            lines = done.stdout.splitlines()
            if done.returncode != 0 or not lines:
                raise SystemExit(f"{' '.join(command)} failed: {done.stderr.strip()[-2000:]}")
            found[name].append(json.loads(lines[-1]))
    return found


def ratio_of(slow: Mapping[str, float], fast: Mapping[str, float]) -> float:
    """Return the median over cases of how many times longer one side takes than the other."""
    return statistics.median(slow[case] / fast[case] for case in slow)
