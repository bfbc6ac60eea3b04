"""Loops with barriers: stages that wait for each other, iteration by iteration, on one pool of GPUs."""

from __future__ import annotations

from collections.abc import Generator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from levinthal.errors import UsageError


@dataclass(frozen=True)
class Stage:
    """A stage of each iteration.

    Attributes
    ----------
    name : str
    seconds : tuple of float
        How long it takes in the first, second, ... iteration; the last number holds for all that follow.
    gpus : int
        How many it holds meanwhile.
    after : tuple of (str, int)
        The stages it waits for, each with how many iterations ago: 0 is the same one. It always waits for itself one
        iteration ago.
    """

    name: str
    seconds: tuple[float, ...]
    gpus: int
    after: tuple[tuple[str, int], ...] = ()

    def seconds_in(self, iteration: int) -> float:
        """Return how long it takes in an iteration, counted from 0."""
        return self.seconds[min(iteration, len(self.seconds) - 1)]


@dataclass(frozen=True)
class StagedRun:
    """What came of it.

    Attributes
    ----------
    makespan_s : float
    spans : tuple of (str, float, float)
        Stage, beginning and end of each execution, in order of their beginnings.
    """

    makespan_s: float
    spans: tuple[tuple[str, float, float], ...]

    def seconds_of(self) -> dict[str, float]:
        """Return how long each stage ran, all iterations together."""
        total: dict[str, float] = {}
        for name, began, ended in self.spans:
            total[name] = total.get(name, 0.0) + ended - began
        return total

    def gpu_use(self, gpus: Mapping[str, int], n_gpus: int) -> float:
        """Return the share of all GPU-seconds that stages held, where each holds so many GPUs."""
        held = sum(gpus[name] * seconds for name, seconds in self.seconds_of().items())
        return held / (n_gpus * self.makespan_s)

    def together(self) -> set[frozenset[str]]:
        """Return the sets of stages that ran at the same time at some moment."""
        starts = sorted({began for _, began, _ in self.spans})
        return {frozenset(name for name, began, ended in self.spans if began <= at < ended) for at in starts}


def run_stages(stages: Sequence[Stage], n_iterations: int, n_gpus: int) -> StagedRun:
    """Simulate iterations of stages as events; a stage begins when those it waits for have ended and GPUs are free.

    Parameters
    ----------
    stages : sequence of Stage
    n_iterations, n_gpus : int

    Raises
    ------
    UsageError
        A stage needs more GPUs than there are, waits for one that is not there, or they all wait for each other.

    Examples
    --------
    >>> from levinthal.planning.stages import Stage, run_stages
    >>> simulate, train = Stage("simulate", (2.0,), 4, (("train", 1),)), Stage("train", (3.0,), 1, (("simulate", 0),))
    >>> run_stages([simulate, train], 10, n_gpus=4).makespan_s
    50.0
    """
    import simpy

    known = {stage.name for stage in stages}
    for stage in stages:
        if stage.gpus > n_gpus:
            raise UsageError(f"stage {stage.name} holds {stage.gpus} GPUs, there are {n_gpus}: give it fewer")
        if missing := [name for name, _ in stage.after if name not in known]:
            raise UsageError(f"stage {stage.name} waits for {missing[0]!r}, which is not a stage")
    environment = simpy.Environment()
    pool = simpy.Container(environment, capacity=n_gpus, init=n_gpus)
    ended = {(stage.name, k): environment.event() for stage in stages for k in range(n_iterations)}
    spans: list[tuple[str, float, float]] = []

    def execute(stage: Stage, iteration: int) -> Generator[Any, Any, None]:
        before = [(name, iteration - back) for name, back in (*stage.after, (stage.name, 1))]
        yield environment.all_of([ended[key] for key in before if key[1] >= 0])
        if stage.gpus:
            yield pool.get(stage.gpus)
        began = environment.now
        yield environment.timeout(stage.seconds_in(iteration))
        spans.append((stage.name, began, environment.now))
        if stage.gpus:
            yield pool.put(stage.gpus)
        ended[stage.name, iteration].succeed()

    for iteration in range(n_iterations):
        for stage in stages:
            environment.process(execute(stage, iteration))
    environment.run()
    if not all(event.triggered for event in ended.values()):
        raise UsageError("the stages wait for each other: one of them must wait for an earlier iteration")
    return StagedRun(float(environment.now), tuple(sorted(spans, key=lambda span: span[1])))
