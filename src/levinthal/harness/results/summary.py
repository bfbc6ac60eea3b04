"""From repeats to one figure for each metric: median, interval, score."""

from __future__ import annotations

from collections.abc import Iterable

from levinthal.harness.results.labels import Key
from levinthal.harness.results.result import Metric, Repeat, Summaries, Summary
from levinthal.metrics.statistics import median_interval, mlperf_score

CONFIDENCE = 0.95


def passed_values(repeats: Iterable[Repeat]) -> dict[Key, list[float]]:
    """Return for each figure its values in the repeats that passed, in their order; those not measured left out."""
    values: dict[Key, list[float]] = {}
    for repeat in repeats:
        for metric in repeat.metrics:
            kept = values.setdefault(metric.key, [])
            if repeat.verdict == "passed" and metric.value is not None:
                kept.append(metric.value)
    return values


def summarise(repeats: Iterable[Repeat]) -> Summaries:
    """Summarise each metric over the repeats that passed.

    A repeat that missed a gate or failed gives no figure at all, neither of speed nor of quality: the quality of what
    went wrong would bend the median as much as its speed. It counts as a miss in the score of every metric.

    Parameters
    ----------
    repeats : iterable of Repeat
        All repeats of one run.

    Returns
    -------
    Summaries
        By name and labels, in the order of first appearance. `n` counts the values that entered. Where the median, the
        interval or the score is null, `reason` says why.
    """
    repeats = list(repeats)
    misses = sum(repeat.verdict != "passed" for repeat in repeats)
    first: dict[Key, Metric] = {}
    reasons: dict[Key, str] = {}
    for repeat in repeats:
        for metric in repeat.metrics:
            first.setdefault(metric.key, metric)
            if repeat.verdict == "passed" and metric.reason:
                reasons.setdefault(metric.key, metric.reason)
    values = passed_values(repeats)
    return Summaries(tuple(_summary(metric, values[key], misses, reasons.get(key)) for key, metric in first.items()))


def _summary(metric: Metric, values: list[float], misses: int, not_measured: str | None) -> Summary:
    what = metric.model_dump(include={"name", "labels", "unit", "better", "kind"})
    if not values:
        reason = not_measured or f"no repeat passed ({misses} missed a gate or failed)"
        return Summary(**what, n=0, median=None, ci95=None, reason=reason)
    interval = median_interval(values, CONFIDENCE)
    score = mlperf_score(values, misses, metric.better)
    reasons = [not_measured, None if interval else "one value: an interval needs at least 2", score.reason]
    return Summary(
        **what,
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
