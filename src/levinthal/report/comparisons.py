"""Methods side by side: as a table of methods by measures, and as those a repeat ran on equal terms."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from levinthal.harness.results.labels import Label, in_words, label_in_words
from levinthal.harness.results.result import CANNOT_TELL, Comparison, Repeat, Terms
from levinthal.report.figures import FigureRow
from levinthal.report.rounding import ratio_texts, rounded


@dataclass(frozen=True)
class MatrixRow:
    """One method: the values of its labels, and its figure of each measure, None where it has none."""

    values: tuple[str, ...]
    cells: tuple[FigureRow | None, ...]


@dataclass(frozen=True)
class Matrix:
    """A table of figures of one kind: a row for each method, told apart by `labels`, a column for each measure.

    A single measure of methods that two labels tell apart is spread out: the second label is in the columns.
    """

    title: str
    labels: tuple[str, ...]
    columns: tuple[str, ...]
    rows: tuple[MatrixRow, ...]


def varying(all_labels: Sequence[Mapping[str, Label]]) -> tuple[str, ...]:
    """Return the labels in which some differ, in order of first appearance."""
    names = dict.fromkeys(name for labels in all_labels for name in labels)
    return tuple(name for name in names if len({labels.get(name) for labels in all_labels}) > 1)


def matrices_of(figures: Sequence[FigureRow]) -> tuple[Matrix, ...]:
    """Return a table for the measures of one kind that several methods have, told apart by the same labels."""
    alike: dict[tuple[str, frozenset[str]], list[FigureRow]] = {}
    for figure in figures:
        if figure.labels:
            alike.setdefault((figure.kind, frozenset(figure.labels)), []).append(figure)
    return tuple(_matrix(members) for members in alike.values() if varying([each.labels for each in members]))


def _matrix(figures: Sequence[FigureRow]) -> Matrix:
    names = varying([figure.labels for figure in figures])
    first, measures = figures[0], {figure.measure: _heading(figure) for figure in figures}
    spread = len(measures) == 1 and len(names) == 2
    columns = measures
    if spread:
        columns = {str(figure.labels[names[1]]): f"{names[1]} {figure.labels[names[1]]}" for figure in figures}
    cells: dict[tuple[str, ...], dict[str, FigureRow]] = {}
    for figure in figures:
        values = tuple(str(figure.labels[name]) for name in names)
        method, column = (values[:1], values[1]) if spread else (values, figure.measure)
        cells.setdefault(method, {})[column] = figure
    what = _heading(first) if spread else "Speed" if first.kind == "speed" else "Quality"
    common = [label_in_words(name, value) for name, value in first.labels.items() if name not in names]
    return Matrix(
        title="; ".join([f"{what} by {' and '.join(names)}", *common]),
        labels=names[:1] if spread else names,
        columns=tuple(columns.values()),
        rows=tuple(MatrixRow(method, tuple(map(row.get, columns))) for method, row in cells.items()),
    )


def _heading(figure: FigureRow) -> str:
    unit = f", {figure.plain_unit}" if figure.plain_unit else ""
    return f"{figure.measure}{unit} {'↑' if figure.better == 'higher' else '↓'}"


@dataclass(frozen=True)
class ComparisonRow:
    """One ratio, as text; `standing` is `ahead`, `behind` or `open`."""

    name: str
    candidate: str
    baseline: str
    ratio: str
    interval: str
    n: int
    verdict: str
    standing: str
    method: str
    problem: str


@dataclass(frozen=True)
class ComparisonGroup:
    """The rows of one repeat and the same terms."""

    heading: str
    rows: tuple[ComparisonRow, ...]


def comparison_groups(repeats: Sequence[Repeat]) -> tuple[ComparisonGroup, ...]:
    """Return the comparisons of all repeats, those on the same terms together."""
    groups = []
    for repeat in repeats:
        by_terms: dict[Terms, list[Comparison]] = {}
        for comparison in repeat.comparisons:
            by_terms.setdefault(comparison.terms, []).append(comparison)
        where = f"Repeat {repeat.index + 1}, " if len(repeats) > 1 else ""
        for terms, members in by_terms.items():
            heading = f"{where}{terms}"
            told = varying([each.labels for each in members])
            rows = tuple(_row(each, {key: each.labels[key] for key in told if key in each.labels}) for each in members)
            groups.append(ComparisonGroup(heading[:1].upper() + heading[1:], rows))
    return tuple(groups)


def _row(comparison: Comparison, labels: Mapping[str, Label]) -> ComparisonRow:
    value, low, high = comparison.value, comparison.low, comparison.high
    ratio, interval, standing = "", "", "open"
    if value is not None:
        if low is not None and high is not None:
            ratio, *ends = ratio_texts(value, low, high)
            interval = " to ".join(ends)
        else:
            ratio, interval = rounded(value).whole, "none: too few pairs"
        if comparison.verdict != CANNOT_TELL:
            standing = "ahead" if value > 1 else "behind"
    return ComparisonRow(
        name=in_words(comparison.name, labels),
        candidate=comparison.candidate,
        baseline=comparison.baseline,
        ratio=ratio,
        interval=interval,
        n=comparison.n,
        verdict=comparison.verdict,
        standing=standing,
        method=comparison.method,
        problem=comparison.reason or "",
    )
