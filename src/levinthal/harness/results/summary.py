"""From repeats to one figure for each metric: median, interval, score."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from levinthal.harness.results.labels import Key
from levinthal.harness.results.result import Metric, Repeat, Summaries, Summary
from levinthal.metrics.censored import censored_median
from levinthal.metrics.statistics import mlperf_score

CONFIDENCE = 0.95


def counted_values(repeats: Iterable[Repeat]) -> dict[Key, list[float]]:
    """Return for each figure the values that count, in the repeats' order; those not measured left out.

    Speeds count in repeats that passed. Qualities count in every repeat that measured them: how bad it was where a gate
    was missed is what they are for, and leaving it out would make them look better than they are.
    """
    values: dict[Key, list[float]] = {}
    for repeat in repeats:
        for metric in repeat.metrics:
            kept = values.setdefault(metric.key, [])
            if metric.value is not None and (metric.kind == "quality" or repeat.verdict == "passed"):
                kept.append(metric.value)
    return values


def summarise(repeats: Iterable[Repeat]) -> Summaries:
    """Summarise each metric over the repeats.

    A repeat that missed a gate or failed gives no speed. Its qualities enter, and `n_failed` says how many of them did.
    It counts as a miss in the score of every metric. A repeat that waited in vain for what a time is measured to counts
    as one that takes longer, whether it passed or not.

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
    values = counted_values(repeats)
    groups: dict[Key, list[tuple[bool, Metric]]] = {}
    for repeat in repeats:
        for metric in repeat.metrics:
            groups.setdefault(metric.key, []).append((repeat.verdict == "passed", metric))
    misses = sum(repeat.verdict != "passed" for repeat in repeats)
    return Summaries(tuple(_summary(group, values[key], misses) for key, group in groups.items()))


def _summary(group: Sequence[tuple[bool, Metric]], values: list[float], misses: int) -> Summary:
    what = group[0][1].model_dump(include={"name", "labels", "unit", "better", "kind"})
    not_measured = next((metric.reason for passed, metric in group if passed and metric.reason), None)
    waits = [metric.censored_at for _, metric in group if metric.censored_at is not None]
    counts = {"n": len(values), "n_censored": len(waits)}
    if group[0][1].kind == "quality":
        counts["n_failed"] = sum(not passed and metric.value is not None for passed, metric in group)
    if not values and not waits:
        reason = not_measured or f"no repeat passed ({misses} missed a gate or failed)"
        return Summary(**what, **counts, median=None, ci95=None, reason=reason)
    if values and not waits:
        not_measured = not_measured if len(values) < len(group) else None
    found = censored_median(values, waits, CONFIDENCE)
    passed_values = [metric.value for passed, metric in group if passed and metric.value is not None]
    in_vain = sum(passed and metric.censored_at is not None for passed, metric in group)
    score = mlperf_score(passed_values, misses + in_vain, group[0][1].better)
    reasons = [not_measured if not waits else None, found.reason, score.reason]
    interval = found.interval
    return Summary(
        **what,
        **counts,
        median=None if found.median is None else _median(values) if not waits else found.median,
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
