"""A suite in one number, against a reference machine.

It is the weighted geometric mean of the ratios to the reference, (product of s_i^w_i)^(1 / sum of w_i), as NERSC's SSI
and LANL's SSNI are (documents of NERSC-10 and of ATS-5). It exists where every figure of the reference was measured by
the same version of its workload, at the same size, in the closed division, and met its gates.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from levinthal.harness.review.merit import Merit, Reference
from levinthal.metrics.two_samples import ratio_interval

_DRAWS, _LEAST_REPEATS, _CONFIDENCE = 4000, 5, 0.95


@dataclass(frozen=True)
class SuiteMerit:
    """The number of a suite, or why there is none.

    Attributes
    ----------
    value : float or None
        1 is the reference machine; more is better.
    interval : tuple of (float, float) or None
        Of 95 %, from the repeats of the suite that is told; those of the reference are taken as they are.
    refused : tuple of str
        Why there is no value, or no interval.
    """

    value: float | None
    interval: tuple[float, float] | None
    refused: tuple[str, ...]


def ratio_to(merit: Merit, reference: Merit) -> float:
    """Return how many times as good a figure is as the reference's; both have a value."""
    assert merit.value is not None
    assert reference.value is not None
    ratio = merit.value / reference.value
    return ratio if merit.better == "higher" else 1.0 / ratio


def suite_merit(merits: Sequence[Merit], reference: Reference, seed: int = 0) -> SuiteMerit:
    """Return the number of a suite against a reference.

    Parameters
    ----------
    merits : sequence of Merit
        Those of other names than the reference has are passed over.
    reference : Reference
    seed : int
        Of the bootstrap, which draws the repeats of each workload with replacement: the expanded percentile interval
        (Hesterberg, Am. Stat. 69:371, 2015) of as many repeats as the workload with the fewest has.
    """
    known = {merit.title: merit for merit in merits}
    refused = tuple(_refusals(known, reference.figures))
    if refused:
        return SuiteMerit(None, None, refused)
    pairs = [(known[each.title], each) for each in reference.figures]
    value = math.exp(_weighted(pairs, [math.log(ratio_to(mine, theirs)) for mine, theirs in pairs]))
    least = min(len(mine.values) for mine, _ in pairs)
    if least < _LEAST_REPEATS:
        return SuiteMerit(value, None, (f"an interval needs {_LEAST_REPEATS} repeats, there are {least}",))
    return SuiteMerit(value, _interval(pairs, least, seed), ())


def _refusals(known: Mapping[str, Merit], wanted: Iterable[Merit]) -> Iterator[str]:
    for theirs in wanted:
        mine = known.get(theirs.title)
        if mine is None:
            yield f"{theirs.title} is not there: run all workloads"
        elif mine.version != theirs.version:
            yield f"{theirs.title}: version {mine.version} of the workload, the reference has {theirs.version}"
        elif mine.value is None or mine.value <= 0:
            yield f"{theirs.title}: {mine.reason or 'it is not positive'}"
        elif mine.size != theirs.size:
            yield f"{theirs.title}: size {mine.size}, the reference has {theirs.size}"
        elif mine.division != "closed":
            yield f"{theirs.title}: its settings are not those of the size (open division)"
        elif mine.unit != theirs.unit or mine.better != theirs.better:
            yield f"{theirs.title}: in {mine.unit}, the reference is in {theirs.unit}"


def _weighted(pairs: Sequence[tuple[Merit, Merit]], logs: Sequence[float] | Any) -> Any:
    weights = np.array([theirs.weight for _, theirs in pairs])
    return np.asarray(logs) @ weights / weights.sum()


def _interval(pairs: Sequence[tuple[Merit, Merit]], least: int, seed: int) -> tuple[float, float]:
    from scipy import stats

    rng = np.random.default_rng(seed)
    draws: dict[str, Any] = {}
    logs = np.empty((_DRAWS, len(pairs)))
    for column, (mine, theirs) in enumerate(pairs):
        values = np.log(mine.values)
        # the figures of a workload come from the same repeats
        if mine.workload not in draws or draws[mine.workload].max() >= len(values):
            draws[mine.workload] = rng.integers(len(values), size=(_DRAWS, len(values)))
        medians = np.median(values[draws[mine.workload]], axis=1)
        sign = 1.0 if mine.better == "higher" else -1.0
        logs[:, column] = sign * (medians - math.log(theirs.value or 1.0))
    quantile = stats.t.ppf(0.5 + _CONFIDENCE / 2, least - 1) * math.sqrt(least / (least - 1))
    tail = float(stats.norm.sf(quantile))
    low, high = np.quantile(_weighted(pairs, logs), (tail, 1.0 - tail))
    return math.exp(low), math.exp(high)


def reference_lines(merits: Sequence[Merit], reference: Reference) -> list[str]:
    """Return a line for each figure that both have: its ratio to the reference's, above 1 better, with an interval."""
    known = {each.title: each for each in reference.figures}
    lines = [f"reference: {reference.name}, measured {reference.provenance.measured_utc}"]
    for mine in merits:
        theirs = known.get(mine.title)
        if theirs is None:
            lines.append(f"{mine.title}: the reference has no such figure")
            continue
        reasons = list(_refusals({mine.title: mine}, [theirs]))
        if reasons:
            lines.append(f"{reasons[0]}: not compared")
            continue
        sides = (theirs.values, mine.values) if mine.better == "higher" else (mine.values, theirs.values)
        interval = ratio_interval(*sides)
        told = "too few repeats for an interval" if interval is None else f"[{interval.low:.4g}, {interval.high:.4g}]"
        lines.append(f"{mine.title}: {ratio_to(mine, theirs):.4g} {told} of the reference's {theirs.value:.4g}")
    return lines
