"""The figures of a result as rows of tables: the summary, and what each repeat measured."""

from __future__ import annotations

import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from levinthal.harness.results.labels import Key, Label
from levinthal.harness.results.result import Metric, Result, Samples, Summary
from levinthal.report.rounding import count, exact, rounded

# pyperf's bound: a standard deviation above a tenth of the mean makes a benchmark unreliable.
_UNSTEADY = 0.10


@dataclass(frozen=True)
class Cell:
    """A number as shown, with every digit in `title`; or words instead of one."""

    text: str
    title: str = ""
    is_number: bool = True


@dataclass(frozen=True)
class Dot:
    """One repeat on the strip beside a figure, in per cent of the strip."""

    percent: float
    title: str
    failed: bool


@dataclass(frozen=True)
class FigureRow:
    """One metric over the repeats: `name` is that of the `measure` with its labels.

    `problem` says why there is no figure, `no_interval` why it has no interval, `method` how an unusual one was found,
    `note` what to beware of.
    """

    key: Key
    measure: str
    labels: Mapping[str, Label]
    name: str
    unit: str
    plain_unit: str
    better: str
    kind: str
    n: int
    median: Cell | None
    low: str | None
    high: str | None
    interval_title: str
    method: str
    no_interval: str
    problem: str
    note: str
    dots: tuple[Dot, ...]
    strip: tuple[float, float] | None
    repeats: tuple[Cell, ...]


@dataclass(frozen=True)
class SampleRow:
    """Raw samples that are not drawn as a curve, pooled over the repeats that passed."""

    name: str
    unit: str
    n: str
    numbers: tuple[Cell, ...]


def unit_words(unit: str) -> str:
    """Return the unit as shown beside a number: nothing for a pure number."""
    return "" if unit == "1" else unit


def figure_rows(result: Result) -> tuple[FigureRow, ...]:
    """Return a row for each metric: those of the summary in its order, then any other that a repeat recorded."""
    summaries = {summary.key: summary for summary in result.summary}
    sources: dict[Key, Metric | Summary] = dict(summaries)
    for metric in (metric for repeat in result.repeats for metric in repeat.metrics):
        sources.setdefault(metric.key, metric)
    return tuple(_figure_row(source, summaries.get(key), result) for key, source in sources.items())


def common_reason(rows: Sequence[FigureRow]) -> str:
    """Return the reason why no figure has an interval, where it is one and the same for all."""
    reasons = {row.no_interval for row in rows if row.median is not None}
    return reasons.pop() if len(reasons) == 1 else ""


def headline(rows: Sequence[FigureRow], verdict: str) -> tuple[FigureRow, ...]:
    """Pick the figures to show first: three of speed, unless the run failed, and two of quality."""
    measured = [row for row in rows if row.median is not None]
    speed = [row for row in measured if row.kind == "speed" and verdict == "passed"]
    quality = [row for row in measured if row.kind == "quality"]
    chosen = speed[: max(3, 5 - len(quality))] + quality[: max(2, 5 - len(speed))]
    return tuple(chosen[:5])


def sample_rows(result: Result) -> tuple[SampleRow, ...]:
    """Summarise raw samples by nearest-rank percentiles (MLPerf's rule); those of failed repeats are left out."""
    pooled: dict[Key, list[Samples]] = {}
    for repeat in result.repeats:
        for samples in repeat.samples if repeat.verdict == "passed" else ():
            pooled.setdefault(samples.key, []).append(samples)
    rows = []
    for parts in pooled.values():
        values = sorted(value for part in parts for value in part.values if value is not None)
        cells = []
        for share in (0.0, 0.5, 0.9, 0.99, 1.0) if values else ():
            value = values[max(1, -int(-share * len(values) // 1)) - 1]
            cells.append(Cell(rounded(value).whole, exact(value)))
        rows.append(SampleRow(str(parts[0]), unit_words(parts[0].unit), count(len(values)), tuple(cells)))
    return tuple(rows)


def _figure_row(source: Metric | Summary, summary: Summary | None, result: Result) -> FigureRow:
    recorded = [next((each for each in repeat.metrics if each.key == source.key), None) for repeat in result.repeats]
    passed = [repeat.verdict == "passed" for repeat in result.repeats]
    hidden = source.kind == "speed" and not any(passed)
    median = summary.median if summary is not None and not hidden else None
    values = [
        metric.value
        for metric, ok in zip(recorded, passed, strict=True)
        if metric is not None and metric.value is not None and (ok or source.kind == "quality")
    ]
    support = _support(summary, values)
    shown = rounded(median, support) if median is not None else None
    scale = shown.scale if shown is not None else ""
    interval = summary.ci95 if summary is not None and summary.ci95 and median is not None else None
    cells = tuple(_repeat_cell(metric, ok, support) for metric, ok in zip(recorded, passed, strict=True))
    dots, strip = _strip(result, recorded, interval)
    return FigureRow(
        key=source.key,
        measure=source.name,
        labels=source.labels,
        name=str(source),
        unit=" ".join(part for part in (scale, unit_words(source.unit)) if part),
        plain_unit=unit_words(source.unit),
        better=source.better,
        kind=source.kind,
        n=summary.n if summary is not None and not hidden else 0,
        median=Cell(shown.text, f"{exact(median)} {unit_words(source.unit)}".strip())
        if shown is not None and median is not None
        else None,
        low=shown.low if shown is not None and interval else None,
        high=shown.high if shown is not None and interval else None,
        interval_title=f"{exact(interval[0])} to {exact(interval[1])}" if interval else "",
        method=_reason(summary) if interval else "",
        no_interval="" if interval or median is None else _reason(summary) or "no interval was recorded",
        problem="" if median is not None else _why_missing(summary, recorded, hidden),
        note=_note(source, summary, values),
        dots=dots,
        strip=strip,
        repeats=cells,
    )


def _support(summary: Summary | None, values: Sequence[float]) -> tuple[float, float] | None:
    """Return the interval that decides how many digits are shown: the 95 % interval, else the range of the repeats."""
    if summary is not None and summary.ci95 is not None:
        return summary.ci95
    return (min(values), max(values)) if len(values) > 1 else None


def _repeat_cell(metric: Metric | None, passed: bool, support: tuple[float, float] | None) -> Cell:
    if metric is None:
        return Cell("not recorded", "", False)
    if metric.kind == "speed" and not passed:
        return Cell("withheld", metric.reason or "the repeat failed: its speed is not reported", False)
    if metric.value is None:
        return Cell("not measured", metric.reason or "", False)
    if support is None:
        return Cell(rounded(metric.value).whole, exact(metric.value))
    # Only the width of the interval matters here: the repeat itself may lie outside it.
    half = (support[1] - support[0]) / 2
    return Cell(rounded(metric.value, (metric.value - half, metric.value + half)).whole, exact(metric.value))


def _strip(
    result: Result, recorded: Sequence[Metric | None], interval: tuple[float, float] | None
) -> tuple[tuple[Dot, ...], tuple[float, float] | None]:
    """Place the repeats on a strip that reaches from the lowest to the highest of them and of the interval."""
    drawn = [
        (repeat, metric.value)
        for repeat, metric in zip(result.repeats, recorded, strict=True)
        if metric is not None and metric.value is not None and (repeat.verdict == "passed" or metric.kind == "quality")
    ]
    numbers = [value for _, value in drawn] + list(interval or ())
    if len(drawn) < 2 or not 0 < (span := max(numbers) - min(numbers)) < float("inf"):
        return (), None
    low = min(numbers)
    dots = tuple(
        Dot(
            100 * (value - low) / span,
            f"repeat {repeat.index + 1}: {rounded(value).whole}",
            repeat.verdict == "failed",
        )
        for repeat, value in drawn
    )
    strip = (100 * (interval[0] - low) / span, 100 * (interval[1] - low) / span) if interval else None
    return dots, strip


def _why_missing(summary: Summary | None, recorded: Sequence[Metric | None], hidden: bool) -> str:
    if hidden:
        return "not reported: no repeat passed, and a repeat that fails reports no speed"
    measured = [rounded(metric.value).whole for metric in recorded if metric is not None and metric.value is not None]
    if measured:
        return f"no repeat that passed has it; measured in those that failed: {', '.join(measured)}"
    reasons = dict.fromkeys(metric.reason for metric in recorded if metric is not None and metric.reason)
    return f"not measured: {_reason(summary) or '; '.join(reasons) or 'no reason was recorded'}"


def _reason(summary: Summary | None) -> str:
    return (summary.reason or "") if summary is not None else ""


def _note(source: Metric | Summary, summary: Summary | None, values: Sequence[float]) -> str:
    if summary is not None and summary.n_censored:
        return f"not reached in {summary.n_censored} of {summary.n + summary.n_censored} repeats"
    if summary is not None and summary.n_failed:
        return f"{summary.n_failed} of {summary.n} repeats missed a gate"
    return _unsteady(values) if source.kind == "speed" else ""


def _unsteady(values: Sequence[float]) -> str:
    if len(values) < 3:
        return ""
    mean, spread = statistics.fmean(values), statistics.stdev(values)
    if not mean or spread <= _UNSTEADY * abs(mean):
        return ""
    return f"unsteady: the repeats scatter by {100 * spread / abs(mean):.0f} % of their mean"
