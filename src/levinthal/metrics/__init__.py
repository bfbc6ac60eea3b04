"""The machine, its peaks and its energy, and honest statistics of a few repeats: what a library user may import."""

from __future__ import annotations

from typing import TYPE_CHECKING

from levinthal.lazy import lazily

if TYPE_CHECKING:
    from levinthal.metrics.energy import EnergyMeter
    from levinthal.metrics.machine import describe_machine
    from levinthal.metrics.peaks import measure_peaks
    from levinthal.metrics.process import process_tree_usage
    from levinthal.metrics.statistics import median_interval, mlperf_score
    from levinthal.metrics.two_samples import compare_samples

__all__ = [
    "EnergyMeter",
    "compare_samples",
    "describe_machine",
    "measure_peaks",
    "median_interval",
    "mlperf_score",
    "process_tree_usage",
]

__getattr__, __dir__ = lazily(__name__)
