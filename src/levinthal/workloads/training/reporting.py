"""Figures that every training and inference reports, under the same names in all workloads."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Literal

from levinthal.harness import Run
from levinthal.metrics.peaks import Peaks
from levinthal.metrics.process import process_tree_usage


def first_time(times_s: Iterable[float], values: Iterable[float | None], target: float) -> float | None:
    """Return the first of the times at which a value was at or below a target; null where none was."""
    reached = (time_s for time_s, value in zip(times_s, values, strict=True) if value is not None and value <= target)
    return next(reached, None)


def report_time_to_target(run: Run, reached_s: float | None, why: str) -> None:
    """Report how long training took to a target, or why it did not get there."""
    reason = None if reached_s is not None else why
    run.metric("time to target", reached_s, unit="s", better="lower", reason=reason)


def report_arithmetic(
    run: Run, phase: str, flop_s: float, peaks: Peaks, precision: str, flops: Literal["executed", "direct algorithm"]
) -> None:
    """Report operations a second of a phase, and their share of what the machine can do at best.

    Parameters
    ----------
    run : Run
    phase : str
        "training" or "inference".
    flop_s : float
        Floating-point operations a second.
    peaks : Peaks
    precision : {"fp32", "bf16"}
        Of the products, which says whose peak is meant.
    flops : {"executed", "direct algorithm"}
        Which operations were counted: those that ran, or those of the direct algorithm where a shorter one may run.
    """
    peak = peaks.bf16_gflop_s if precision == "bf16" else peaks.fp32_gflop_s
    run.metric("arithmetic rate", flop_s / 1e9, unit="GFLOP/s", better="higher", labels={"phase": phase})
    run.metric(
        "share of the measured peak",
        None if peak is None else flop_s / 1e9 / peak,
        unit="1",
        better="higher",
        reason=None if peak is not None else f"the {precision} peak was not measured",
        labels={"phase": phase, "flops": flops},
    )


def report_peak_memory(run: Run) -> None:
    """Report the most memory that the repeat's processes held so far."""
    run.metric("peak memory", process_tree_usage().peak_rss_bytes / 1e6, unit="MB", better="lower")
