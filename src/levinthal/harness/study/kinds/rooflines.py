"""The roofline study: a training's operations and bytes, by precision and number of threads, under measured peaks."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from pydantic import Field

from levinthal.errors import DataError, UsageError, from_line
from levinthal.files.writing import as_write_error
from levinthal.harness.contract.settings import Settings
from levinthal.harness.contract.trains import PREPARED, Prepared, Trains
from levinthal.harness.contract.workload import Workload
from levinthal.harness.engines.processes import child_environment
from levinthal.harness.results.grid import Axis, Drawing, Point, StudyPlan
from levinthal.harness.results.store import read_json, validated
from levinthal.harness.study.kept import Measured
from levinthal.harness.study.kind import Bench, Figure, GateValue, Ratio, Study
from levinthal.harness.study.roofline.measure import RooflineRecord, median_step_s
from levinthal.metrics.roofline import Dot, Operations, Roof, roofline_svg

_PROGRAM = "levinthal.harness.study.roofline.measure"
_DATA = "training-data"
_CASE, _PRECISION, _THREADS = "case", "precision", "threads"
_RATE, _SHARE = "arithmetic rate", "share of the roofline"
_MOST_OF_A_PEAK = 1.05
_SHORTEST = 2.25**2
"""By how much an algorithm with fewer multiplications divides those of the direct one at most (Winograd's)."""


class RooflineOptions(Settings):
    """What a roofline study varies."""

    cases: tuple[str, ...] = Field(default=(), description="Which problem sizes; all of the workload's by default.")
    precisions: tuple[str, ...] = Field(default=("fp32", "bf16"), min_length=1, description="fp32, bf16, auto.")
    threads: tuple[int, ...] = Field(default=(1,), min_length=1, description="Numbers of cores.")
    batch_size: int = Field(default=0, ge=0, description="Items of a step; 0 is the largest of each case.")
    seconds: float = Field(default=3.0, gt=0, description="How long the steps of a point are timed.")


class RooflineStudy(Study[RooflineRecord]):
    """How near a training comes to what the machine can do, and what bounds it."""

    Options = RooflineOptions
    Record = RooflineRecord
    options: RooflineOptions

    def __init__(self, workload: Workload, options: RooflineOptions) -> None:
        super().__init__(workload, options)
        if not isinstance(workload, Trains):
            raise UsageError(f"workload {workload.name!r} offers no training: see levinthal.harness.Trains")
        self.trains = workload
        for case in options.cases:
            if case not in workload.scaling_cases:
                known = ", ".join(workload.scaling_cases)
                raise UsageError(f"case {case!r} of {workload.name} is unknown: choose among {known}")
        if min(options.threads) < 1:
            raise UsageError("threads are numbers from 1 on")

    def plan(self) -> StudyPlan:
        """Return the axes case, precision and threads."""
        return StudyPlan(
            kind="rooflines",
            axes=(
                Axis(name=_CASE, values=self.options.cases or tuple(self.trains.scaling_cases)),
                Axis(name=_PRECISION, values=self.options.precisions),
                Axis(name=_THREADS, values=self.options.threads, counted="thread"),
            ),
            drawing=Drawing(
                title="Roofline", figures=(_RATE, _SHARE), shares=(_SHARE,), headline=(_RATE, _SHARE),
                lead="Training steps under the peaks that this machine was measured to have, with as many threads. "
                "Operations are those of the direct algorithm, bytes those of plain torch without a cache.",
            ),
        )  # fmt: skip

    def measure(self, bench: Bench, point: Point, file: Path) -> RooflineRecord:
        """Have a process of its own measure the point."""
        terms, case = bench.terms, str(point[_CASE])
        asked = {
            "workload": self.workload.name, "size": terms.size, "case": case,
            "settings": terms.settings.model_dump(mode="json"), "threads": int(point[_THREADS]),
            "batch_size": self.options.batch_size or max(self.trains.scaling_cases[case].batch_sizes),
            "precision": str(point[_PRECISION]), "device": terms.device, "seed": terms.seed,
            "seconds": self.options.seconds, "folder": str(terms.folder / _DATA / case),
        }  # fmt: skip
        environment = {**child_environment(), "OMP_NUM_THREADS": str(point[_THREADS])}
        log = file.with_suffix(".log")
        with bench.run.phase(bench.plan.words(point)), as_write_error(log), log.open("wb") as errors:
            done = subprocess.run(
                [sys.executable, "-m", _PROGRAM, json.dumps(asked), str(file)], env=environment, stderr=errors,
                stdout=subprocess.PIPE, stdin=subprocess.DEVNULL, text=True, check=False,
            )  # fmt: skip
        if not file.exists():
            for error in filter(None, map(from_line, done.stdout.splitlines())):
                raise error
            raise DataError(f"its process ended with status {done.returncode}: see the end of {log}")
        return validated(RooflineRecord, read_json(file), file)

    def figures(self) -> Sequence[Figure[RooflineRecord] | Ratio]:
        """Return rate, intensity, peaks and shares."""
        return (
            Figure(_RATE, "GFLOP/s", "higher", lambda _, record: _gflop_s(record)),
            Figure("arithmetic intensity", "flop/B", "higher", lambda _, record: _operations(record).intensity),
            Figure(_SHARE, "1", "higher", lambda _, record: _share(record)),
            Figure("share of the peak", "1", "higher", lambda _, r: r.peak_gflop_s and _gflop_s(r) / r.peak_gflop_s),
            Figure("measured peak", "GFLOP/s", "higher", lambda _, record: record.peak_gflop_s),
            Figure("measured copy rate", "GB/s", "higher", lambda _, record: record.copy_gb_s),
            Figure("training rate", f"{self.trains.item}/s", "higher", lambda _, r: r.items / median_step_s(r)),
            Figure("data loading", "1", "lower", lambda _, record: record.loading_share),
        )

    def samples(self, record: RooflineRecord) -> Mapping[str, tuple[Sequence[float], str]]:
        """Return the times of the blocks of steps."""
        return {"step time": (record.step_s, "s")}

    def gates(self, plan: StudyPlan, measured: Measured[RooflineRecord]) -> Iterable[GateValue]:
        """Yield that no training is faster than its peak, even by the shortest algorithm: then a peak is wrong."""
        del plan
        rates = [_gflop_s(r) / _SHORTEST / r.peak_gflop_s for r in measured.records.values() if r.peak_gflop_s]
        yield GateValue("largest rate over its measured peak", max(rates, default=None), at_most=_MOST_OF_A_PEAK)

    def conclude(self, bench: Bench, measured: Measured[RooflineRecord]) -> StudyPlan:
        """Name the data, draw the roofs, and say what bounds each training."""
        run = bench.run
        for case in dict.fromkeys(str(point[_CASE]) for point in measured.records):
            file = bench.terms.folder / _DATA / case / PREPARED
            data = validated(Prepared, read_json(file), file).dataset
            if data is not None:
                run.dataset(data.name, version=data.version, sha256=data.sha256, synthetic=data.synthetic)
        roofs: dict[str, Roof] = {}
        dots = []
        for point, record in measured.records.items():
            roof, intensity = _roof(record), _operations(record).intensity
            if roof is None:
                continue
            name = bench.plan.words(point.on(_PRECISION, _THREADS))
            roofs.setdefault(name, Roof(roof.gflop_s, roof.gb_s, name))
            dots.append(Dot(bench.plan.words(point), intensity, _gflop_s(record)))
            run.finding(
                f"{bench.plan.words(point)} ({record.execution}): {intensity:.3g} flop/B, bound by "
                f"{roof.bound(intensity)} (the ridge is at {roof.ridge:.3g}); {_gflop_s(record):.3g} of "
                f"{roof.attainable_gflop_s(intensity):.3g} GFLOP/s that are attainable."
            )
        if dots:
            run.artifact("roofline.svg", roofline_svg(list(roofs.values()), dots), "Roofline: what bounds a training.")
        return bench.plan


def _operations(record: RooflineRecord) -> Operations:
    return Operations(record.flops, record.moved_bytes)


def _gflop_s(record: RooflineRecord) -> float:
    return record.flops / median_step_s(record) / 1e9


def _roof(record: RooflineRecord) -> Roof | None:
    if record.peak_gflop_s is None or record.copy_gb_s is None:
        return None
    return Roof(record.peak_gflop_s, record.copy_gb_s)


def _share(record: RooflineRecord) -> float | None:
    roof = _roof(record)
    return None if roof is None else _gflop_s(record) / roof.attainable_gflop_s(_operations(record).intensity)


STUDY = RooflineStudy
