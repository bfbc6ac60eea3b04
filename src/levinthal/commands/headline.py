"""The figures of a result as lines for a terminal."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from statistics import median

from levinthal.commands.progress import estimate_text
from levinthal.commands.study_lines import study_lines
from levinthal.harness.results.labels import Key
from levinthal.harness.results.result import Comparison, Repeat, Result, Summary

MISSED_MARK = "measured, but a gate was missed"


def summary_lines(result: Result) -> list[str]:
    """Return a heading and a line for each metric: name, median, interval, unit.

    Parameters
    ----------
    result : Result
        A finished run.

    Returns
    -------
    list of str
        After the verdict what was changed in the input, then gates, metrics, comparisons, and the repeats' notes. A
        metric without a value says why; what was measured although a gate was missed is marked.
    """
    lines = [verdict_line(result), *warning_lines(result), *gate_lines(result.repeats), *finding_lines(result)]
    if result.study is not None and result.study.command:
        return [*lines, *study_lines(result, result.study), *note_lines(result)]
    estimates = dict.fromkeys(each for repeat in result.repeats for each in repeat.estimates)
    lines += [
        line
        for each in estimates
        for line in _wrapped("estimated before", estimate_text(each.sentence, each.duration_s))
    ]
    lines += figure_lines(result, list(result.summary))
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


def gate_lines(repeats: Sequence[Repeat]) -> list[str]:
    """Return how many gates and sanity checks were met, and a line for each that was missed: value, limit, advice."""
    gates = [(repeat, gate) for repeat in repeats for gate in repeat.gates]
    if not gates:
        return ["  gates: none was reached"]
    counts = []
    for kind, plural in (("benchmark", "gates"), ("sanity", "sanity checks of the answer")):
        met = [gate.passed for _, gate in gates if gate.kind == kind]
        counts += [f"{plural}: {sum(met)} of {len(met)} met"] if met else []
    where = [f" in repeat {repeat.index + 1}" if len(repeats) > 1 else "" for repeat, _ in gates]
    missed = [(at, gate) for at, (_, gate) in zip(where, gates, strict=True) if not gate.passed]
    return [f"  {'; '.join(counts)}", *(line for at, gate in missed for line in _wrapped(f"missed{at}", gate.words))]


def figure_lines(result: Result, chosen: Sequence[Summary]) -> list[str]:
    """Return a line for each of some metrics: name, median, unit and interval, or why there is none."""
    reasons, marked = reasons_of(result), measured_in_failed(result)
    width = max((len(str(summary)) for summary in chosen), default=0)
    return [
        f"  {summary!s:<{width}}  {figure_text(summary, reasons.get(summary.key), marked.get(summary.key))}"
        for summary in chosen
    ]


def measured_in_failed(result: Result) -> dict[Key, float]:
    """Return the median of each figure that only repeats which missed a gate have, where no summary has it."""
    found: dict[Key, list[float]] = {}
    for repeat in result.repeats:
        for metric in repeat.metrics:
            if metric.value is not None and repeat.verdict == "failed" and repeat.error is None:
                found.setdefault(metric.key, []).append(metric.value)
    without = {summary.key for summary in result.summary if summary.median is None}
    return {key: median(values) for key, values in found.items() if key in without}


def warning_lines(result: Result) -> list[str]:
    """Return what was removed, changed or is missing in a person's input, each once, wrapped."""
    warnings = dict.fromkeys(warning for repeat in result.repeats for warning in repeat.warnings)
    return [line for each in warnings for line in _wrapped("warning", each)]


def finding_lines(result: Result) -> list[str]:
    """Return what came out in words, wrapped; what one of several repeats alone says names it."""
    groups: dict[str, list[int]] = {}
    for repeat in result.repeats:
        for each in repeat.findings:
            groups.setdefault(each, []).append(repeat.index + 1)
    n = len(result.repeats)
    return [
        line
        for each, who in groups.items()
        for line in _wrapped(f"found{f' in repeat {who[0]}' if n > 1 and len(who) == 1 else ''}", each)
    ]


def reasons_of(result: Result) -> dict[Key, str]:
    """Return why metrics were not measured."""
    return {metric.key: metric.reason for repeat in result.repeats for metric in repeat.metrics if metric.reason}


def note_lines(result: Result) -> list[str]:
    """Return the repeats' notes, each once, wrapped."""
    notes = dict.fromkeys(note for repeat in result.repeats for note in repeat.notes)
    return [line for note in notes for line in _wrapped("note", note)]


def _wrapped(what: str, sentence: str) -> list[str]:
    return textwrap.wrap(f"{what}: {sentence}", 98, initial_indent="  ", subsequent_indent="    ")


def figure_text(summary: Summary, reason: str | None, measured: float | None = None) -> str:
    """Return a metric's median, unit and interval, or why there is none; `measured` is a value that missed a gate."""
    unit = "" if summary.unit == "1" else f" {summary.unit}"
    if summary.median is None and measured is not None:
        return f"{measured:>10.4g}{unit}  ({MISSED_MARK})"
    if summary.median is None:
        withheld = bool(reason and reason.startswith("gate missed"))
        return f"{'withheld' if withheld else 'not measured'}: {reason or summary.reason or 'no repeat passed'}"
    interval = "" if summary.ci95 is None else f"  [{summary.ci95[0]:.4g}, {summary.ci95[1]:.4g}]"
    return f"{summary.median:>10.4g}{unit}{interval}{_counts(summary)}"


def _counts(summary: Summary) -> str:
    """Say how many of several repeats missed a gate, or did not get to what the time is measured to."""
    if summary.n_censored:
        return f"  (not reached in {summary.n_censored} of {summary.n + summary.n_censored} repeats)"
    if summary.n_failed == summary.n:
        return f"  ({MISSED_MARK})" if summary.n_failed else ""
    return f"  ({summary.n_failed} of {summary.n} repeats missed a gate)" if summary.n_failed else ""


def comparison_text(comparison: Comparison) -> str:
    """Return who was compared on which terms, the ratio, its interval and the verdict."""
    who = f"{comparison}, {comparison.candidate} / {comparison.baseline}, {comparison.terms}"
    if comparison.value is None:
        return f"{who}: not measured: {comparison.reason}"
    if comparison.low is None or comparison.high is None:
        return f"{who}: {comparison.value:.3g}, {comparison.verdict}"
    return f"{who}: {comparison.value:.3g}  [{comparison.low:.3g}, {comparison.high:.3g}]  {comparison.verdict}"
