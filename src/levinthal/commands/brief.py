"""The headline of a run: at most twelve lines beside what was changed, missed or found; or one table of several."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import Path
from statistics import median

from levinthal.commands.headline import (
    comparison_text,
    figure_lines,
    figure_text,
    finding_lines,
    gate_lines,
    measured_in_failed,
    note_lines,
    reasons_of,
    verdict_line,
    warning_lines,
)
from levinthal.commands.progress import shown_duration, shown_path
from levinthal.commands.study_lines import study_lines
from levinthal.harness.contract.main_figures import main_figures
from levinthal.harness.results.labels import Key
from levinthal.harness.results.result import Comparison, Repeat, Result, Summary

MOST_LINES = 12
_FIGURES = 5
_COMPARISONS = 3
_URGENT = 6
_WARNINGS = 20
_WIDTH = 118


def headline_lines(result: Result, folder: Path, report: Path) -> list[str]:
    """Return the headline of a run: verdict, changes of the input, gates, findings, main figures, comparisons, notes.

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
        At most `MOST_LINES` lines, beside those on what was changed, missed or found; the last says where the rest is.
    """
    counts, *missed = gate_lines(result.repeats)
    urgent = _first(missed, _URGENT, "lines of missed gates")
    if errors := list(dict.fromkeys(repeat.error for repeat in result.repeats if repeat.error)):
        urgent.append(f"  failed: {_shortened(errors[0])}")
    urgent += _first(finding_lines(result), _URGENT, "lines of findings")
    notes, lines = note_lines(result), [verdict_line(result), counts]
    if result.study is not None and result.study.command:
        lines += _first(study_lines(result, result.study), MOST_LINES - 2 - len(lines), "points")
    else:
        lines += [_shortened(line) for line in figure_lines(result, _chosen(result))]
    room = MOST_LINES - 1 - len(lines) - min(len(notes), 1)
    lines += _first(_comparisons(result.repeats), min(_COMPARISONS, room), "comparisons")
    lines += _first(notes, MOST_LINES - 1 - len(lines), "lines of notes")
    rest = f"all {len(result.summary)} figures: {shown_path(folder / 'result.json')}, or --verbose"
    warned = _first(warning_lines(result), _WARNINGS, "lines of warnings, all in the report")
    verdict, gates, *others = lines
    return [verdict, *warned, gates, *urgent, *others, f"report: {shown_path(report)}; {rest}"]


def _chosen(result: Result) -> list[Summary]:
    """Return the workload's main figures, else its first; after a missed gate those that were measured come first."""
    chosen = main_figures(result) or list(result.summary)[:_FIGURES]
    marked = measured_in_failed(result)
    if not marked and not any(each.n_failed for each in result.summary):
        return chosen
    measured = [each for each in (*chosen, *result.summary) if each.median is not None or each.key in marked]
    return list({each.key: each for each in (*measured, *chosen)}.values())[:_FIGURES]


def table_lines(results: Iterable[tuple[Path, Result]]) -> list[str]:
    """Return a table with a line for each workload: verdict, gates met, time, and its first main figure."""
    rows = [("workload", "verdict", "gates", "time", "main figure")]
    for _, result in results:
        gates = [gate for repeat in result.repeats for gate in repeat.gates]
        reasons, marked = reasons_of(result), measured_in_failed(result)
        first = [
            f"{each}: {figure_text(each, reasons.get(each.key), marked.get(each.key)).strip()}"
            for each in _chosen(result)[:1]
        ]
        took_s = sum(repeat.duration_s or 0.0 for repeat in result.repeats)
        met = f"{sum(gate.passed for gate in gates)} of {len(gates)}"
        main = first[0] if first else "nothing measured"
        rows.append((result.workload.name, result.verdict, met, shown_duration(took_s), main))
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return [
        _shortened("  ".join(f"{cell:<{width}}" for cell, width in zip(row, widths, strict=True)).rstrip())
        for row in rows
    ]


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
