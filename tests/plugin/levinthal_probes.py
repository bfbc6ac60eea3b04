"""A workload that misbehaves on request, for the harness's tests; installed by putting its folder on PYTHONPATH."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Mapping
from typing import Any, ClassVar, Literal

from pydantic import Field

from levinthal.errors import DataError
from levinthal.harness import Run, Settings


def square(number: int) -> tuple[int, int, tuple[int, ...]]:
    return number * number, os.getpid(), tuple(sorted(os.sched_getaffinity(0)))


class ProbeSettings(Settings):
    seconds: float = Field(default=0.05, ge=0, description="How long to sleep.")
    steps: int = Field(default=5, ge=1, description="In how many pieces.")
    mode: Literal["good", "miss", "raise", "kill", "data", "hang", "pool", "chatty"] = Field(
        default="good", description="What to do wrong."
    )
    deterministic: bool = Field(default=False, description="A key that the closed division leaves free.")

    sizes: ClassVar[Mapping[str, Mapping[str, Any]]] = {
        "smoke": {"seconds": 0.0},
        "tiny": {},
        "small": {"steps": 50},
        "paper": {"steps": 500},
    }
    free_keys: ClassVar[frozenset[str]] = frozenset({"deterministic"})


class ProbeWorkload:
    """Sleeps, and does wrong what it is told to."""

    name: ClassVar[str] = "probe"
    version: ClassVar[int] = 3
    Settings: ClassVar[type[Settings]] = ProbeSettings

    def run(self, run: Run, settings: ProbeSettings) -> None:
        """Sleep in steps."""
        if settings.mode == "data":
            raise DataError("no such trajectory: x.dcd: name one that exists")
        run.dataset("nothing", version="1", sha256="0" * 64, synthetic=True)
        marker = run.folder.parent.parent / "hang"
        with run.phase("sleep", items=settings.steps, total=settings.steps) as phase:
            for _ in range(settings.steps):
                time.sleep(settings.seconds / settings.steps)
                phase.advance()
            while settings.mode == "hang" and run.seed == 1 and not marker.exists():
                time.sleep(0.02)
        if settings.mode == "raise":
            raise RuntimeError("<b>boom</b>")
        if settings.mode == "kill" and run.seed == 1:
            os.kill(os.getpid(), signal.SIGKILL)
        if settings.mode == "pool":
            answers = list(run.executor.map(square, range(8)))
            run.metric("squares", sum(answer for answer, _, _ in answers), unit="1", better="higher", kind="quality")
            run.samples("workers", [pid for _, pid, _ in answers], unit="pid")
            run.samples("cores", [cores[0] for _, _, cores in answers if len(cores) == 1], unit="core")
        if settings.mode == "chatty":
            print("x" * 5_000_000)
        run.samples("draws", run.rng("draws").random(3), unit="1")
        run.gate("sleep is long enough", 0.0 if settings.mode == "miss" else 1.0, at_least=0.5)
        run.artifact("note.svg", "<svg xmlns='http://www.w3.org/2000/svg' width='10' height='10'/>", "A picture.")
        run.metric("rate", settings.steps / run.duration_s("sleep"), unit="step/s", better="higher")
        run.metric("error", 0.5, unit="1", better="lower", kind="quality")
        run.metric("energy", None, unit="J", better="lower", reason="no counter")


class UnlikeWorkload:
    """Does not keep the contract: its name is another, it has no settings."""

    name: ClassVar[str] = "another"
    version: ClassVar[str] = "one"
