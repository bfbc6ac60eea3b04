"""The headline of a run: at most twelve lines a workload, or one table of several workloads."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import Path
from statistics import median

from levinthal.commands.headline import (
    comparison_text,
    figure_text,
    note_lines,
    reasons_of,
    verdict_line,
)
from levinthal.commands.progress import shown_duration, shown_path
from levinthal.commands.study_lines import study_lines
from levinthal.harness.contract.main_figures import main_figures
from levinthal.harness.results.labels import Key
from levinthal.harness.results.result import Comparison, Gate, Repeat, Result

MOST_LINES = 12
_FIGURES = 5
_COMPARISONS = 3
_WIDTH = 118


def headline_lines(result: Result, folder: Path, report: Path) -> list[str]:
    """Return the headline of a run: verdict, gates, main figures, comparisons, notes, and where the rest is.

    Parameters
    ----------
    result : Result
        A finished run.
    folder : Path
        Its folder.
    report : Path
        The report.

    Returns
    -------
    list of str
        At most `MOST_LINES` lines.
    """
    lines = [verdict_line(result), f"  {_gates(result.repeats)}"]
    errors = list(dict.fromkeys(repeat.error for repeat in result.repeats if repeat.error))
    if errors:
        lines.append(f"  failed: {_shortened(errors[0])}")
    if result.study is not None and result.study.command:
        lines += _first(study_lines(result, result.study), MOST_LINES - 2 - len(lines), "points")
    else:
        reasons = reasons_of(result)
        chosen = main_figures(result) or list(result.summary)[:_FIGURES]
        width = max((len(str(summary)) for summary in chosen), default=0)
        lines += [
            f"  {summary!s:<{width}}  {_shortened(figure_text(summary, reasons.get(summary.key)))}"
            for summary in chosen
        ]
    notes = note_lines(result)
    room = MOST_LINES - 1 - len(lines) - min(len(notes), 1)
    lines += _first(_comparisons(result.repeats), min(_COMPARISONS, room), "comparisons")
    lines += _first(notes, MOST_LINES - 1 - len(lines), "lines of notes")
    rest = f"all {len(result.summary)} figures: {shown_path(folder / 'result.json')}, or --verbose"
    return [*lines, f"report: {shown_path(report)}; {rest}"]


def table_lines(results: Iterable[tuple[Path, Result]]) -> list[str]:
    """Return a table with a line for each workload: verdict, gates met, time, and its first main figure."""
    rows = [("workload", "verdict", "gates", "time", "main figure")]
    for _, result in results:
        gates = [gate for repeat in result.repeats for gate in repeat.gates]
        reasons = reasons_of(result)
        chosen = main_figures(result) or list(result.summary)
        first = [f"{each}: {figure_text(each, reasons.get(each.key)).strip()}" for each in chosen[:1]]
        took_s = sum(repeat.duration_s or 0.0 for repeat in result.repeats)
        met = f"{sum(gate.passed for gate in gates)} of {len(gates)}"
        main = first[0] if first else "nothing measured"
        rows.append((result.workload.name, result.verdict, met, shown_duration(took_s), main))
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return [
        _shortened("  ".join(f"{cell:<{width}}" for cell, width in zip(row, widths, strict=True)).rstrip())
        for row in rows
    ]


def _gates(repeats: Sequence[Repeat]) -> str:
    """Return how many gates were met, and the first that was missed."""
    gates = [(repeat, gate) for repeat in repeats for gate in repeat.gates]
    missed = [(repeat, gate) for repeat, gate in gates if not gate.passed]
    text = f"gates: {len(gates) - len(missed)} of {len(gates)} met"
    if not missed:
        return text
    repeat, gate = missed[0]
    where = f" in repeat {repeat.index + 1}" if len(repeats) > 1 else ""
    return _shortened(f"{text}; missed{where}: {_missed(gate)}{f', and {len(missed) - 1} more' * (len(missed) > 1)}")


def _missed(gate: Gate) -> str:
    limit = f"at most {gate.at_most:g}" if gate.at_most is not None else f"at least {gate.at_least:g}"
    return f"{gate} is {'not finite' if gate.value is None else f'{gate.value:.4g}'}, must be {limit}"


def _comparisons(repeats: Sequence[Repeat]) -> list[str]:
    """Return a line for each comparison; of several repeats the median and how often each verdict was reached."""
    groups: dict[tuple[Key, str, str, str], list[Comparison]] = {}
    for repeat in repeats:
        for each in repeat.comparisons:
            groups.setdefault((each.key, each.candidate, each.baseline, str(each.terms)), []).append(each)
    return [f"  {_shortened(_together(group))}" for group in groups.values()]


def _together(group: Sequence[Comparison]) -> str:
    values = [each.value for each in group if each.value is not None]
    if len(group) == 1 or not values:
        return comparison_text(group[0])
    first = group[0]
    verdicts = ", ".join(
        f"{verdict} in {n} of {len(group)}" for verdict, n in Counter(g.verdict for g in group).items()
    )
    return f"{first}, {first.candidate} / {first.baseline}, {first.terms}: {median(values):.3g}, {verdicts} repeats"


def _first(lines: list[str], most: int, what: str) -> list[str]:
    """Return lines, as many as there is room for; the last says how many are left out."""
    if len(lines) <= most:
        return lines
    return [*lines[: most - 1], f"  ... {len(lines) - most + 1} more {what}"] if most > 0 else []


def _shortened(text: str) -> str:
    return text if len(text) <= _WIDTH else f"{text[: _WIDTH - 4].rstrip()} ..."
