"""A study, carried out: choices, points, figures, ratios and gates of one repeat."""

from __future__ import annotations

import statistics
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any, TypeVar

from pydantic import BaseModel

from levinthal.errors import DataError, LevinthalError
from levinthal.harness.results.grid import Choice, Point, StudyPlan
from levinthal.harness.study.kept import Measured, kept_as_json, measure_in_turn
from levinthal.harness.study.kind import Bench, Figure, Ratio, Study, record_files

R = TypeVar("R", bound=BaseModel)


def run_study(study: Study[R], bench: Bench) -> None:
    """Measure every point once, and report figures, ratios and gates to the repeat.

    Parameters
    ----------
    study : Study
    bench : Bench
        Whose `choices` are made here.

    Raises
    ------
    DataError
        No point could be measured; the reason is that of the first.
    """
    plan, run = bench.plan, bench.run
    kept = kept_as_json(study.Record, record_files(plan, bench.terms.folder, int(run.folder.name)))
    chooser = _Chooser(study, bench)

    def obtain(point: Point) -> R:
        ready = chooser.ready_for(point)
        return kept.obtain(point, lambda file: study.measure(ready, point, file))

    measured = measure_in_turn(kept.files, obtain, lambda point, error: run.note(f"{plan.words(point)}: {error}"))
    if not measured.records:
        raise DataError(next(iter(measured.failures.values())))
    plan = study.conclude(replace(bench, choices=chooser.choices), measured)
    for point in plan.figure_points():
        for found in figures_of(study, plan, measured, point):
            figure = found.figure
            run.metric(
                figure.name, found.value, unit=figure.unit, better=figure.better, kind=figure.kind,
                reason=found.reason, labels=point,
            )  # fmt: skip
    for point, record in measured.records.items():
        for name, (values, unit) in study.samples(record).items():
            run.samples(name, values, unit=unit, labels=point)
    for gate in study.gates(plan, measured):
        run.gate(
            gate.name, gate.value, at_most=gate.at_most, at_least=gate.at_least, labels=gate.labels, advice=gate.advice
        )
    run.study(plan.model_copy(update={"choices": tuple(chooser.choices.values())}))


@dataclass(frozen=True)
class Found:
    """A figure or ratio of a point, the median over its repeats, or why there is none."""

    figure: Figure[Any] | Ratio
    value: float | None
    reason: str


def figures_of(study: Study[R], plan: StudyPlan, measured: Measured[R], point: Point) -> Iterator[Found]:
    """Yield each figure and ratio of a point, without the axes of repeats."""
    figures = study.figures()
    by_name = {figure.name: figure for figure in figures if isinstance(figure, Figure)}
    repeats = [each for each in plan.points() if each.on(*point) == point]
    failures = [measured.failures[each] for each in repeats if each in measured.failures]

    def value_of(figure: Figure[R], where: Point) -> float | None:
        return figure.of(where, measured.records[where]) if where in measured.records else None

    def ratio_of(ratio: Ratio, where: Point) -> float | None:
        base = plan.baseline_of(where, ratio.axis)
        assert base is not None, f"axis {ratio.axis!r} names no baseline"
        over, under = (value_of(by_name[ratio.figure], each) for each in (where, base))
        return None if over is None or not under else ratio.weight(where, base) * over / under

    for figure in figures:
        reason = "it was not measured"
        if isinstance(figure, Figure):
            values = [value_of(figure, each) for each in repeats]
        else:
            values = [ratio_of(figure, each) for each in repeats]
            base = plan.baseline_of(point, figure.axis)
            reason = f"the baseline ({plan.words(base)}) was not measured" if base else reason
        numbers = [value for value in values if value is not None]
        if len(failures) == len(repeats):
            reason = failures[0]
        yield Found(figure, statistics.median(numbers) if numbers else None, reason)


class _Chooser:
    """Makes each choice once, before the first point that depends on it, and says what was chosen."""

    def __init__(self, study: Study[Any], bench: Bench) -> None:
        self._study, self._bench, self._axes = study, bench, study.chosen_by()
        self.choices: dict[Point, Choice] = {}
        self._failures: dict[Point, LevinthalError] = {}

    def ready_for(self, point: Point) -> Bench:
        """Return the bench with the choice that a point depends on; what made that fail is raised again."""
        if self._axes:
            labels = point.on(*self._axes)
            if labels in self._failures:
                raise self._failures[labels]
            if labels not in self.choices:
                self._make(labels)
        return replace(self._bench, choices=self.choices)

    def _make(self, labels: Point) -> None:
        study, bench = self._study, self._bench
        kept = kept_as_json(Choice, {labels: study.choice_file(bench, labels)})
        try:
            choice = kept.obtain(labels, lambda file: study.choose(bench, labels, file))
        except LevinthalError as error:
            self._failures[labels] = error
            raise
        self.choices[labels] = choice.model_copy(update={"labels": dict(labels)})
        what = ", ".join(f"{name} {value}" for name, value in choice.taken.items())
        why = f" ({choice.reason})" if choice.reason else ""
        bench.run.note(f"{bench.plan.words(labels)}: {what}, chosen once for all its points{why}.")
