"""The sweep: a workload at each combination of some settings, and the best of those that passed their gates.

A point is a run of its own (`levinthal run` with these settings, in `points/`), with the gates of the workload: what
misses one has no figures and is never the best. A point that was cut off goes on by `levinthal resume`.
"""

from __future__ import annotations

import re
import statistics
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field

from levinthal.errors import DataError, UsageError
from levinthal.files.writing import as_write_error
from levinthal.harness.contract.settings import Settings, changed_words, make_settings
from levinthal.harness.contract.workload import MainFigure, Workload
from levinthal.harness.engines.processes import child_environment
from levinthal.harness.engines.ranks import shell_line
from levinthal.harness.results.grid import Axis, Drawing, Point, StudyPlan
from levinthal.harness.results.labels import Label, figures_of
from levinthal.harness.results.result import Metric, Result
from levinthal.harness.results.store import load_result
from levinthal.harness.study.kept import Measured
from levinthal.harness.study.kind import Bench, Figure, GateValue, Ratio, Study, Terms

_DURATION = "duration of the run"
_FIGURE = re.compile(r"(?P<name>[^\[\]]+)(?:\[(?P<labels>[^\[\]]+)\])?")


class SweepOptions(Settings):
    """What a sweep varies."""

    over: str = Field(
        description="KEY=V,V,... for a setting of the workload and its values; several by semicolons. The first value "
        "of each is what the others are compared with."
    )
    figures: str = Field(
        default="",
        description="Which figures are drawn, the first of them says what is best: NAME or NAME[LABEL=VALUE,...], by "
        "semicolons; by default the workload's main ones.",
    )


class SweptRun(BaseModel):
    """What a run said of its point: how long it took, how many gates it met, and its metrics."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)

    duration_s: float
    gates: int
    metrics: tuple[Metric, ...]


class SweepStudy(Study[SweptRun]):
    """A workload at each combination of some settings."""

    Options = SweepOptions
    Record = SweptRun
    options: SweepOptions

    def __init__(self, workload: Workload, options: SweepOptions) -> None:
        super().__init__(workload, options)
        self.swept = _swept(options.over, workload.Settings)
        asked = [_figure(text.strip()) for text in options.figures.split(";") if text.strip()]
        declared: Sequence[MainFigure] = getattr(workload, "main_figures", ())
        self.wanted: list[tuple[str, Mapping[str, Label]]] = asked or [
            (each, {}) if isinstance(each, str) else each for each in declared
        ]
        self._metrics: list[Metric] = []

    def plan(self) -> StudyPlan:
        """Return an axis for each setting; the first value is its baseline."""
        axes = tuple(Axis(name=key, values=values, baseline=values[0]) for key, values in self.swept.items())
        named = ("--figures", self.options.figures) if self.options.figures else ()
        return StudyPlan(
            kind="sweeps",
            axes=axes,
            command=("sweep",),
            arguments=(*(word for text in self.options.over.split(";") for word in ("--over", text.strip())), *named),
            drawing=Drawing(
                title="Sweep",
                lead=f"The workload {self.workload.name} at each combination of {' and '.join(self.swept)}. A run that "
                "missed a gate has no figures.",
                figures=tuple(dict.fromkeys(name for name, _ in self.wanted)),
            ),
        )

    def measure(self, bench: Bench, point: Point, file: Path) -> SweptRun:
        """Run the workload at a point, or go on with its run, and return what it reported."""
        folder = file.with_suffix("")
        with bench.run.phase(bench.plan.words(point)):
            result = _run(self._words(bench.terms, point, folder), folder)
        (repeat,) = result.repeats
        if repeat.verdict != "passed":
            missed = "; ".join(gate.words for gate in repeat.gates if not gate.passed)
            raise DataError(f"its run did not pass: {repeat.error or missed or 'see its folder'} ({folder})")
        return SweptRun(duration_s=repeat.duration_s or 0.0, gates=len(repeat.gates), metrics=repeat.metrics)

    def line(self, plan: StudyPlan, terms: Terms, point: Point, file: Path) -> str:
        """Return the run of a point."""
        del plan
        return shell_line(["levinthal", *self._words(terms, point, file.with_suffix(""))])

    def _words(self, terms: Terms, point: Point, folder: Path) -> list[str]:
        settings = make_settings(type(terms.settings), terms.size, {**terms.settings.model_dump(), **point})
        how = {"size": terms.size, "seed": terms.seed, "device": terms.device, "precision": terms.precision}
        words = [word for key, value in how.items() for word in (f"--{key}", str(value))]
        return ["run", self.workload.name, *words, *changed_words(settings, terms.size), "--out", str(folder)]

    def conclude(self, bench: Bench, measured: Measured[SweptRun]) -> StudyPlan:
        """Choose the figures that the runs have, name the data, and say which point is best."""
        first = next(iter(measured.records.values()))
        self._metrics = []
        for name, labels in self.wanted:
            found = figures_of(first.metrics, name, labels)
            if len(found) == 1:
                self._metrics += found
                if found[0].labels:
                    bench.run.note(f"{name} is that of {', '.join(f'{k} {v}' for k, v in found[0].labels.items())}.")
            else:
                what = f"is of {len(found)} things: name one as {name}[LABEL=VALUE]" if found else "was not reported"
                bench.run.note(f"The figure {name} {what}.")
        done = load_result(
            next(iter(bench.terms.folder.glob(f"points/{int(bench.run.folder.name):03d}-*/result.json")))
        )
        data = done.dataset
        bench.run.dataset(data.name, version=data.version, sha256=data.sha256, synthetic=data.synthetic)
        for metric in self._metrics[:1]:
            values = {point: _value(metric, record) for point, record in measured.records.items()}
            known = {point: value for point, value in values.items() if value is not None}
            if known:
                best = (max if metric.better == "higher" else min)(known, key=known.__getitem__)
                unit = "" if metric.unit == "1" else f" {metric.unit}"
                bench.run.finding(
                    f"The best {metric.name} is {known[best]:.4g}{unit}, at {bench.plan.words(best)}, among "
                    f"{len(known)} of {len(bench.plan.points())} points that passed their gates."
                )
        names = tuple(metric.name for metric in self._metrics) or (_DURATION,)
        drawing = bench.plan.drawing.model_copy(update={"figures": names, "headline": names[:1]})
        return bench.plan.model_copy(update={"drawing": drawing})

    def gates(self, plan: StudyPlan, measured: Measured[SweptRun]) -> Iterator[GateValue]:
        """Yield that every run has met gates: the figures of one without any say nothing."""
        del plan
        yield GateValue("runs that no gate held", float(sum(not r.gates for r in measured.records.values())), at_most=0)

    def figures(self) -> Sequence[Figure[SweptRun] | Ratio]:
        """Return the figures that were chosen, and how long a run took."""
        return (*(_figure_of(metric) for metric in self._metrics),
                Figure(_DURATION, "s", "lower", lambda _, record: record.duration_s))  # fmt: skip


def _figure_of(metric: Metric) -> Figure[SweptRun]:
    return Figure(metric.name, metric.unit, metric.better, lambda _, record: _value(metric, record), metric.kind)


def _value(metric: Metric, record: SweptRun) -> float | None:
    values = [each.value for each in record.metrics if each.key == metric.key and each.value is not None]
    return statistics.median(values) if values else None


def _run(words: Sequence[str], folder: Path) -> Result:
    """Do what is left of a run and return its result; errors as the run told them."""
    if not (folder / "result.json").exists():
        words = ["resume", str(folder)] if (folder / "plan.json").exists() else words
        with as_write_error(folder):
            folder.parent.mkdir(parents=True, exist_ok=True)
        log = folder.with_suffix(".log")
        with as_write_error(log), log.open("ab") as said:
            done = subprocess.run(
                [sys.executable, "-m", "levinthal", *words],
                stdin=subprocess.DEVNULL, stdout=said, stderr=subprocess.PIPE, text=True, check=False,
                env=child_environment(),
            )  # fmt: skip
        if done.returncode not in (0, 1):
            last = (done.stderr.strip().splitlines() or [f"it ended with status {done.returncode}"])[-1]
            raise (UsageError if done.returncode == 2 else DataError)(last.removeprefix("error: "))
    return load_result(folder)


def _swept(text: str, kind: type[Settings]) -> dict[str, tuple[Label, ...]]:
    swept: dict[str, tuple[Label, ...]] = {}
    for part in filter(None, map(str.strip, text.split(";"))):
        key, sign, values = part.partition("=")
        key = key.strip()
        if not sign or not values.strip():
            raise UsageError(f"--over {part!r} is not of the form KEY=V,V,...")
        if key in swept:
            raise UsageError(f"--over {key} is given twice: keep one")
        if key not in kind.model_fields:
            raise UsageError(f"--over {key}: the workload has no such setting: see levinthal settings")
        swept[key] = tuple(_label(value.strip()) for value in values.split(",") if value.strip())
        if len(set(swept[key])) < len(swept[key]):
            raise UsageError(f"--over {part}: a value is given twice: keep one")
    if not swept:
        raise UsageError("nothing is swept: give --over KEY=V,V,...")
    return swept


def _label(text: str) -> Label:
    for kind in (int, float):
        try:
            return kind(text)
        except ValueError:
            continue
    return text


def _figure(text: str) -> tuple[str, Mapping[str, Label]]:
    found = _FIGURE.fullmatch(text)
    if found is None:
        raise UsageError(f"--figures {text!r}: give NAME or NAME[LABEL=VALUE,...]")
    return found["name"].strip(), dict(_labels(found["labels"] or "", text))


def _labels(text: str, whole: str) -> Iterator[tuple[str, Label]]:
    for pair in filter(None, map(str.strip, text.split(","))):
        name, sign, value = pair.partition("=")
        if not sign:
            raise UsageError(f"--figures {whole!r}: {pair!r} is not LABEL=VALUE")
        yield name.strip(), _label(value.strip())


STUDY = SweepStudy
