"""The figures of a result as lines for a terminal."""

from __future__ import annotations

import textwrap

from levinthal.harness.result import Comparison, Result, Summary

__all__ = ["summary_lines"]


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
    data = "synthetic data" if result.dataset.synthetic else f"data: {result.dataset.name}"
    passed = sum(repeat.verdict == "passed" for repeat in result.repeats)
    lines = [
        f"{result.workload.name} {result.size} ({result.division} division, {data}): "
        f"{result.verdict}, {passed} of {len(result.repeats)} repeats passed"
    ]
    reasons = {metric.name: metric.reason for repeat in result.repeats for metric in repeat.metrics if metric.reason}
    width = max((len(name) for name in result.summary), default=0)
    for name, summary in result.summary.items():
        lines.append(f"  {name:<{width}}  {_figure(summary, reasons.get(name))}")
    several = len(result.repeats) > 1
    for repeat in result.repeats:
        where = f" (repeat {repeat.index + 1})" if several else ""
        lines += [f"  {_compared(comparison)}{where}" for comparison in repeat.comparisons]
    notes = dict.fromkeys(note for repeat in result.repeats for note in repeat.notes)
    return [*lines, *(line for note in notes for line in textwrap.wrap(f"note: {note}", 98, initial_indent="  "))]


def _figure(summary: Summary, reason: str | None) -> str:
    if summary.median is None:
        return f"not measured: {reason or summary.reason or 'no repeat passed'}"
    unit = "" if summary.unit == "1" else f" {summary.unit}"
    interval = "" if summary.ci95 is None else f"  [{summary.ci95[0]:.4g}, {summary.ci95[1]:.4g}]"
    return f"{summary.median:>10.4g}{unit}{interval}"


def _compared(comparison: Comparison) -> str:
    who = f"{comparison.name}, {comparison.candidate} / {comparison.baseline}, {comparison.terms}"
    if comparison.value is None:
        return f"{who}: not measured: {comparison.reason}"
    if comparison.low is None or comparison.high is None:
        return f"{who}: {comparison.value:.3g}, {comparison.verdict}"
    return f"{who}: {comparison.value:.3g}  [{comparison.low:.3g}, {comparison.high:.3g}]  {comparison.verdict}"
