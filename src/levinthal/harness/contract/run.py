"""What a workload is handed: its seed, device and folder, and where everything it measures goes."""

from __future__ import annotations

import hashlib
import math
import time
import zlib
from collections.abc import Iterable, Iterator, Mapping
from concurrent.futures import Executor
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np

from levinthal.errors import UsageError
from levinthal.files.writing import write_whole
from levinthal.harness.contract.seeds import low_bits, seed_of
from levinthal.harness.engines.contract import Engine
from levinthal.harness.engines.open import open_engine
from levinthal.harness.results.events import EventLog
from levinthal.harness.results.grid import StudyPlan
from levinthal.harness.results.labels import Key, Label, Labelled
from levinthal.harness.results.plan import KEPT_FOLDER
from levinthal.harness.results.result import (
    Artifact,
    Better,
    Comparison,
    Curve,
    Dataset,
    Gate,
    Kind,
    Metric,
    Phase,
    Repeat,
    Samples,
    Terms,
)
from levinthal.metrics.energy import EnergyMeter
from levinthal.metrics.process import process_tree_usage

if TYPE_CHECKING:
    from levinthal.metrics.description import Peaks

__all__ = ["OpenPhase", "Run"]

_PROGRESS_INTERVAL_S = 0.5

R = TypeVar("R", bound=Labelled)


@dataclass
class OpenPhase:
    """A phase that is under way.

    Attributes
    ----------
    items : int or None
        How many items (frames, steps, poses) the phase worked through; may be set until it ends.
    total : int or None
        How many units of work it will take, for the progress display.
    """

    name: str
    items: int | None
    total: int | None
    _run: Run
    _done: int = 0
    _shown_s: float = field(default=-math.inf)

    def advance(self, units: int = 1) -> None:
        """Say that more units of `total` are done; cheap enough for every step."""
        self._done += units
        now_s = time.perf_counter()
        if now_s - self._shown_s >= _PROGRESS_INTERVAL_S:
            self._shown_s = now_s
            self._run._event("progress", phase=self.name, done=self._done, total=self.total)


class Run:
    """One repeat, as its workload sees it.

    Attributes
    ----------
    seed : int
        The repeat's seed; take generators from `rng` and seeds for other libraries from `seed_for`.
    precision : str
        What was asked for: `auto`, `fp32` or `bf16`. Say what was used with `use_precision`.
    folder : Path
        A folder of the repeat's own, for whatever files the workload leaves.
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
        self.folder = folder
        self.seed = seed
        self.precision = precision
        self._events = events
        self._index = index
        self._device_asked = device
        self._device: str | None = None
        self._precision_used = "fp32" if precision == "auto" else precision
        self._implementation_used: str | None = None
        self._engine_name = engine
        self._engine: Engine | None = None
        self._executor: Executor | None = None
        self._meter = EnergyMeter()
        self._started_utc = datetime.now(UTC).isoformat(timespec="seconds")
        self._origin_s = time.perf_counter()
        self._phases: list[Phase] = []
        self._metrics: dict[Key, Metric] = {}
        self._samples: dict[Key, Samples] = {}
        self._curves: dict[Key, Curve] = {}
        self._gates: dict[Key, Gate] = {}
        self._comparisons: list[Comparison] = []
        self._artifacts: dict[str, Artifact] = {}
        self._dataset: Dataset | None = None
        self._notes: list[str] = []
        self._peaks: Peaks | None = None
        self._study: StudyPlan | None = None

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
        """The device to compute on, `cpu`, `cuda` or `cuda:N`; `auto` was resolved to what is there.

        Raises
        ------
        UsageError
            A device was asked for that this machine does not have.
        """
        if self._device is None:
            self._device = _resolve_device(self._device_asked)
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

    def peaks(self) -> Peaks:
        """Measure, once a repeat, what this machine can do at best (GEMM and copy rates); takes a few seconds."""
        if self._peaks is None:
            from levinthal.metrics.peaks import measure_peaks

            self._peaks = measure_peaks(self.device)
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
        self, name: str, *, items: int | None = None, total: int | None = None, lane: str = "main"
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

        Yields
        ------
        OpenPhase
        """
        opened = OpenPhase(name, items, total, self)
        self._event("phase_start", phase=name, lane=lane)
        self._synchronise()
        before = process_tree_usage()
        energy_before_j = self._meter.read_j()
        start_s = time.perf_counter()
        try:
            yield opened
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
                    start_s=start_s - self._origin_s,
                    duration_s=duration_s,
                    items=opened.items,
                    cpu_s=process_tree_usage().cpu_s - before.cpu_s,
                    energy_j=energy_j,
                    energy_reason=None if energy_j is not None else self._meter.reason or "the counter failed",
                )
            )

    def interval(self, name: str, *, lane: str, start_s: float, duration_s: float, items: int | None = None) -> None:
        """Record a phase that another process timed; `start_s` is on this process's `time.perf_counter` clock."""
        self._keep_phase(
            Phase(
                name=name,
                lane=lane,
                start_s=max(0.0, start_s - self._origin_s),
                duration_s=duration_s,
                items=items,
                energy_reason="counted on the main lane",
            )
        )

    def metric(
        self,
        name: str,
        value: float | None,
        *,
        unit: str,
        better: Better,
        kind: Kind = "speed",
        reason: str | None = None,
        labels: Mapping[str, Label] | None = None,
    ) -> None:
        """Record a figure.

        Parameters
        ----------
        name : str
            The property measured; once a repeat, or once for each set of labels.
        value : float or None
            What was measured; null, with a `reason`, where it was not.
        unit : str
            For example `frame/s`; `1` for a pure number.
        better : {"higher", "lower"}
            Which direction is an improvement.
        kind : {"speed", "quality"}
            A repeat that misses a gate reports no speed.
        reason : str, optional
            Why there is no value.
        labels : mapping of str to str, int or float, optional
            What it is of, where there is more than one: `{"policy": "dbscan"}`. Never part of the name: by name and
            labels results are compared and tables made.
        """
        number = None if value is None else float(value)
        if number is not None and not math.isfinite(number):
            number, reason = None, reason or f"the value was {number}"
        why = None if number is not None else reason
        metric = Metric(name=name, labels=labels or {}, value=number, unit=unit, better=better, kind=kind, reason=why)
        self._keep(metric, self._metrics)
        self._event("metric", **metric.model_dump(exclude={"withheld"}))

    def samples(
        self, name: str, values: Iterable[float], *, unit: str, labels: Mapping[str, Label] | None = None
    ) -> None:
        """Keep raw numbers, in the order they were measured; labels as for `metric`, what is drawn as for `curve`."""
        if name.startswith("curve/"):
            raise UsageError(f"samples {name!r} are drawn no longer: record the line with run.curve")
        samples = Samples(name=name, labels=labels or {}, unit=unit, values=_numbers(values))
        self._keep(samples, self._samples)
        self._event("samples", name=name, labels=samples.labels, unit=unit, n=len(samples.values))

    def curve(
        self,
        name: str,
        x: Iterable[float],
        y: Iterable[float],
        *,
        x_name: str,
        x_unit: str,
        unit: str,
        labels: Mapping[str, Label] | None = None,
    ) -> None:
        """Keep a line that the report draws; those of one name share a chart.

        Parameters
        ----------
        name : str
            What y is, for example `loss`.
        x, y : iterable of float
            As many of one as of the other; where one is not finite the line has a gap.
        x_name : str
            What x is, for example `training steps`.
        x_unit, unit : str
            Of x and of y; `1` for a pure number.
        labels : mapping of str to str, int or float, optional
            What tells the line from others of the chart, for example `{"split": "validation"}`.
        """
        curve = Curve(
            name=name,
            labels=labels or {},
            x=_numbers(x),
            y=_numbers(y),
            x_name=x_name,
            x_unit=x_unit,
            unit=unit,
        )
        self._keep(curve, self._curves)
        self._event("curve", name=name, labels=curve.labels, unit=unit, n=len(curve.y))

    def gate(
        self,
        name: str,
        value: float | None,
        *,
        at_most: float | None = None,
        at_least: float | None = None,
        labels: Mapping[str, Label] | None = None,
    ) -> bool:
        """Check a condition of correctness and return whether it holds.

        Give exactly one of `at_most` and `at_least`. A value that is null or not finite never passes. Labels as for
        `metric`.
        """
        number = None if value is None or not math.isfinite(value) else float(value)
        limit = at_most if at_most is not None else at_least
        if limit is None or (at_most is not None and at_least is not None):
            raise ValueError(f"gate {name!r} needs exactly one of at_most and at_least")
        passed = number is not None and (number <= limit if at_most is not None else number >= limit)
        gate = Gate(name=name, labels=labels or {}, value=number, at_most=at_most, at_least=at_least, passed=passed)
        self._keep(gate, self._gates)
        self._event("gate", **gate.model_dump())
        return passed

    def comparison(
        self,
        name: str,
        *,
        candidate: str,
        baseline: str,
        terms: Terms | str,
        value: float | None,
        interval: tuple[float, float] | None,
        n: int,
        verdict: str,
        method: str = "",
        reason: str | None = None,
        labels: Mapping[str, Label] | None = None,
    ) -> None:
        """Record how two methods that the repeat ran on equal terms compare; see `harness.results.figures.Comparison`.

        Terms may be a text such as `60 core-seconds each`. A repeat that misses a gate reports none.
        """
        number = None if value is None or not math.isfinite(value) else float(value)
        low, high = (None, None) if interval is None or not all(map(math.isfinite, interval)) else map(float, interval)
        comparison = Comparison(
            name=name,
            labels=labels or {},
            candidate=candidate,
            baseline=baseline,
            terms=Terms.parse(terms) if isinstance(terms, str) else terms,
            value=number,
            low=low,
            high=high,
            n=n,
            verdict=verdict,
            method=method,
            reason=None if number is not None else reason or "it has no finite value",
        )
        self._comparisons.append(comparison)
        self._event("comparison", **comparison.model_dump())

    def artifact(self, name: str, content: str | bytes, caption: str = "") -> Path:
        """Leave a file in the run's folder; SVG and PNG files are shown in the report under their caption."""
        if name in self._artifacts:
            raise ValueError(f"artifact {name!r} was recorded twice in one repeat")
        if Path(name).name != name or name.startswith("."):
            raise ValueError(f"artifact {name!r} must be a plain file name")
        data = content.encode() if isinstance(content, str) else content
        path = self.folder / name
        write_whole(path, data)
        self._artifacts[name] = Artifact(
            name=name,
            path=f"{self.folder.parent.name}/{self.folder.name}/{name}",
            caption=caption,
            sha256=hashlib.sha256(data).hexdigest(),
        )
        self._event("artifact", name=name)
        return path

    def dataset(self, name: str, *, version: str, sha256: str | None, synthetic: bool) -> None:
        """Say which data the repeat used; `synthetic` when the project made them."""
        self._dataset = Dataset(name=name, version=version, sha256=sha256, synthetic=synthetic)
        self._event("dataset", **self._dataset.model_dump())

    def study(self, plan: StudyPlan) -> None:
        """Say that figures with the labels of the plan's points are those of a study, and how it is drawn."""
        self._study = plan

    def note(self, sentence: str) -> None:
        """Say something that whoever reads the figures must know; shown in the terminal and in the report."""
        self._notes.append(sentence)
        self._event("note", sentence=sentence)

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
            metrics = _hide_speed(metrics, f"gate missed: {', '.join(missed)}" if missed else "the repeat failed")
        return Repeat(
            index=self._index,
            seed=self.seed,
            started_utc=self._started_utc,
            duration_s=time.perf_counter() - self._origin_s,
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
            dataset=self._dataset,
            notes=tuple(self._notes),
            peaks=self._peaks,
            study=self._study,
            error=error,
            verdict="passed" if passed else "failed",
        )

    def close(self) -> None:
        """Shut the executor down; tasks that have not begun are dropped."""
        if self._engine is not None:
            if self._executor is not None:
                self._executor.shutdown(wait=True, cancel_futures=True)
            self._engine.close()
            self._executor = self._engine = None

    def _keep_phase(self, phase: Phase) -> None:
        self._phases.append(phase)
        fields = phase.model_dump()
        self._event("phase_stop", phase=fields.pop("name"), **fields)

    def _event(self, event: str, **fields: Any) -> None:
        self._events.append(event, repeat=self._index, **fields)

    def _synchronise(self) -> None:
        if self._device is not None and self._device.startswith("cuda"):
            import torch

            torch.cuda.synchronize(self._device)

    @staticmethod
    def _keep(record: R, kept: dict[Key, R]) -> None:
        if record.key in kept:
            raise ValueError(f"{type(record).__name__.lower()} {str(record)!r} was recorded twice in one repeat")
        kept[record.key] = record


def _numbers(values: Iterable[float]) -> tuple[float | None, ...]:
    numbers = np.asarray(list(values), np.float64).ravel()
    return tuple(float(value) if math.isfinite(value) else None for value in numbers)


def _hide_speed(metrics: tuple[Metric, ...], why: str) -> tuple[Metric, ...]:
    """Withhold the value of each speed metric: a speed that missed its gate is not a speed."""
    return tuple(
        metric.model_copy(update={"value": None, "withheld": metric.value, "reason": why})
        if metric.kind == "speed" and metric.value is not None
        else metric
        for metric in metrics
    )


def _resolve_device(asked: str) -> str:
    if asked == "cpu":
        return asked
    import torch

    if asked == "auto":
        return "cuda" if torch.cuda.is_available() else "cpu"
    kind, _, number = asked.partition(":")
    if kind != "cuda" or (number and not number.isdigit()):
        raise UsageError(f"device {asked!r} is unknown: use auto, cpu, cuda or cuda:N")
    count = torch.cuda.device_count() if torch.cuda.is_available() else 0
    if count == 0:
        raise UsageError(f"device {asked!r}: torch {torch.__version__} sees no GPU here: use --device cpu")
    if number and int(number) >= count:
        raise UsageError(f"device {asked!r}: torch sees {count} GPU(s), the last is cuda:{count - 1}")
    return asked
