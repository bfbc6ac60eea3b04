"""A published loop, returned from its stage times alone: which overlap and which allocation of GPUs explain it.

The times are those of DeepDriveMD on 60 GPUs of Summit (Lee et al., arXiv 1909.07817): ten iterations of simulation,
training and inference in 7,202 s at a GPU use of 18.3 %. How stages overlapped and how many GPUs each held is not among
them; every overlap that the dependencies of such a loop allow, and every allocation that fits, is tried.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from levinthal.harness.contract.plans import StageTimes
from levinthal.planning.loop import LoopOutcome, LoopPlan, run_loop
from levinthal.planning.stages import Stage, StagedRun, run_stages

N_ITERATIONS, N_GPUS = 10, 60
MAKESPAN_S, GPU_USE = 7202.0, 0.183
TOLERANCE = 0.10
FIRST_SIMULATION_S = 352.0
RANGES_S = {"simulate": (78.0, 90.0), "train": (634.0, 666.0), "infer": (459.0, 496.0)}
"""Shortest and longest of the ten iterations; the first simulation apart."""

_FRAMES_OF_CHUNK = 1000
"""10 ns at a frame each 10 ps."""

_CHAIN = {"simulate": (("infer", 1),), "train": (("simulate", 0),)}
OVERLAPS: Mapping[str, Mapping[str, tuple[tuple[str, int], ...]]] = {
    "none: simulate, train, infer, one after the other": {**_CHAIN, "infer": (("train", 0),)},
    "the next simulation beside training; inference by the new model, alone": {
        "simulate": (("infer", 2),), "train": (("simulate", 0), ("infer", 1)), "infer": (("train", 0),),
    },
    "a pipeline: inference by the new model beside the next simulation and the next training": {
        "simulate": (("infer", 2),), "train": (("simulate", 0),), "infer": (("train", 0),),
    },
    "training beside inference by the model before; simulation alone": {
        "simulate": (("infer", 1), ("train", 1)), "train": (("simulate", 0),),
        "infer": (("simulate", 0), ("train", 1)),
    },
    "training beside inference and the next simulation": {**_CHAIN, "infer": (("simulate", 0), ("train", 1))},
}  # fmt: skip


@dataclass(frozen=True)
class Allocation:
    """GPUs that each stage holds, and the use of all of them that follows."""

    simulate: int
    train: int
    infer: int
    gpu_use: float

    @property
    def error(self) -> float:
        """How far the use is off the published one, as a share of it."""
        return self.gpu_use / GPU_USE - 1.0


@dataclass(frozen=True)
class Explanation:
    """What one overlap makes of the stage times.

    Attributes
    ----------
    overlap : str
    makespan_s, shortest_s, longest_s : float
        With the middle, the shortest and the longest of the published times.
    widest : Allocation
        All GPUs that can simulate do so, training and inference have one each.
    n_allocations, n_matching : int
        Allocations under which the stages can overlap so, and those of them whose use is within the tolerance.
    simulating : (int, int)
        Fewest and most GPUs that simulate in a matching one; zeros where none matches.
    """

    overlap: str
    makespan_s: float
    shortest_s: float
    longest_s: float
    widest: Allocation
    n_allocations: int
    n_matching: int
    simulating: tuple[int, int]

    @property
    def makespan_error(self) -> float:
        """How far the makespan is off the published one, as a share of it."""
        return self.makespan_s / MAKESPAN_S - 1.0

    @property
    def holds(self) -> bool:
        """Whether both published figures are returned, each within the tolerance."""
        return abs(self.makespan_error) <= TOLERANCE and self.n_matching > 0


def explain_published() -> tuple[Explanation, ...]:
    """Return what each overlap makes of the published times; none of the figures is fitted.

    Examples
    --------
    >>> from levinthal.planning.published import explain_published
    >>> [round(each.makespan_s) for each in explain_published()]
    [12383, 11627, 7330, 7608, 6852]
    """
    return tuple(_explain(overlap) for overlap in OVERLAPS)


def _run(overlap: str, of_range: int | None, gpus: Mapping[str, int], n_gpus: int) -> StagedRun:
    """Run an overlap with the shortest (0), the longest (1) or the middle (None) of the published times."""
    stages = []
    for name, limits in RANGES_S.items():
        seconds = sum(limits) / 2 if of_range is None else limits[of_range]
        first = (FIRST_SIMULATION_S,) if name == "simulate" else ()
        stages.append(Stage(name, (*first, seconds), gpus[name], OVERLAPS[overlap][name]))
    return run_stages(stages, N_ITERATIONS, n_gpus)


def _explain(overlap: str) -> Explanation:
    import numpy as np

    free = dict.fromkeys(RANGES_S, 0)  # as many GPUs as they want: whoever runs together must then fit
    middle, shortest, longest = (_run(overlap, which, free, N_GPUS) for which in (None, 0, 1))
    names = tuple(RANGES_S)
    grid = dict(zip(names, np.meshgrid(*[np.arange(1, N_GPUS + 1)] * 3, indexing="ij"), strict=True))
    held_at_once = [np.sum([grid[name] for name in group], axis=0) for group in middle.together() if group]
    fits = np.max(held_at_once, axis=0) <= N_GPUS
    seconds = middle.seconds_of()
    use = sum(grid[name] * seconds[name] for name in names) / (N_GPUS * middle.makespan_s)
    matching = fits & (np.abs(use / GPU_USE - 1.0) <= TOLERANCE)
    most = int(grid["simulate"][fits & (grid["train"] == 1) & (grid["infer"] == 1)].max())
    widest = {"simulate": most, "train": 1, "infer": 1}
    # once more with GPUs held: what fits does not wait
    held = _run(overlap, None, widest, N_GPUS)
    found = grid["simulate"][matching]
    return Explanation(
        overlap, held.makespan_s, shortest.makespan_s, longest.makespan_s,
        Allocation(**widest, gpu_use=held.gpu_use(widest, N_GPUS)),
        int(fits.sum()), int(matching.sum()), (int(found.min()), int(found.max())) if len(found) else (0, 0),
    )  # fmt: skip


def levinthal_at_that_size() -> LoopOutcome:
    """Return what Levinthal's loop does with the same stage times on as many GPUs.

    One GPU trains and one, the coordinator's, infers; the others simulate a replica each, of as many chunks as there
    were iterations. The time of an inference is shared out evenly among the chunks of an iteration: each frame is
    embedded once. A training takes as long as it was published, however many frames there are. The GPU of the
    coordinator counts as idle in the use.
    """
    middle = {name: sum(limits) / 2 for name, limits in RANGES_S.items()}
    workers = N_GPUS - 2
    chunks_s = (FIRST_SIMULATION_S, *[middle["simulate"]] * (N_ITERATIONS - 1))
    n_frames = workers * _FRAMES_OF_CHUNK
    times = StageTimes(
        chunk_s=chunks_s, frames_of_chunk=_FRAMES_OF_CHUNK, embed_frame_s=middle["infer"] / n_frames,
        first_training_frames=n_frames, training_growth=1.01,
        training_frames=(n_frames, n_frames * N_ITERATIONS), training_s=(middle["train"],) * 2,
    )  # fmt: skip
    return run_loop(times, LoopPlan(replicas=workers, workers=workers, training_workers=2, chunks=N_ITERATIONS))
