"""A workload that misbehaves on request, for the harness's tests; installed by putting its folder on PYTHONPATH."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Mapping
from typing import Any, ClassVar, Literal

from pydantic import Field

from levinthal.errors import DataError
from levinthal.harness import Rank, Replicated, Run, ScalingCase, Settings
from levinthal.harness.contract.workload import FigureOfMerit, MainFigure


def square(number: int) -> tuple[int, int, tuple[int, ...]]:
    return number * number, os.getpid(), tuple(sorted(os.sched_getaffinity(0)))


class ProbeSettings(Settings):
    seconds: float = Field(default=0.05, ge=0, description="How long to sleep.")
    steps: int = Field(default=5, ge=1, description="In how many pieces.")
    mode: Literal["good", "miss", "raise", "kill", "data", "hang", "pool", "chatty", "warn", "implausible"] = Field(
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
    figures_of_merit: ClassVar[tuple[FigureOfMerit, ...]] = (FigureOfMerit("rate", "rate"),)
    main_figures: ClassVar[tuple[MainFigure, ...]] = ("not measured by anyone", "rate", ("error", {}))

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
        if settings.mode == "warn":
            for _ in range(2):
                run.warn("2 x <b>FE</b> were removed from the pocket.")
        if settings.mode == "implausible":
            run.gate("energy of the answer", 3.5, at_most=0.0, kind="sanity", advice="sleep longer: seconds=9")
        run.samples("draws", run.rng("draws").random(3), unit="1")
        run.gate("sleep is long enough", 0.0 if settings.mode == "miss" else 1.0, at_least=0.5)
        run.artifact("note.svg", "<svg xmlns='http://www.w3.org/2000/svg' width='10' height='10'/>", "A picture.")
        run.metric("rate", settings.steps / run.duration_s("sleep"), unit="step/s", better="higher")
        run.metric("error", 0.5, unit="1", better="lower", kind="quality")
        run.metric("energy", None, unit="J", better="lower", reason="no counter")


class SleepingReplica:
    """Every third takes twice as long; `miss` is another answer each time, `data` fails but for the first."""

    def __init__(self, settings: ProbeSettings) -> None:
        self.settings = settings

    def __call__(self, number: int) -> Replicated:
        if self.settings.mode == "data" and number:
            raise DataError(f"replica {number} cannot be done: do another")
        if self.settings.mode == "kill" and number:
            os.kill(os.getpid(), signal.SIGKILL)
        twice = 1 + (number % 3 == 2)
        time.sleep(twice * self.settings.seconds)
        answer = time.monotonic() if self.settings.mode == "miss" else 7.0 + number
        return Replicated(items=twice * self.settings.steps, answer=answer)


class NappersWorkload:
    """Has replicas, which sleep."""

    name: ClassVar[str] = "nappers"
    version: ClassVar[int] = 1
    Settings: ClassVar[type[Settings]] = ProbeSettings
    replica_item: ClassVar[str] = "nap"

    def run(self, run: Run, settings: ProbeSettings) -> None:
        """Do nothing."""

    def load_replica(self, run: Run, settings: ProbeSettings) -> SleepingReplica:
        """Return a replica that sleeps."""
        run.dataset("nothing", version="1", sha256="0" * 64, synthetic=True)
        run.note("Replicas sleep.")
        return SleepingReplica(settings)


class SleepingTrainer:
    """Steps of known length: a tenth of a second of work to share, and exchange and loading that are not shared."""

    n_items = 640
    execution = "sleep"

    def __init__(self, rank: Rank, batch_size: int) -> None:
        import torch

        self.rank, self.batch_size, self.loading_s = rank, batch_size, 0.0
        self.weight = torch.zeros(3)
        self.steps = 0

    def step(self, *, synchronise: bool = True) -> Any:
        import torch

        time.sleep(LOADING_S)
        self.loading_s += LOADING_S
        time.sleep(WORK_S / self.rank.n_ranks)
        if synchronise and self.rank.n_ranks > 1:
            time.sleep(EXCHANGE_S)
        self.steps += 1
        self.weight += 1.0
        return torch.tensor(1.0 / self.steps / self.rank.n_ranks)

    def parameters(self) -> list[Any]:
        return [self.weight]

    def close(self) -> None:
        pass


WORK_S, LOADING_S, EXCHANGE_S = 0.2, 0.02, 0.06


class LadderSettings(Settings):
    batch_size: int = Field(default=8, ge=1, description="Items of a step.")
    doomed: int = Field(default=0, ge=0, description="A batch size that kills its last rank.")

    sizes: ClassVar[Mapping[str, Mapping[str, Any]]] = {"tiny": {}, "small": {}, "paper": {}}


class LadderWorkload:
    """Trains by sleeping."""

    name: ClassVar[str] = "ladder"
    version: ClassVar[int] = 1
    Settings: ClassVar[type[Settings]] = LadderSettings
    scaling_cases: ClassVar[Mapping[str, ScalingCase]] = {
        "short": ScalingCase({}, (8, 16)), "long": ScalingCase({}, (4,)),
    }  # fmt: skip
    item: ClassVar[str] = "nap"

    def run(self, run: Run, settings: LadderSettings) -> None:
        """Do nothing."""

    def prepare_training(self, run: Run, settings: LadderSettings) -> None:
        """Leave a file."""
        (run.folder / "bed").write_text("made")
        run.dataset("naps", version="1", sha256="0" * 64, synthetic=True)

    def trainer(self, rank: Rank, settings: LadderSettings) -> SleepingTrainer:
        """Return a trainer, unless the batch is doomed."""
        assert (rank.folder / "bed").read_text() == "made"
        if settings.batch_size == settings.doomed and rank.rank > 0:
            os.kill(os.getpid(), signal.SIGKILL)
        return SleepingTrainer(rank, settings.batch_size)


class UnlikeWorkload:
    """Does not keep the contract: its name is another, it has no settings."""

    name: ClassVar[str] = "another"
    version: ClassVar[str] = "one"
