"""What tests hand to other processes: the environment with the workloads of `tests/plugin`, and functions for pools.

Functions live here because a fresh process finds this module on the path it inherits, and no test module.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import levinthal

SOURCE = Path(levinthal.__file__).parents[1]
WORKER_PATH = os.pathsep.join([str(Path(__file__).parent), str(SOURCE)])
"""PYTHONPATH for workers that find this module and the package under test."""


def probe_environment() -> dict[str, str]:
    """Return an environment in which the package under test and the workloads of `tests/plugin` are found."""
    folders = [Path(__file__).parent / "plugin", SOURCE]
    return {**os.environ, "PYTHONPATH": os.pathsep.join(map(str, folders)), "COLUMNS": "120"}


def affinity(_: int) -> tuple[int, tuple[int, ...], str | None]:
    return os.getpid(), tuple(os.sched_getaffinity(0)), os.environ.get("OMP_NUM_THREADS")


def divide(number: int) -> float:
    return 1 / number


def die(_: int) -> None:
    os._exit(3)


def explode(step: int) -> None:
    from levinthal.errors import SimulationError

    raise SimulationError(f"it broke at step {step}")


@dataclass(frozen=True, eq=False)
class MortalDynamics:
    """A dynamics whose process dies, once, when it is given a certain seed."""

    inner: Any
    fatal_seed: int
    marker: Path

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        return getattr(self.inner, name)

    def advance(self, state: Any, n_steps: int, seed: int, frame_interval: int, first_step: int) -> Any:
        if seed == self.fatal_seed and not self.marker.exists():
            self.marker.touch()
            os._exit(9)
        return self.inner.advance(state, n_steps, seed, frame_interval, first_step)
