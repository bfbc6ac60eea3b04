"""A chunk on its way: the task, what will be recorded of it, and how it fared; and the pool it is sent to."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import BrokenExecutor, Executor
from dataclasses import dataclass, field

from levinthal.errors import SimulationError
from levinthal.harness.engines.contract import WorkerLostError
from levinthal.workloads.sampling.loop.task import ChunkTask

_BREAKS_IN_A_ROW = 20


@dataclass(frozen=True, eq=False)
class Flight:
    """A chunk that was, or is to be, submitted.

    Attributes
    ----------
    task : ChunkTask
        What a worker is to do.
    parent : int or None
        The frame it goes on from.
    begins_segment : bool
        Whether an unbroken trajectory begins with it.
    decision : int or None
        The decision that chose its parent.
    created, submitted : float
        Seconds since 1970.
    executor : Executor or None
        Where it was submitted, `serial` being its place in the order of submission.
    frames_then, model_then : int
        Frames on record and version of the model at its submission.
    losses, tries : int
        How often it was lost with a worker, and how often it failed by itself, in this session.
    alone : bool
        Whether nothing else may run beside it, to see whose fault it is that workers die.
    """

    task: ChunkTask
    parent: int | None
    begins_segment: bool
    decision: int | None
    created: float
    executor: Executor | None = None
    serial: int = 0
    submitted: float = 0.0
    frames_then: int = 0
    model_then: int = 0
    losses: int = 0
    tries: int = 0
    alone: bool = False


@dataclass
class WorkerPool:
    """The executor of the simulations, replaced when it breaks.

    Attributes
    ----------
    make : callable
        Gives an executor.
    n_workers : int
        Its workers: so many chunks may be lost by one fault.
    executor : Executor
        The one in use.
    """

    make: Callable[[], Executor]
    n_workers: int = 1
    executor: Executor = field(init=False)
    _breaks: int = field(default=0, init=False)
    _losses: int = field(default=0, init=False)

    def __post_init__(self) -> None:
        self.executor = self.make()

    def works(self) -> None:
        """Hear that a chunk came back."""
        self._breaks = self._losses = 0

    def lost(self, executor: Executor | None, error: BrokenExecutor) -> None:
        """Hear that a chunk was lost with its worker; an executor that broke is replaced, once.

        Raises
        ------
        SimulationError
            No chunk comes back any more.
        """
        if isinstance(error, WorkerLostError):
            self._losses += 1
        elif executor is self.executor:
            self._breaks += 1
        if self._breaks > _BREAKS_IN_A_ROW or self._losses > _BREAKS_IN_A_ROW * self.n_workers:
            raise SimulationError(
                f"workers died {self._breaks or self._losses} times in a row ({error}), perhaps for want of memory: "
                "take fewer"
            )
        if executor is self.executor and not isinstance(error, WorkerLostError):
            self.close()
            self.executor = self.make()

    def close(self) -> None:
        """Give the executor back; what has not begun is not done."""
        self.executor.shutdown(wait=False, cancel_futures=True)
