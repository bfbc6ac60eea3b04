"""Methods that a repeat ran on equal terms, as rows of a table."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from levinthal.harness.results.labels import Label, in_words
from levinthal.harness.results.result import CANNOT_TELL, Comparison, Repeat, Terms
from levinthal.report.matrices import varying
from levinthal.report.rounding import ratio_texts, rounded


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
            rows = tuple(_row(each, {name: each.labels[name] for name in told}) for each in members)
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
