"""The figures of a result that are shown first: those that its workload declares."""

from __future__ import annotations

from collections.abc import Sequence

from levinthal.errors import LevinthalError
from levinthal.harness.contract.registry import load_workload
from levinthal.harness.contract.workload import MainFigure
from levinthal.harness.results.labels import Key, figures_of
from levinthal.harness.results.result import Result, Summary

__all__ = ["main_figures"]

_FIGURES = 5


def main_figures(result: Result) -> list[Summary]:
    """Return the figures that the workload declares as its main ones, at most five; none where it declares none."""
    try:
        declared: Sequence[MainFigure] = getattr(load_workload(result.workload.name), "main_figures", ())
    except LevinthalError:  # a result of a workload that is not installed here
        declared = ()
    found: dict[Key, Summary] = {}
    for each in declared:
        name, labels = (each, {}) if isinstance(each, str) else each
        named = figures_of(result.summary, name, labels)
        exact = [summary for summary in named if summary.labels == labels]
        found |= {summary.key: summary for summary in exact or named}
    return list(found.values())[:_FIGURES]
