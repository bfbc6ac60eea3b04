"""The scaling study: the same training on more and more ranks, and what each of them is worth.

A study is a run whose repeats each measure every point (case, batch size, number of ranks) once; a point is a torchrun
of its own. Speed-up and efficiency are ratios of points of the same repeat, minutes apart on the same machine. Points
that a kill left whole are not measured again.
"""

from __future__ import annotations

import hashlib
import statistics
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from levinthal.errors import DataError, LevinthalError, UsageError
from levinthal.harness.contract.run import Run
from levinthal.harness.contract.settings import Settings, make_settings
from levinthal.harness.contract.trains import PREPARED, Prepared, Trains
from levinthal.harness.contract.workload import Workload
from levinthal.harness.engines.ranks import end_ranks, shell_line, start_ranks, torchrun_command
from levinthal.harness.results.figures import Better
from levinthal.harness.results.scaling_points import (
    COMMUNICATION,
    COMPUTE,
    EFFICIENCY,
    EPOCH_TIME,
    FIGURES,
    LOADING,
    RATE,
    SPEED_UP,
    Point,
    PointRecord,
    Scaling,
)
from levinthal.harness.results.store import read_json, validated

__all__ = ["LOSS_TOLERANCE", "ScalingStudy", "plan_scaling", "study_commands"]

LOSS_TOLERANCE = 0.02
"""Largest relative difference between the first losses of a point and of its case's fewest ranks at the same batch."""

_PROGRAM = "levinthal.harness.scaling.rank"
_POINTS, _DATA = "points", "training-data"


def plan_scaling(
    workload: Workload,
    *,
    world_sizes: str,
    batch_sizes: Sequence[str] = (),
    cases: Sequence[str] = (),
    mode: str = "strong",
    nodes: int = 1,
    seconds: float = 5.0,
) -> Scaling:
    """Check what was asked for against what the workload offers.

    Parameters
    ----------
    workload : Workload
    world_sizes : str
        Numbers of ranks, separated by commas.
    batch_sizes : sequence of str
        Each `N,N,...` for every case, or `CASE=N,N,...` for one; what is not named has the workload's own.
    cases : sequence of str
        Which of the workload's cases; all by default.
    mode, nodes, seconds
        See `Scaling`.

    Raises
    ------
    UsageError
        The workload's training cannot be spread over ranks, or a value is out of range.
    """
    if not isinstance(workload, Trains):
        raise UsageError(
            f"the training of workload {workload.name!r} cannot be spread over ranks: it does not offer "
            "levinthal.harness.Trains"
        )
    known = workload.scaling_cases
    for case in cases:
        if case not in known:
            raise UsageError(f"case {case!r} of {workload.name} is unknown: choose among {', '.join(known)}")
    chosen = {case: tuple(known[case].batch_sizes) for case in (cases or known)}
    for text in batch_sizes:
        case, sign, numbers = text.rpartition("=")
        if sign and case not in chosen:
            raise UsageError(f"--batch-sizes {text}: case {case!r} is not measured: choose among {', '.join(chosen)}")
        for each in [case] if sign else chosen:
            chosen[each] = tuple(_numbers(numbers, "--batch-sizes"))
    if mode not in ("strong", "weak"):
        raise UsageError(f"mode {mode!r} is unknown: choose strong (a batch is shared) or weak (each rank has its own)")
    numbers_of_ranks = _numbers(world_sizes, "--world-sizes")
    if nodes < 1 or seconds <= 0:
        raise UsageError("--nodes must be at least 1 and --seconds positive")
    if nodes > 1 and (uneven := [n for n in numbers_of_ranks if n >= nodes and n % nodes]):
        raise UsageError(f"{uneven[0]} ranks cannot be dealt out evenly to {nodes} nodes: choose multiples")
    return Scaling(
        mode=mode,
        world_sizes=tuple(sorted(set(numbers_of_ranks))),
        batch_sizes=chosen,
        nodes=nodes,
        seconds=seconds,
    )


def _numbers(text: str, what: str) -> list[int]:
    parts = [part.strip() for part in text.split(",") if part.strip()]
    if not parts or not all(part.isdigit() and int(part) > 0 for part in parts):
        raise UsageError(f"{what} {text!r}: give whole numbers from 1 on, separated by commas")
    return [int(part) for part in parts]


def _assignments_of(settings: Settings, size: str) -> dict[str, str]:
    """Return the settings that differ from the preset of a size, as they would be typed after `--set`."""
    preset = make_settings(type(settings), size).model_dump(mode="json")
    return {
        key: ",".join(map(str, value)) if isinstance(value, list) else str(value)
        for key, value in settings.model_dump(mode="json").items()
        if value != preset[key]
    }


def _arguments_of(
    point: Point, name: str, size: str, settings: Settings, *, folder: Path, out: Path, **options: object
) -> list[str]:
    """Return the arguments of the program that each rank of a point runs."""
    words = ["--workload", name, "--size", size]
    for key, value in _assignments_of(settings, size).items():
        words += ["--set", f"{key}={value}"]
    words += ["--case", point.case, "--batch-size", str(point.global_batch_size)]
    for option, given in {**options, "folder": folder / _DATA / point.case, "out": out}.items():
        words += [f"--{option}", str(given)]
    return words


def study_commands(
    workload: Workload,
    scaling: Scaling,
    size: str,
    settings: Settings,
    folder: Path,
    *,
    repeats: int,
    seed: int,
    device: str,
    precision: str,
) -> Iterator[str]:
    """Yield the line of each point of each repeat, in the order they would be measured."""
    for index in range(repeats):
        for point in scaling.points():
            arguments = _arguments_of(
                point, workload.name, size, settings, folder=folder, out=_record_file(folder, index, point),
                seed=seed + index, device=device, precision=precision, seconds=scaling.seconds,
            )  # fmt: skip
            yield _command_of(scaling, point, arguments)


def _record_file(folder: Path, index: int, point: Point) -> Path:
    return folder / _POINTS / f"{index:03d}-{point.stem}.json"


def _command_of(scaling: Scaling, point: Point, arguments: Sequence[str]) -> str:
    """Return the line that measures a point by hand."""
    return shell_line(torchrun_command(point.n_ranks, _PROGRAM, arguments, _nodes_of(scaling, point)))


def _nodes_of(scaling: Scaling, point: Point) -> int:
    return scaling.nodes if point.n_ranks >= scaling.nodes else 1


class ScalingStudy:
    """A workload's scaling study, which the harness runs as it runs the workload itself.

    Parameters
    ----------
    workload : Workload
        One that offers `Trains`.
    scaling : Scaling
    size : str
        The size its settings come from.
    """

    def __init__(self, workload: Workload, scaling: Scaling, size: str) -> None:
        self.workload, self.scaling, self.size = workload, scaling, size

    def run(self, run: Run, settings: Any) -> None:
        """Measure every point once.

        Parameters
        ----------
        run : Run
        settings : Settings
            The workload's; a case changes some of them.

        Raises
        ------
        DataError
            No point could be measured; the reason is that of the first.
        """
        records: dict[Point, PointRecord] = {}
        failures: dict[Point, str] = {}
        for point in self.scaling.points():
            try:
                records[point] = self._measure(run, settings, point)
            except LevinthalError as error:
                failures[point] = str(error)
                run.note(f"{point.label}: {error}")
        if not records:
            raise DataError(next(iter(failures.values())))
        self._name_data(run, records)
        for point in self.scaling.points():
            if point in records:
                self._tell(run, point, records)
            else:
                for figure in FIGURES:
                    self._metric(run, figure, point, None, failures[point])
        self._gates(run, records)
        for note in self._notes(records):
            run.note(note)

    # -- measuring

    def _measure(self, run: Run, settings: Any, point: Point) -> PointRecord:
        assert isinstance(self.workload, Trains)
        folder = run.folder.parent.parent
        out = _record_file(folder, int(run.folder.name), point)
        if not out.exists():
            out.parent.mkdir(exist_ok=True)
            device = run.device.partition(":")[0]
            arguments = _arguments_of(
                point, self.workload.name, self.size, settings, folder=folder, out=out,
                seed=run.seed, device=device, precision=run.precision, seconds=self.scaling.seconds,
            )  # fmt: skip
            # the first point of a case prepares its data
            with run.phase(f"{point.case}, {point.n_ranks} ranks"):
                self._launch(point, arguments, out)
        return validated(PointRecord, read_json(out), out)

    def _launch(self, point: Point, arguments: Sequence[str], out: Path) -> None:
        said = out.with_suffix(".error")
        said.unlink(missing_ok=True)
        log_file = out.with_suffix(".log")
        with log_file.open("wb") as log:
            launcher = start_ranks(point.n_ranks, _PROGRAM, arguments, n_nodes=_nodes_of(self.scaling, point), log=log)
            try:
                launcher.communicate()
            finally:
                end_ranks(launcher)
        if not out.exists():
            with suppress(OSError):
                raise DataError(said.read_text(encoding="utf-8"))
            raise DataError(f"its ranks ended with status {launcher.returncode}: see the end of {log_file}")

    # -- telling

    def _name_data(self, run: Run, records: Mapping[Point, PointRecord]) -> None:
        prepared = {}
        for case in dict.fromkeys(point.case for point in records):
            file = run.folder.parent.parent / _DATA / case / PREPARED
            prepared[case] = validated(Prepared, read_json(file), file)
        for note in dict.fromkeys(note for each in prepared.values() for note in each.notes):
            run.note(note)
        datasets = {case: each.dataset for case, each in prepared.items() if each.dataset is not None}
        if not datasets:
            return
        first, *others = datasets.values()
        whole = hashlib.sha256("".join(str(each.sha256) for each in datasets.values()).encode()).hexdigest()
        run.dataset(
            "; ".join(f"{case}: {each.name}" for case, each in datasets.items()),
            version=first.version,
            sha256=first.sha256 if not others else whole,
            synthetic=any(each.synthetic for each in datasets.values()),
        )

    def _tell(self, run: Run, point: Point, records: Mapping[Point, PointRecord]) -> None:
        record = records[point]
        step_s = statistics.median(record.step_s)
        rate = point.global_batch_size / step_s
        communication = 0.0
        if record.lone_step_s:
            # below zero it is noise
            communication = max(0.0, 1.0 - statistics.median(record.lone_step_s) / step_s)
        loading = min(record.loading_share, 1.0 - communication)
        self._metric(run, EPOCH_TIME, point, record.n_items / rate)
        self._metric(run, RATE, point, rate)
        self._metric(run, COMMUNICATION, point, communication)
        self._metric(run, LOADING, point, loading)
        self._metric(run, COMPUTE, point, 1.0 - communication - loading)
        base = self._base_of(point)
        why = f"the baseline ({base.label}) was not measured"
        speed_up = None
        if base in records:
            speed_up = rate * statistics.median(records[base].step_s) / base.global_batch_size
        self._metric(run, SPEED_UP, point, speed_up, why)
        self._metric(run, EFFICIENCY, point, None if speed_up is None else speed_up * base.n_ranks / point.n_ranks, why)
        run.samples("step time", record.step_s, unit="s", labels=point.labels)

    def _base_of(self, point: Point) -> Point:
        return point._replace(n_ranks=self.scaling.world_sizes[0])

    def _metric(self, run: Run, figure: str, point: Point, value: float | None, reason: str | None = None) -> None:
        assert isinstance(self.workload, Trains)
        unit = {EPOCH_TIME: "s", RATE: f"{self.workload.item}/s"}.get(figure, "1")
        lower = figure in (EPOCH_TIME, COMMUNICATION, LOADING)
        better: Better = "lower" if lower else "higher"
        run.metric(figure, value, unit=unit, better=better, reason=reason, labels=point.labels)

    def _gates(self, run: Run, records: Mapping[Point, PointRecord]) -> None:
        """Ranks that disagree, or that do not learn what one learns, have no speed."""
        losses = [loss for record in records.values() for loss in record.first_losses]
        run.gate("losses that are not finite", float(sum(loss is None for loss in losses)), at_most=0.0)
        spreads = [record.parameter_spread for record in records.values()]
        spread = None if any(each is None for each in spreads) else max(each or 0.0 for each in spreads)
        run.gate("largest difference of a parameter between ranks", spread, at_most=0.0)
        if self.scaling.mode == "weak":
            return
        differences = [
            abs(mine - theirs) / abs(theirs)
            for point, record in records.items()
            if (base := records.get(self._base_of(point))) is not None
            for mine, theirs in zip(record.first_losses, base.first_losses, strict=False)
            if mine is not None and theirs
        ]
        if differences:
            run.gate(
                "relative difference of the first losses from the baseline", max(differences), at_most=LOSS_TOLERANCE
            )

    def _notes(self, records: Mapping[Point, PointRecord]) -> Iterator[str]:
        crowded = {point.n_ranks: record.ranks_per_core for point, record in records.items()}
        for n_ranks, sharing in crowded.items():
            if sharing > 1:
                yield f"{n_ranks} ranks had {-(-n_ranks // sharing)} cores: their efficiency is bounded by that."
        for case in dict.fromkeys(point.case for point in records):
            mine = [record for point, record in records.items() if point.case == case]
            how = ", ".join(dict.fromkeys(f"{record.execution} on {record.device}" for record in mine))
            yield (
                f"{case}: {how}; the time per epoch is that of a step times the steps of {mine[0].n_items:,} "
                f"{self.workload.item}s."  # type: ignore[attr-defined]
            )
