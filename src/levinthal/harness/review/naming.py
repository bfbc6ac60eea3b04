"""Rules for what figures are called: a name says what is measured, labels say of what."""

from __future__ import annotations

import re
from collections.abc import Iterator

from levinthal.harness.results.figures import Metric
from levinthal.harness.results.labels import Key
from levinthal.harness.results.result import Result

_NUMBER = re.compile(r"(?<![\w.-])\d[\d.,]*")


def labels_in_names(result: Result) -> Iterator[str]:
    """Say which metric has a number, or one of its own labels, in its name."""
    for metric in _metrics(result):
        if found := _NUMBER.search(metric.name):
            yield f"metric {metric.name!r} has the number {found[0]} in its name"
        for label, value in metric.labels.items():
            if re.search(rf"(?<!\w){re.escape(str(value))}(?!\w)", metric.name):
                yield f"metric {metric.name!r} has its label {label} {value} in its name"


def unlike_namesakes(result: Result) -> Iterator[str]:
    """Say which metrics of one name differ in unit, direction, kind or in what their labels tell."""
    first: dict[str, Metric] = {}
    for metric in _metrics(result):
        namesake = first.setdefault(metric.name, metric)
        for what in ("unit", "better", "kind"):
            if (one := getattr(namesake, what)) != (other := getattr(metric, what)):
                yield f"{what} is {one} for {str(namesake)!r} and {other} for {str(metric)!r}"
        if namesake.labels.keys() != metric.labels.keys():
            yield f"{str(namesake)!r} and {str(metric)!r} have other labels"


def _metrics(result: Result) -> Iterator[Metric]:
    """Yield each metric once, however many repeats have it."""
    seen: set[Key] = set()
    for metric in (metric for repeat in result.repeats for metric in repeat.metrics):
        if metric.key not in seen:
            seen.add(metric.key)
            yield metric
