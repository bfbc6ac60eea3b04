"""From repeats to one figure for each metric: median, interval, score."""

from __future__ import annotations

from collections.abc import Iterable

from levinthal.harness.results.result import Metric, Repeat, Summary
from levinthal.metrics.statistics import median_interval, mlperf_score

__all__ = ["passed_values", "summarise"]

CONFIDENCE = 0.95


def passed_values(repeats: Iterable[Repeat]) -> dict[str, list[float]]:
    """Return for each metric its values in the repeats that passed, in their order; those not measured left out."""
    values: dict[str, list[float]] = {}
    for repeat in repeats:
        for metric in repeat.metrics:
            kept = values.setdefault(metric.name, [])
            if repeat.verdict == "passed" and metric.value is not None:
                kept.append(metric.value)
    return values


def summarise(repeats: Iterable[Repeat]) -> dict[str, Summary]:
    """Summarise each metric over the repeats that passed.

    A repeat that missed a gate or failed gives no figure at all, neither of speed nor of quality: the quality of what
    went wrong would bend the median as much as its speed. It counts as a miss in the score of every metric.

    Parameters
    ----------
    repeats : iterable of Repeat
        All repeats of one run.

    Returns
    -------
    dict of str to Summary
        By metric, in the order of first appearance. `n` counts the values that entered. Where the median, the
        interval or the score is null, `reason` says why.
    """
    repeats = list(repeats)
    misses = sum(repeat.verdict != "passed" for repeat in repeats)
    first: dict[str, Metric] = {}
    untold: dict[str, str] = {}
    for repeat in repeats:
        for metric in repeat.metrics:
            first.setdefault(metric.name, metric)
            if repeat.verdict == "passed" and metric.reason:
                untold.setdefault(metric.name, metric.reason)
    values = passed_values(repeats)
    return {name: _summary(metric, values[name], misses, untold.get(name)) for name, metric in first.items()}


def _summary(metric: Metric, values: list[float], misses: int, untold: str | None) -> Summary:
    if not values:
        reason = untold or f"no repeat passed ({misses} missed a gate or failed)"
        return Summary(
            unit=metric.unit, better=metric.better, kind=metric.kind, n=0, median=None, ci95=None, reason=reason
        )
    interval = median_interval(values, CONFIDENCE)
    score = mlperf_score(values, misses, metric.better)
    reasons = [untold, None if interval else "one value: an interval needs at least 2", score.reason]
    return Summary(
        unit=metric.unit,
        better=metric.better,
        kind=metric.kind,
        n=len(values),
        median=_median(values),
        ci95=(interval.low, interval.high) if interval else None,
        ci_method=interval.method if interval else None,
        score=score.value,
        reason="; ".join(reason for reason in reasons if reason) or None,
    )


def _median(values: list[float]) -> float:
    ordered = sorted(values)
    middle = len(ordered) // 2
    # Halving before adding keeps two values near the largest float finite.
    return ordered[middle] if len(ordered) % 2 else ordered[middle - 1] / 2.0 + ordered[middle] / 2.0
