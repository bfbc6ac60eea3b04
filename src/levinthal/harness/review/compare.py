"""Two results of one workload: faster, slower or can't tell, metric by metric.

The rule is asv's: the Mann-Whitney test with p below 0.002 and, for speed, a factor of at least 1.1, because the speed
of a machine drifts between two runs by more than its scatter within one. Ranks need 7 repeats a side to reach that p.
Below that asv looks whether two 99 % intervals overlap; here, from 3 repeats a side on, all values must lie apart and
Welch's t-test on logarithms reach the same p. That assumes a normal scatter, so such a verdict is labelled. With fewer
repeats the answer is "can't tell" and how many more are needed.

Two results have dozens of figures in common, and of so many some differ by chance. So a verdict also needs a p below
0.05 after Holm's correction for the number of figures: the chance of one false verdict or more among all is then below
0.05. The figures that the workload calls its main ones are named beforehand: they come first and are corrected for
their own number, all others for theirs.
"""

from __future__ import annotations

import math
import textwrap
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from statistics import median
from typing import Literal

from levinthal.errors import ResultError
from levinthal.harness.results.labels import Key, Label, in_words
from levinthal.harness.results.result import Better, Kind, Metric, Result
from levinthal.harness.results.summary import counted_values
from levinthal.harness.review.differences import differences
from levinthal.metrics.statistics import Interval
from levinthal.metrics.two_samples import P_THRESHOLD, SampleComparison, compare_samples, holm, more_repeats_needed

FACTOR = 1.1
"""How much faster B must be than A; the value is asv's."""

FAMILY_P = 0.05
"""Chance of a false verdict among all figures of a family: the main ones, or the others."""

FEWEST_REPEATS = 3
"""Below this number a side, no rule is offered: two values show nothing of their scatter."""

ComparisonVerdict = Literal["faster", "slower", "better", "worse", "can't tell"]

_SIGN: dict[Better, float] = {"higher": 1.0, "lower": -1.0}


@dataclass(frozen=True, slots=True)
class MetricComparison:
    """How one metric of B stands to that of A.

    Attributes
    ----------
    name, labels, unit, better, kind
        The metric, as in the results.
    is_main : bool
        Whether it is a main figure of the workload.
    n_a, n_b : int
        Values compared: speeds of repeats that passed, qualities of all.
    median_a, median_b : float or None
        Null where there is no value.
    ratio : float or None
        The typical ratio (Hodges and Lehmann's), turned so that above 1 B is better whichever way the metric counts;
        null unless all values are positive.
    ratio_interval : tuple of float or None
        Its 95 % interval.
    delta : float or None
        Cliff's delta, turned likewise: 1 where every value of B is better than every one of A.
    delta_interval : tuple of float or None
        Its 95 % interval.
    p_value : float or None
        Two-sided Mann-Whitney p.
    p_holm : float or None
        The p that the rule looks at, corrected for the number of main figures or of others; null without one.
    verdict : str
        `faster` or `slower` for speed, `better` or `worse` for quality, or `can't tell`: what B is.
    rule : str
        The rule the verdict rests on.
    reason : str
        What decided.
    more_repeats : int or None
        How many more repeats a side the test of ranks needs before it can say anything; 0 where it can, null where
        there is nothing to compare.
    """

    name: str
    labels: Mapping[str, Label]
    unit: str
    better: Better
    kind: Kind
    is_main: bool
    n_a: int
    n_b: int
    median_a: float | None
    median_b: float | None
    ratio: float | None
    ratio_interval: tuple[float, float] | None
    delta: float | None
    delta_interval: tuple[float, float] | None
    p_value: float | None
    p_holm: float | None
    verdict: ComparisonVerdict
    rule: str
    reason: str
    more_repeats: int | None


@dataclass(frozen=True, slots=True)
class Comparison:
    """Two results side by side; every ratio above 1 speaks for B.

    Attributes
    ----------
    workload : str
        Name of the workload.
    version : int
        Its version, the same on both sides.
    metrics : tuple of MetricComparison
        Those both results have: the main ones, then the others, each in A's order.
    only_in_a, only_in_b : tuple of Key
        Metrics one of them lacks.
    warnings : tuple of str
        What else differs and may be the cause: settings, machine, software, data, missed gates.
    """

    workload: str
    version: int
    metrics: tuple[MetricComparison, ...]
    only_in_a: tuple[Key, ...]
    only_in_b: tuple[Key, ...]
    warnings: tuple[str, ...]


def compare_results(a: Result, b: Result, main: Collection[Key] = ()) -> Comparison:
    """Compare result B with result A.

    Parameters
    ----------
    a, b : Result
        Runs of the same workload in the same version. Other settings, sizes and machines are allowed, for they may be
        what is studied, and listed in `warnings`.
    main : collection of Key
        The workload's main figures; see `levinthal.harness.contract.main_figures`.

    Raises
    ------
    ResultError
        Another workload or another version of it: their figures do not mean the same.
    """
    if a.workload != b.workload:
        raise ResultError(
            f"A is of {a.workload.name} version {a.workload.version}, B of {b.workload.name} version "
            f"{b.workload.version}: compare results of one workload and version (run the older one again)"
        )
    metrics_a, metrics_b = _metrics(a), _metrics(b)
    values_a, values_b = counted_values(a.repeats), counted_values(b.repeats)
    shared = [key for key in metrics_a if key in metrics_b]
    compared: list[MetricComparison] = []
    for family in ([key for key in shared if key in main], [key for key in shared if key not in main]):
        pairs = [_Pair.of(metrics_a[key], metrics_b[key], values_a[key], values_b[key]) for key in family]
        tested = [pair for pair in pairs if pair.p_value is not None]
        corrected = dict(zip(map(id, tested), holm([pair.p_value or 0.0 for pair in tested]), strict=True))
        compared += [_compare_metric(pair, corrected.get(id(pair)), len(tested), main) for pair in pairs]
    return Comparison(
        workload=a.workload.name,
        version=a.workload.version,
        metrics=tuple(compared),
        only_in_a=tuple(key for key in metrics_a if key not in metrics_b),
        only_in_b=tuple(key for key in metrics_b if key not in metrics_a),
        warnings=tuple(differences(a, b)),
    )


def _metrics(result: Result) -> dict[Key, Metric]:
    found: dict[Key, Metric] = {}
    for repeat in result.repeats:
        for metric in repeat.metrics:
            found.setdefault(metric.key, metric)
    return found


@dataclass(frozen=True, slots=True)
class _Pair:
    """One metric of both sides; `sample` is null, with a reason, where they cannot be compared."""

    a: Metric
    values_a: list[float]
    values_b: list[float]
    sample: SampleComparison | None
    reason: str

    @classmethod
    def of(cls, a: Metric, b: Metric, values_a: list[float], values_b: list[float]) -> _Pair:
        if (a.unit, a.better, a.kind) != (b.unit, b.better, b.kind):
            kinds = [f"{metric.unit or 'no unit'}, {metric.better} better, {metric.kind}" for metric in (a, b)]
            return cls(a, values_a, values_b, None, f"A and B do not mean the same: {kinds[0]} against {kinds[1]}")
        if not values_a or not values_b:
            sides = " and ".join(side for side, values in (("A", values_a), ("B", values_b)) if not values)
            return cls(a, values_a, values_b, None, f"no repeat that counts has a value in {sides}")
        return cls(a, values_a, values_b, compare_samples(values_a, values_b), "")

    @property
    def more(self) -> int:
        """Repeats a side that the test of ranks lacks."""
        return more_repeats_needed(len(self.values_a), len(self.values_b))

    @property
    def p_value(self) -> float | None:
        """The p that the rule looks at; null where there are too few repeats for any."""
        if self.sample is None:
            return None
        if self.more == 0:
            return self.sample.p_value
        return self.sample.welch_p if min(len(self.values_a), len(self.values_b)) >= FEWEST_REPEATS else None


def _compare_metric(pair: _Pair, p_holm: float | None, n_tested: int, main: Collection[Key]) -> MetricComparison:
    sign = _SIGN[pair.a.better]
    sample = pair.sample
    verdict: ComparisonVerdict = "can't tell"
    rule, reason = "none", pair.reason
    if sample is not None:
        verdict, rule, reason = _decide(pair, sample, p_holm, n_tested)
    return MetricComparison(
        name=pair.a.name,
        labels=pair.a.labels,
        unit=pair.a.unit,
        better=pair.a.better,
        kind=pair.a.kind,
        is_main=pair.a.key in main,
        n_a=len(pair.values_a),
        n_b=len(pair.values_b),
        median_a=_median(pair.values_a),
        median_b=_median(pair.values_b),
        ratio=None if sample is None or sample.ratio is None else sample.ratio**sign,
        ratio_interval=_turned_ratio(sample.ratio_interval if sample else None, sign),
        delta=None if sample is None else sample.delta * sign + 0.0,
        delta_interval=_turned_delta(sample.delta_interval if sample else None, sign),
        p_value=None if sample is None else sample.p_value,
        p_holm=p_holm,
        verdict=verdict,
        rule=rule,
        reason=reason,
        more_repeats=None if sample is None else pair.more,
    )


def _decide(
    pair: _Pair, sample: SampleComparison, p_holm: float | None, n_tested: int
) -> tuple[ComparisonVerdict, str, str]:
    """Return verdict, rule and reason."""
    metric, more = pair.a, pair.more
    if pair.p_value is None or p_holm is None:
        n_a, n_b = len(pair.values_a), len(pair.values_b)
        return "can't tell", "none", f"{n_a} and {n_b} repeats are too few: {more} more a side needed"
    shown = pair.p_value < P_THRESHOLD
    if more == 0:
        rule, reason = f"Mann-Whitney p < {P_THRESHOLD}", f"p = {pair.p_value:.2g}"
    else:
        rule = f"few repeats: all values apart and Welch's t p < {P_THRESHOLD}"
        shown = shown and sample.separated
        reason = f"values {'apart' if sample.separated else 'overlap'}, t-test p = {pair.p_value:.2g}"
    rule += f" and, by Holm, p < {FAMILY_P}"
    if shown and p_holm >= FAMILY_P:
        return "can't tell", rule, f"{reason}, but {p_holm:.2g} corrected for {n_tested} figures"
    forward = sample.delta * _SIGN[metric.better] > 0.0
    if metric.kind == "speed":
        rule += f" and a factor of {FACTOR}"
        factor = None if sample.ratio is None else max(sample.ratio, 1.0 / sample.ratio)
        if factor is None:
            shown, more, reason = False, 0, "a value is zero or negative, so there is no factor"
        elif shown and factor < FACTOR:
            shown, more, reason = False, 0, f"{reason}, but the factor {factor:.3f} is below {FACTOR}"
    if not shown:
        return "can't tell", rule, f"{reason}; {more} more repeats a side needed for ranks" if more else reason
    if metric.kind == "speed":
        return ("faster" if forward else "slower"), rule, reason
    return ("better" if forward else "worse"), rule, reason


def _median(values: list[float]) -> float | None:
    return median(values) if values else None


def _turned_ratio(interval: Interval | None, sign: float) -> tuple[float, float] | None:
    if interval is None:
        return None
    return (interval.low, interval.high) if sign > 0.0 else (1.0 / interval.high, 1.0 / interval.low)


def _turned_delta(interval: Interval | None, sign: float) -> tuple[float, float] | None:
    if interval is None:
        return None
    return (interval.low, interval.high) if sign > 0.0 else (-interval.high + 0.0, -interval.low + 0.0)


def _number(value: float) -> str:
    if value == 0.0 or not math.isfinite(value):
        return f"{value:g}"
    digits = max(0, 3 - math.floor(math.log10(abs(value))))
    return f"{value:,.{digits}f}" if digits <= 6 and abs(value) < 1e9 else f"{value:.4g}"


def _bracket(interval: tuple[float, float] | None) -> str:
    return f" [{interval[0]:.3g}, {interval[1]:.3g}]" if interval else ""


def comparison_lines(comparison: Comparison, width: int = 80) -> list[str]:
    """Return the comparison as plain lines of at most `width` columns.

    Parameters
    ----------
    comparison : Comparison
        What to print.
    width : int
        Columns; a single word longer than that is not broken.
    """
    lines = _wrapped(
        f"{comparison.workload} version {comparison.version}: B against A (a ratio above 1 speaks for B; "
        "brackets are 95 % intervals)",
        width,
        "",
    )
    for warning in comparison.warnings:
        lines += _wrapped(f"! {warning}", width, "  ")
    for before, metric in zip((None, *comparison.metrics), comparison.metrics, strict=False):
        if before is not None and before.is_main and not metric.is_main:
            lines.append("other figures:")
        unit = f" {metric.unit}" if metric.unit not in {"", "1"} else ""
        ratio = "" if metric.ratio is None else f"  {metric.ratio:.3g}x{_bracket(metric.ratio_interval)}"
        lines += _wrapped(f"{metric.verdict:<11} {in_words(metric.name, metric.labels)}{ratio}", width, " " * 12)
        values = ", ".join(
            f"{side} {'not measured' if median is None else _number(median) + unit} (n {n})"
            for side, median, n in (("A", metric.median_a, metric.n_a), ("B", metric.median_b, metric.n_b))
        )
        delta = "" if metric.delta is None else f"; Cliff's delta {metric.delta:+.2f}{_bracket(metric.delta_interval)}"
        label = "; few repeats" if metric.rule.startswith("few") and metric.verdict != "can't tell" else ""
        lines += _wrapped(f"{' ' * 12}{values}; {metric.reason}{label}{delta}", width, " " * 12)
    for side, names in (("A", comparison.only_in_a), ("B", comparison.only_in_b)):
        if names:
            lines += _wrapped(f"only in {side}: {', '.join(map(str, names))}", width, "  ")
    return lines


def _wrapped(text: str, width: int, indent: str) -> list[str]:
    return textwrap.wrap(text, width, subsequent_indent=indent, break_long_words=False, break_on_hyphens=False)
