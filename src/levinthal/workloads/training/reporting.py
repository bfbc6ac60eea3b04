"""Figures that every training and inference reports, under the same names in all workloads."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Literal, NamedTuple

from levinthal.harness import Run
from levinthal.metrics.description import Peaks
from levinthal.metrics.process import process_tree_usage

MOST_OF_A_PEAK = 1.05
"""A share of a measured peak above this is a failed measurement; below it, the two were measured in another second."""


def first_time(times_s: Iterable[float], values: Iterable[float | None], target: float) -> float | None:
    """Return the first of the times at which a value was at or below a target; null where none was."""
    reached = (time_s for time_s, value in zip(times_s, values, strict=True) if value is not None and value <= target)
    return next(reached, None)


def report_time_to_target(run: Run, reached_s: float | None, why: str, *, waited_s: float) -> None:
    """Report how long training took to a target, or why it did not get there in the time that it took in all."""
    missed = reached_s is None
    run.metric(
        "time to target", reached_s, unit="s", better="lower", reason=why if missed else None,
        censored_at=waited_s if missed else None,
    )  # fmt: skip


class Arithmetic(NamedTuple):
    """Operations of a phase that was timed.

    Attributes
    ----------
    phase : str
        "training" or "inference".
    flop_s : float
        Floating-point operations a second.
    precision : str
        Of the products, "fp32" or "bf16": says whose peak is meant.
    flops : {"executed", "direct algorithm"}
        Which operations were counted: those that ran, or those of the direct algorithm where a shorter one may run.
    saving : float
        By how much a shorter algorithm divides the operations at most; 1 for those that ran.
    """

    phase: str
    flop_s: float
    precision: str
    flops: Literal["executed", "direct algorithm"] = "executed"
    saving: float = 1.0

    def peak_gflop_s(self, peaks: Peaks) -> float | None:
        """Return the measured peak of its precision."""
        return peaks.bf16_gflop_s if self.precision == "bf16" else peaks.fp32_gflop_s

    def is_impossible(self, peaks: Peaks) -> bool:
        """Say whether more operations were executed than the peak allows: then it is the peak that is wrong."""
        peak = self.peak_gflop_s(peaks)
        return peak is not None and self.flop_s / 1e9 / self.saving > MOST_OF_A_PEAK * peak


def report_arithmetic(run: Run, phases: Sequence[Arithmetic]) -> None:
    """Report operations a second of phases, and their share of what the machine can do at best.

    A share of more than 1.05, counted in executed operations, is not a figure: something held the machine while its
    peaks were measured. They are measured again, once, and if that does not help the share is not measured.

    Parameters
    ----------
    run : Run
    phases : sequence of Arithmetic
        All of the repeat, so that their shares are of the same peaks.
    """
    before = run.peaks()
    peaks = run.peaks(again=True) if any(each.is_impossible(before) for each in phases) else before
    if peaks is not before:
        run.warn(_disturbed(phases, before, peaks))
    for each in phases:
        run.metric("arithmetic rate", each.flop_s / 1e9, unit="GFLOP/s", better="higher", labels={"phase": each.phase})
        peak, reason = each.peak_gflop_s(peaks), f"the {each.precision} peak was not measured"
        if peak is not None and each.is_impossible(peaks):
            reason = (
                f"it would be {each.flop_s / 1e9 / peak:.3g} of a peak of {peak:.3g} GFLOP/s, more than can be: other "
                "programs held the machine while its peaks were measured, twice; run again on an idle one"
            )
            peak = None
        run.metric(
            "share of the measured peak",
            None if peak is None else each.flop_s / 1e9 / peak,
            unit="1",
            better="higher",
            reason=None if peak is not None else reason,
            labels={"phase": each.phase, "flops": each.flops},
        )


def _disturbed(phases: Sequence[Arithmetic], before: Peaks, after: Peaks) -> str:
    changes = dict.fromkeys(
        f"{each.precision} {each.peak_gflop_s(before):.3g} then {each.peak_gflop_s(after):.3g} GFLOP/s"
        for each in phases
        if each.is_impossible(before)
    )
    return (
        "Other programs held this machine while its peaks were measured: a phase came out faster than they allow. They "
        f"were measured again ({', '.join(changes)}); other times of this repeat may be disturbed too."
    )


def report_peak_memory(run: Run) -> None:
    """Report the most memory that the repeat's processes held so far."""
    run.metric("peak memory", process_tree_usage().peak_rss_bytes / 1e6, unit="MB", better="lower")
