"""What is held out of the frames of a run, and whether that is worth something: time between, copies, crossings."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from levinthal.arrays import Doubles
from levinthal.simulation.analysis.coarse_model import round_trips
from levinthal.simulation.analysis.effective_samples import correlation_time_of_runs_steps
from levinthal.workloads.cvae.data.split import Split, frames_within, split_by_trajectory
from levinthal.workloads.cvae.data.table import FrameTable

if TYPE_CHECKING:
    from levinthal.harness import Run
    from levinthal.workloads.cvae.settings import CVAESettings

CORES = (0.4, 0.8)
"""Shares of native contacts that are surely unfolded and surely folded: a passage between them is a crossing."""


def correlation_time_of(properties: Mapping[str, Doubles], table: FrameTable) -> float:
    """Return the correlation time of the slowest property, in frames, at least 1."""
    trajectories = table.stretches(np.arange(len(table)))
    return max(
        [1.0]
        + [correlation_time_of_runs_steps([values[each] for each in trajectories]) for values in properties.values()]
    )


def hold_out(run: Run, table: FrameTable, starts: Sequence[str], correlation_time: float) -> Split:
    """Draw which trajectories are held out, or cut what there is with gaps of a correlation time."""
    gap, seed = math.ceil(correlation_time), run.seed_for("split", bits=31)
    return split_by_trajectory(table.lengths, gap=gap, starts=starts, seed=seed)


def report_held_out(
    run: Run,
    settings: CVAESettings,
    table: FrameTable,
    split: Split,
    correlation_time: float,
    packed: npt.NDArray[np.uint8],
) -> None:
    """Check that what is held out is far from what is trained on, and say what they share."""
    n = sum(length > 0 for length in table.lengths)
    run.metric("correlation time", correlation_time, unit="frame", better="lower", kind="quality")
    run.gate(
        "held-out frames within a correlation time of a training frame",
        frames_within(split, table.lengths, correlation_time),
        at_most=0.0,
        kind="sanity" if settings.is_own else "benchmark",
        advice="give more than one trajectory, or a longer one: what is held out remembers what is trained on",
    )
    if n == 1:
        run.note(
            "There is one trajectory: its second half is the test, a gap after what is trained on. What it never "
            "visits nobody is tested on: several trajectories say more."
        )
    trained = {each.tobytes() for each in np.asarray(packed[split.train])}
    shared = sum(each.tobytes() in trained for each in np.asarray(packed[split.test]))
    run.metric(
        "held-out maps identical to a training map",
        shared / len(split.test),
        unit="1",
        better="lower",
        kind="quality",
    )
    run.note(
        f"Held out for the test: {len(split.test):,} of {len(table):,} frames, "
        + (f"{len(table.stretches(split.test))} of {n} trajectories whole" if n > 2 else "as stretches of their own")
        + f"; {shared:,} of their maps are identical to one that is trained on."
    )


def count_crossings(run: Run, settings: CVAESettings, table: FrameTable, split: Split, native_share: Doubles) -> None:
    """Say how often the molecule folded or unfolded in the frames that are trained on and in those of the test.

    `native_share` is the share of the native contacts in each frame, shape (n_frames,).
    """
    core = (native_share >= CORES[1]).astype(np.int64) - (native_share <= CORES[0])
    for part, frames, at_least in (
        ("train", split.train, settings.least_crossings),
        ("test", split.test, math.ceil(0.3 * settings.least_crossings)),
    ):
        run.gate(
            "folding and unfolding",
            round(2 * round_trips([core[stretch] for stretch in table.stretches(frames)])),
            at_least=at_least,
            labels={"part": part},
            advice=f"simulate longer: steps={2 * settings.steps}",
        )
