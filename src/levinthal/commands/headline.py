"""The figures of a result as lines for a terminal."""

from __future__ import annotations

import textwrap

from levinthal.commands.study_lines import study_lines
from levinthal.harness.results.labels import Key
from levinthal.harness.results.result import Comparison, Result, Summary


def summary_lines(result: Result) -> list[str]:
    """Return a heading and a line for each metric: name, median, interval, unit.

    Parameters
    ----------
    result : Result
        A finished run.

    Returns
    -------
    list of str
        A metric without a value says why; after the metrics comparisons, the repeats' notes at the end.
    """
    lines = [verdict_line(result)]
    if result.study is not None and result.study.command:
        return [*lines, *study_lines(result, result.study), *note_lines(result)]
    reasons = reasons_of(result)
    width = max((len(str(summary)) for summary in result.summary), default=0)
    lines += [f"  {summary!s:<{width}}  {figure_text(summary, reasons.get(summary.key))}" for summary in result.summary]
    several = len(result.repeats) > 1
    for repeat in result.repeats:
        where = f" (repeat {repeat.index + 1})" if several else ""
        lines += [f"  {comparison_text(comparison)}{where}" for comparison in repeat.comparisons]
    return [*lines, *note_lines(result)]


def verdict_line(result: Result) -> str:
    """Return what was run, on which data, and whether it passed."""
    data = "synthetic data" if result.dataset.synthetic else f"data: {result.dataset.name}"
    passed = sum(repeat.verdict == "passed" for repeat in result.repeats)
    return (
        f"{result.workload.name} {result.size} ({result.division} division, {data}): "
        f"{result.verdict}, {passed} of {len(result.repeats)} repeats passed"
    )


def reasons_of(result: Result) -> dict[Key, str]:
    """Return why metrics were not measured."""
    return {metric.key: metric.reason for repeat in result.repeats for metric in repeat.metrics if metric.reason}


def note_lines(result: Result) -> list[str]:
    """Return the repeats' notes, each once, wrapped."""
    notes = dict.fromkeys(note for repeat in result.repeats for note in repeat.notes)
    return [line for note in notes for line in textwrap.wrap(f"note: {note}", 98, initial_indent="  ")]


def figure_text(summary: Summary, reason: str | None) -> str:
    """Return a metric's median, unit and interval, or why it was not measured."""
    if summary.median is None:
        return f"not measured: {reason or summary.reason or 'no repeat passed'}"
    unit = "" if summary.unit == "1" else f" {summary.unit}"
    interval = "" if summary.ci95 is None else f"  [{summary.ci95[0]:.4g}, {summary.ci95[1]:.4g}]"
    return f"{summary.median:>10.4g}{unit}{interval}"


def comparison_text(comparison: Comparison) -> str:
    """Return who was compared on which terms, the ratio, its interval and the verdict."""
    who = f"{comparison}, {comparison.candidate} / {comparison.baseline}, {comparison.terms}"
    if comparison.value is None:
        return f"{who}: not measured: {comparison.reason}"
    if comparison.low is None or comparison.high is None:
        return f"{who}: {comparison.value:.3g}, {comparison.verdict}"
    return f"{who}: {comparison.value:.3g}  [{comparison.low:.3g}, {comparison.high:.3g}]  {comparison.verdict}"
