"""What a workload is handed: its seed, device, executors and folder, a clock for phases, and all of `Recording`."""

from __future__ import annotations

import math
import time
import zlib
from collections.abc import Callable, Iterator
from concurrent.futures import Executor
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from levinthal.harness.contract.device import resolve_device
from levinthal.harness.contract.recording import Recording, hide_speed
from levinthal.harness.contract.seeds import low_bits, seed_of
from levinthal.harness.engines.contract import Engine
from levinthal.harness.engines.open import open_engine
from levinthal.harness.results.events import EventLog
from levinthal.harness.results.plan import KEPT_FOLDER
from levinthal.harness.results.result import (
    Phase,
    Repeat,
)
from levinthal.metrics.energy import EnergyMeter
from levinthal.metrics.process import process_tree_usage

if TYPE_CHECKING:
    from levinthal.metrics.description import Peaks

_PROGRESS_INTERVAL_S = 0.5


@dataclass
class OpenPhase:
    """A phase that is under way.

    Attributes
    ----------
    items : int or None
        How many items (frames, steps, poses) the phase worked through; may be set until it ends.
    total : int or None
        How many units of work it will take, for the progress display.
    doing : str
        What it is doing, in words, for the progress display; changed by `say`.
    """

    name: str
    items: int | None
    total: int | None
    doing: str
    _run: Run
    _done: int = 0
    _shown_s: float = field(default=-math.inf)

    def advance(self, units: int = 1) -> None:
        """Say that more units of `total` are done; cheap enough for every step."""
        self._done += units
        now_s = time.perf_counter()
        if now_s - self._shown_s >= _PROGRESS_INTERVAL_S:
            self._shown_s = now_s
            self._show()

    def say(self, doing: str) -> None:
        """Say what it is doing now."""
        self.doing = doing
        self._show()

    def _show(self) -> None:
        self._run._event("progress", phase=self.name, done=self._done, total=self.total, doing=self.doing)


class Run(Recording):
    """One repeat, as its workload sees it.

    Attributes
    ----------
    seed : int
        The repeat's seed; take generators from `rng` and seeds for other libraries from `seed_for`.
    precision : str
        What was asked for: `auto`, `fp32` or `bf16`. Say what was used with `use_precision`.
    folder : Path
        A folder of the repeat's own, for whatever files the workload leaves.
    origin_s : float
        When the repeat began, on the clock of `time.perf_counter`.
    around_phase : callable
        For the harness: takes the name of a phase and returns the context that it runs in.

    Examples
    --------
    A workload's own test hands it a run and looks at what it recorded:

    >>> from pathlib import Path
    >>> from levinthal.harness import Run
    >>> from levinthal.harness.results.events import EventLog
    >>> run = Run(folder=Path("repeat"), events=EventLog(Path("events.jsonl")), seed=3)
    >>> with run.phase("add", items=1000):
    ...     total = sum(range(1000))
    >>> run.gate("error of the sum", abs(total - 499500), at_most=0)
    True
    >>> run.metric("additions", 1000 / run.duration_s("add"), unit="1/s", better="higher")
    >>> run.record().verdict
    'passed'
    """

    def __init__(
        self,
        *,
        folder: Path,
        events: EventLog,
        index: int = 0,
        seed: int = 0,
        device: str = "auto",
        precision: str = "auto",
        engine: str = "local",
    ) -> None:
        super().__init__(folder=folder, events=events, index=index)
        self.seed = seed
        self.precision = precision
        self._device_asked = device
        self._device: str | None = None
        self._precision_used = "fp32" if precision == "auto" else precision
        self._implementation_used: str | None = None
        self._engine_name = engine
        self._engine: Engine | None = None
        self._executor: Executor | None = None
        self._meter = EnergyMeter()
        self._meter.keep_up()
        self._started_utc = datetime.now(UTC).isoformat(timespec="milliseconds")
        self.origin_s = time.perf_counter()
        self.around_phase: Callable[[str], AbstractContextManager[object]] = lambda _: nullcontext()
        self._phases: list[Phase] = []
        self._peaks: Peaks | None = None

    # -- what the workload is given

    def seed_for(self, name: str, *, bits: int = 63) -> int:
        """Return a seed of at most 63 bits that depends on the repeat's seed and on `name` alone.

        Parameters
        ----------
        name : str
            What it is for.
        bits : int
            How many bits: libraries that take a signed 32-bit seed want 31.
        """
        return low_bits(seed_of(self.seed, zlib.crc32(name.encode())), bits)

    def rng(self, name: str) -> np.random.Generator:
        """Return a random generator of its own for each use, so that one use never shifts another's numbers."""
        return np.random.default_rng(self.seed_for(name))

    @property
    def device(self) -> str:
        """The device to compute on, `cpu` or `cuda` with or without a number; `auto` was resolved to what is there.

        Raises
        ------
        UsageError
            A device was asked for that this machine does not have.
        """
        if self._device is None:
            self._device = resolve_device(self._device_asked)
        return self._device

    def _open_engine(self) -> Engine:
        if self._engine is None:
            self._engine = open_engine(self._engine_name, self.folder)
        return self._engine

    @property
    def executor(self) -> Executor:
        """Where tasks run beside the coordinator: made at the first use, shut down when the repeat ends."""
        if self._executor is None:
            self._executor = self.new_executor()
        return self._executor

    def new_executor(self) -> Executor:
        """Return another executor on the same workers, on fresh ones where those broke; it is the caller's to end.

        Ending it leaves the workers, which are warm, to the next.
        """
        return self._open_engine().executor()

    def new_training_executor(self) -> Executor:
        """Return an executor for what trains beside the workers, one task at a time; it is the caller's to end.

        Ending it without waiting ends a training under way, where the engine can.
        """
        return self._open_engine().training_executor()

    @property
    def n_workers(self) -> int:
        """How many tasks `executor` runs at a time."""
        return self._open_engine().n_workers

    @property
    def kept(self) -> Path:
        """A folder for what a long repeat can go on from: after a kill and `levinthal resume` it is as it was left."""
        folder = self.folder / KEPT_FOLDER
        folder.mkdir(parents=True, exist_ok=True)
        return folder

    def peaks(self, *, again: bool = False) -> Peaks:
        """Measure, once a repeat, what this machine can do at best (GEMM and copy rates); takes a few seconds.

        Parameters
        ----------
        again : bool
            Measure once more and keep the better of each figure: something held the machine the first time.
        """
        if self._peaks is None or again:
            from levinthal.metrics.peaks import better_peaks, measure_peaks

            found = measure_peaks(self.device)
            self._peaks = found if self._peaks is None else better_peaks(self._peaks, found)
        return self._peaks

    def duration_s(self, name: str, lane: str = "main") -> float:
        """Return how long the phases of that name on a lane took, together.

        Raises
        ------
        KeyError
            No phase of that name has ended.
        """
        durations = [phase.duration_s for phase in self._phases if (phase.name, phase.lane) == (name, lane)]
        if not durations:
            raise KeyError(name)
        return sum(durations)

    # -- what the workload reports

    @contextmanager
    def phase(
        self, name: str, *, items: int | None = None, total: int | None = None, lane: str = "main", doing: str = ""
    ) -> Iterator[OpenPhase]:
        """Time a named part of the repeat, with the device synchronised at both ends.

        Parameters
        ----------
        name : str
            For example `simulate`, `train`.
        items : int, optional
            How many items it works through, where that is known beforehand.
        total : int, optional
            Units of work for the progress display; call `advance` on the phase as they are done.
        lane : str
            The worker or device it runs on; phases on different lanes may overlap.
        doing : str
            What it is doing, in words, for whoever waits: `measuring the machine`.

        Yields
        ------
        OpenPhase
        """
        opened = OpenPhase(name, items, total, doing, self)
        self._event("phase_start", phase=name, lane=lane, doing=doing)
        self._synchronise()
        before = process_tree_usage()
        energy_before_j = self._meter.read_j()
        start_s = time.perf_counter()
        failed = True
        try:
            with self.around_phase(name):
                yield opened
            failed = False
        finally:
            self._synchronise()
            duration_s = time.perf_counter() - start_s
            energy_after_j = self._meter.read_j()
            energy_j = None
            if energy_before_j is not None and energy_after_j is not None:
                energy_j = energy_after_j - energy_before_j
            self._keep_phase(
                Phase(
                    name=name,
                    lane=lane,
                    start_s=start_s - self.origin_s,
                    duration_s=duration_s,
                    items=opened.items,
                    cpu_s=process_tree_usage().cpu_s - before.cpu_s,
                    energy_j=energy_j,
                    energy_reason=None if energy_j is not None else self._meter.reason or "the counter failed",
                ),
                failed=failed,
            )

    def interval(self, name: str, *, lane: str, start_s: float, duration_s: float, items: int | None = None) -> None:
        """Record a phase that another process timed; `start_s` is on this process's `time.perf_counter` clock."""
        self._keep_phase(
            Phase(
                name=name,
                lane=lane,
                start_s=max(0.0, start_s - self.origin_s),
                duration_s=duration_s,
                items=items,
                energy_reason="counted on the main lane",
            )
        )

    def use_precision(self, precision: str) -> None:
        """Say which precision was used, where `auto` was asked for."""
        self._precision_used = precision

    def use_implementation(self, implementation: str) -> None:
        """Say what computed: `kernels` for compiled loops, `torch` for plain numpy and torch, or another word."""
        self._implementation_used = implementation

    # -- for the harness

    def record(self, error: str | None = None) -> Repeat:
        """Return what is known of the repeat; with an `error`, or a gate missed, its verdict is `failed`."""
        missed = [str(gate) for gate in self._gates.values() if not gate.passed]
        passed = error is None and not missed
        metrics = tuple(self._metrics.values())
        if not passed:
            metrics = hide_speed(metrics, f"gate missed: {', '.join(missed)}" if missed else "the repeat failed")
        return Repeat(
            index=self._index,
            seed=self.seed,
            started_utc=self._started_utc,
            duration_s=time.perf_counter() - self.origin_s,
            device=self._device or self._device_asked,
            precision=self._precision_used,
            implementation=self._implementation_used,
            phases=tuple(sorted(self._phases, key=lambda phase: phase.start_s)),
            metrics=metrics,
            samples=tuple(self._samples.values()),
            curves=tuple(self._curves.values()),
            gates=tuple(self._gates.values()),
            comparisons=tuple(self._comparisons) if passed else (),
            artifacts=tuple(self._artifacts.values()),
            scenes=tuple(self._scenes),
            dataset=self._dataset,
            warnings=tuple(self._warnings),
            estimates=tuple(self._estimates),
            findings=tuple(self._findings),
            notes=tuple(self._notes),
            peaks=self._peaks,
            study=self._study,
            error=error,
            verdict="passed" if passed else "failed",
        )

    def close(self) -> None:
        """Shut the executor down; tasks that have not begun are dropped."""
        if self._engine is not None:
            with self.phase("close", doing="ending the workers"):
                if self._executor is not None:
                    self._executor.shutdown(wait=True, cancel_futures=True)
                self._engine.close()
                self._executor = self._engine = None
        self._meter.close()

    def _keep_phase(self, phase: Phase, *, failed: bool = False) -> None:
        self._phases.append(phase)
        fields = {**phase.model_dump(), **({"failed": True} if failed else {})}
        self._event("phase_stop", phase=fields.pop("name"), **fields)

    def _synchronise(self) -> None:
        if self._device is not None and self._device.startswith("cuda"):
            import torch

            torch.cuda.synchronize(self._device)
