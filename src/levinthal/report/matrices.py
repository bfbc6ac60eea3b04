"""Figures of several methods as tables of methods by measures, where labels tell the methods apart."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from levinthal.harness.results.labels import Label
from levinthal.report.figures import FigureRow

__all__ = ["Matrix", "MatrixRow", "matrices_of", "varying"]


@dataclass(frozen=True)
class MatrixRow:
    """One method: the values of its labels, and its figure of each measure, None where it has none."""

    values: tuple[str, ...]
    cells: tuple[FigureRow | None, ...]


@dataclass(frozen=True)
class Matrix:
    """A table whose rows differ in `labels`; `common` are the labels that they share, `measures` the first of each."""

    kind: str
    labels: tuple[str, ...]
    common: str
    measures: tuple[FigureRow, ...]
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
    first = figures[0]
    cells: dict[tuple[str, ...], dict[str, FigureRow]] = {}
    for figure in figures:
        method = tuple(str(figure.labels[name]) for name in names)
        cells.setdefault(method, {})[figure.measure] = figure
    measures = {figure.measure: figure for figure in reversed(figures)}
    columns = [measures[name] for name in dict.fromkeys(figure.measure for figure in figures)]
    return Matrix(
        kind=first.kind,
        labels=names,
        common=", ".join(f"{name} {value}" for name, value in first.labels.items() if name not in names),
        measures=tuple(columns),
        rows=tuple(
            MatrixRow(method, tuple(row.get(column.measure) for column in columns)) for method, row in cells.items()
        ),
    )
